"""What was suggested, kept for the keys that follow."""
