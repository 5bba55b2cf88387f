"""What may be read, and what the model may see of it."""
