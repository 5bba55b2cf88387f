-- The plugin's own options, from `vim.g.fimbul` and `require('fimbul').setup`. What the server
-- does is set elsewhere: in its own file, or by `settings` here.
local M = {}

local DEFAULTS = {
  -- Who draws: 'builtin' is Neovim's own client, 'own' this plugin.
  ghost = vim.lsp.inline_completion and 'builtin' or 'own',
  -- Milliseconds without a key before `own` asks; the server knows itself when somebody types fast.
  debounce = 30,
  keymaps = {
    accept = '<Tab>',
    accept_word = '<M-Right>',
    accept_line = '<M-C-Right>',
    dismiss = '<C-]>',
    next = '<M-]>',
    previous = '<M-[>',
    suggest = '<M-\\>',
  },
  -- File types in which nothing is suggested: { markdown = false }.
  filetypes = {},
  -- Options of the server, as in its file: { completion = { trigger = 'manual' } }.
  settings = {},
  -- Whether a menu of another plugin that is open hides the suggestion of `own`.
  yield_to_menu = true,
}

local given = {}

-- Takes options; those that were not named stay as they are.
function M.take(options)
  given = vim.tbl_deep_extend('force', given, options or {})
end

-- All options as they are now.
function M.get()
  local found = vim.tbl_deep_extend('force', DEFAULTS, vim.g.fimbul or {}, given)
  -- Before there was a table, this was the only option.
  if vim.g.fimbul_keymaps == false then
    found.keymaps = false
  end
  if found.ghost == 'builtin' and not vim.lsp.inline_completion then
    found.ghost = 'own'
  end
  return found
end

return M
