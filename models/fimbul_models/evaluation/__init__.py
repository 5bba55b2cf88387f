"""Items to complete, the server that completes them, and how well it did."""
