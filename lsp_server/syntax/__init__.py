"""What a parser knows about a text: trees, definitions, imports, comments and strings."""
