-- How Neovim 0.11 and newer starts the server (:h lsp-config). No file types: it serves them all.
return require('fimbul.server').config()
