"""Every option of fimbul, the layers they come from, and where files lie."""
