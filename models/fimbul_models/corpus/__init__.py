"""Public code as data."""
