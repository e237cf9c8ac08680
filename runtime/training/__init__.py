"""Training networks, and opening what was trained."""
