"""What a process of fimbul may not do: open a connection, leave its memory on disk."""
