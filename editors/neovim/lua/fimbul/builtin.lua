-- Ghost text through Neovim's own client (0.12 and newer): it draws and accepts; what it lacks is
-- added here.
local server = require('fimbul.server')
local switches = require('fimbul.switches')
local text = require('fimbul.text')

local api = vim.api
local M = {}

local INVOKED = 1

-- The client's state of a buffer. It is not part of what Neovim promises, so it is only used for
-- what has no other way: asking again, and asking for several.
local function inner(buffer)
  local is_there, capability = pcall(require, 'vim.lsp._capability')
  local class = is_there and capability.all and capability.all.inline_completion
  return class and class.active and class.active[buffer]
end

-- Neovim 0.12.4 inserts a suggestion where it was asked for even if the cursor has moved on
-- (neovim#36529). What was typed meanwhile is taken into the range if the suggestion begins with
-- it; otherwise the suggestion no longer fits and is dropped.
local function still_fits(item)
  if type(item.insert_text) ~= 'string' or not item.range then
    return item
  end
  local buffer = api.nvim_get_current_buf()
  local start_row, start_column, end_row, end_column = item.range:to_extmark()
  local row, column = unpack(api.nvim_win_get_cursor(0))
  row = row - 1
  if row ~= end_row or column < end_column then
    return nil
  end
  if column > end_column then
    local typed = api.nvim_buf_get_text(buffer, start_row, start_column, row, column, {})
    if not text.rest(item.insert_text, table.concat(typed, '\n')) then
      return nil
    end
    item.range = vim.range(buffer, start_row, start_column, row, column)
  end
  return item
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
      local buffer = api.nvim_get_current_buf()
      local start_row, start_column, row, column = item.range:to_extmark()
      local typed = table.concat(api.nvim_buf_get_text(buffer, start_row, start_column, row, column, {}), '\n')
      local left = text.rest(item.insert_text, typed)
      local taken = left and first(left)
      if not left or taken == left then
        return item
      end
      api.nvim_buf_set_text(buffer, row, column, row, column, vim.split(taken, '\n'))
      local new_row, new_column = text.behind(row, column, taken)
      api.nvim_win_set_cursor(0, { new_row + 1, new_column })
      local client = vim.lsp.get_client_by_id(item.client_id)
      local encoding = client and client.offset_encoding or 'utf-16'
      server.say_note(item.command)
      server.tell(client, item.command, 'fimbul/accepted', {
        kind = kind,
        -- What was typed before may be on its way to the server yet.
        start = text.units(typed, encoding),
        length = text.units(typed .. taken, encoding),
      })
      return nil
    end,
  })
end

-- Asks as one who wants a suggestion, and goes by `step` through what is there then.
local function invoke(step)
  local client = inner(api.nvim_get_current_buf())
  if not client then
    return false
  end
  local shown = client.current and client.current.insert_text
  client.handler = function(self, ...)
    -- For this one answer only; then the class's own is seen again.
    self.handler = nil
    self:handler(...)
    local items = self:count_items()
    if step == 0 or items < 2 or not self.current then
      return
    end
    local index = 1
    for i = 1, items do
      local _, item = self:get_item(i)
      index = item and item.insertText == shown and i or index
    end
    self:select((index - 1 + step) % items + 1, true)
  end
  client:request(INVOKED)
  return true
end

local function choose(step)
  local client = inner(api.nvim_get_current_buf())
  if client and client.current and client:count_items() < 2 then
    return invoke(step)
  end
  if not M.is_shown() then
    return false
  end
  vim.lsp.inline_completion.select({ count = step })
  return true
end

-- Suggests in a buffer, or not, as the switches say.
function M.refresh(buffer)
  vim.lsp.inline_completion.enable((switches.is_on(buffer)), { bufnr = buffer })
  M.ask_again(buffer)
end

function M.attach(buffer)
  M.refresh(buffer)
end

function M.detach() end

-- Neovim's client keeps what it shows to itself, so it is made to ask again where there is more to
-- show; the answer is there already and comes at once.
function M.ask_again(buffer)
  if buffer ~= api.nvim_get_current_buf() or not vim.startswith(api.nvim_get_mode().mode, 'i') then
    return
  end
  for _, autocmd in ipairs(api.nvim_get_autocmds({ event = 'CursorMovedI', buffer = buffer })) do
    if (autocmd.group_name or ''):find('inline_completion', 1, true) and autocmd.callback then
      autocmd.callback({ buf = buffer, event = 'CursorMovedI' })
    end
  end
end

-- There is the whole of a suggestion of which a part is shown.
function M.longer(buffer, params)
  if vim.lsp.util.buf_versions[buffer] == params.textDocument.version then
    M.ask_again(buffer)
  end
end

-- Whether a suggestion is on the screen.
function M.is_shown()
  local space = api.nvim_create_namespace('nvim.lsp.inline_completion')
  return #api.nvim_buf_get_extmarks(0, space, 0, -1, { limit = 1 }) > 0
end

-- What can be done; each returns whether there was a suggestion.
M.actions = {
  accept = function()
    return vim.lsp.inline_completion.get({
      on_accept = function(item)
        local fits = still_fits(item)
        if fits then
          server.say_note(item.command)
        end
        return fits
      end,
    })
  end,
  accept_word = function()
    return accept_some('word', text.first_word)
  end,
  accept_line = function()
    return accept_some('line', text.first_line)
  end,
  dismiss = function()
    return vim.lsp.inline_completion.get({
      on_accept = function(item)
        server.tell(vim.lsp.get_client_by_id(item.client_id), item.command, 'fimbul/rejected')
        return nil
      end,
    })
  end,
  next = function()
    return choose(1)
  end,
  previous = function()
    return choose(-1)
  end,
  suggest = function()
    return invoke(0)
  end,
}

-- The command of the suggestion on the screen; nil where there is none.
function M.command()
  local client = M.is_shown() and inner(api.nvim_get_current_buf())
  return client and client.current and client.current.command or nil
end

-- Which of how many suggestions is shown; nil where there is none to choose from.
function M.choice()
  local client = inner(api.nvim_get_current_buf())
  local count = client and client.current and client:count_items() or 0
  if count > 1 then
    return client.current._index, count
  end
end

return M
