"""Messages about the user's mistakes: where, what was found, what to do."""
