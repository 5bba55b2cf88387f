"""Speed, measured with commands that anyone can rerun."""
