"""fimbul: private inline code completion for every editor that speaks LSP."""
