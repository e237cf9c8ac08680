"""From YAML text to a validated, frozen spec with positions."""
