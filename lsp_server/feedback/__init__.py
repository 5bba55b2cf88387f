"""What became of suggestions: kept on this machine, counted, and shown to its user."""
