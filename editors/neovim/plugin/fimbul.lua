-- Ghost text from fimbul through Neovim's own client (0.12 and newer).
-- Set vim.g.fimbul_keymaps = false before this file is read to make your own mappings.

if not vim.lsp.inline_completion then
  vim.notify_once('fimbul: this Neovim has no inline completion; 0.12 or newer is needed', vim.log.levels.WARN)
  return
end

-- Neovim 0.12.4 inserts a suggestion where it was asked for even if the cursor has moved on
-- (neovim#36529). What was typed meanwhile is taken into the range if the suggestion begins with
-- it; otherwise the suggestion no longer fits and is dropped.
local function still_fits(item)
  if type(item.insert_text) ~= 'string' or not item.range then
    return item
  end
  local buffer = vim.api.nvim_get_current_buf()
  local start_row, start_column, end_row, end_column = item.range:to_extmark()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  row = row - 1
  if row ~= end_row or column < end_column then
    return nil
  end
  if column > end_column then
    local typed = vim.api.nvim_buf_get_text(buffer, start_row, start_column, row, column, {})
    if not vim.startswith(item.insert_text, table.concat(typed, '\n')) then
      return nil
    end
    item.range = vim.range(buffer, start_row, start_column, row, column)
  end
  return item
end

local function accept()
  return vim.lsp.inline_completion.get({ on_accept = still_fits })
end

vim.api.nvim_create_autocmd('LspAttach', {
  group = vim.api.nvim_create_augroup('fimbul', {}),
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if not client or client.name ~= 'fimbul' then
      return
    end
    vim.lsp.inline_completion.enable(true, { bufnr = event.buf, client_id = client.id })
    if vim.g.fimbul_keymaps ~= false then
      vim.keymap.set('i', '<Tab>', function()
        return accept() and '' or '<Tab>'
      end, { buffer = event.buf, expr = true, desc = 'Accept the suggestion of fimbul' })
    end
  end,
})

vim.lsp.enable('fimbul')
