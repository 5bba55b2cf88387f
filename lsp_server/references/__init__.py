"""Does a text resemble code that somebody else has published? What follows is decided elsewhere."""
