-- What one can do with the suggestion on the screen. Each function returns whether there is one, so
-- that a key can go on to mean what it meant before:
--   vim.keymap.set('i', '<C-l>', function()
--     return require('fimbul').accept_word() and '' or '<C-l>'
--   end, { expr = true })
local M = {}

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

-- Tells the server what became of an item of its own.
local function tell(item, method, values)
  local command = item.command
  local client = vim.lsp.get_client_by_id(item.client_id)
  if not (client and command and command.command == 'fimbul.accepted') then
    return
  end
  values = values or {}
  values.id = ((command.arguments or {})[1] or {}).id
  client:notify(method, values)
end

-- The first word of a text, or the signs before it, each with the space in front. Bytes from 128 on
-- belong to letters of other alphabets.
local function first_word(text)
  return text:match('^%s*[%w_\128-\255]+') or text:match('^%s*[^%w_%s\128-\255]+') or text
end

local function first_line(text)
  return text:match('^%s*[^\n]*')
end

-- Inserts the beginning of what is left of a suggestion; Neovim's client itself accepts all or
-- nothing. The rest is shown as soon as Neovim asks again.
local function accept_some(kind, first)
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      item = still_fits(item)
      if not item or type(item.insert_text) ~= 'string' or not item.range then
        return item
      end
      local buffer = vim.api.nvim_get_current_buf()
      local start_row, start_column, row, column = item.range:to_extmark()
      local typed = table.concat(vim.api.nvim_buf_get_text(buffer, start_row, start_column, row, column, {}), '\n')
      local left = item.insert_text:sub(#typed + 1)
      local taken = first(left)
      if not vim.startswith(item.insert_text, typed) or #taken == #left then
        return item
      end
      local lines = vim.split(taken, '\n')
      vim.api.nvim_buf_set_text(buffer, row, column, row, column, lines)
      local behind = #lines == 1 and column + #taken or #lines[#lines]
      vim.api.nvim_win_set_cursor(0, { row + #lines, behind })
      local client = vim.lsp.get_client_by_id(item.client_id)
      local encoding = client and client.offset_encoding or 'utf-16'
      tell(item, 'fimbul/accepted', {
        kind = kind,
        -- What was typed before may be on its way to the server yet.
        start = vim.str_utfindex(typed, encoding),
        length = vim.str_utfindex(typed .. taken, encoding),
      })
      return nil
    end,
  })
end

-- Inserts the whole suggestion.
function M.accept()
  return vim.lsp.inline_completion.get({ on_accept = still_fits })
end

-- Inserts its first word, or the signs before that.
function M.accept_word()
  return accept_some('word', first_word)
end

-- Inserts it up to the end of its first line.
function M.accept_line()
  return accept_some('line', first_line)
end

-- Sends it away.
function M.dismiss()
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      tell(item, 'fimbul/rejected')
      return nil
    end,
  })
end

return M
