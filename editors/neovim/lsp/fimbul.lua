-- How Neovim 0.11 and newer starts the server (:h lsp-config). No file types: it serves them all.
return { cmd = { 'fimbul', 'serve' }, root_markers = { '.fimbul.toml', '.git' } }
