"""The `fimbul` command and its subcommands."""
