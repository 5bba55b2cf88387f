-- What a completion menu that is open has to say about ghost text beside it.
local options = require('fimbul.options')

local M = {}

-- Menus of other plugins: the module that is loaded once they are in use, and what it is asked.
local OTHERS = { cmp = { 'visible' }, ['blink.cmp'] = { 'is_menu_visible', 'is_visible' } }

local function other_is_open()
  for name, questions in pairs(OTHERS) do
    local plugin = package.loaded[name]
    for _, question in ipairs(type(plugin) == 'table' and questions or {}) do
      local ask = rawget(plugin, question) or plugin[question]
      if type(ask) == 'function' then
        local is_asked, answer = pcall(ask)
        return is_asked and answer == true
      end
    end
  end
  return false
end

-- How many characters at the end of `before` are the beginning of `word`.
local function overlap(before, word)
  for length = math.min(#before, #word), 1, -1 do
    if before:sub(-length) == word:sub(1, length) then
      return length
    end
  end
  return 0
end

-- Whether a selected word and what would be inserted behind `before` go together.
function M.agrees(word, before, rest)
  local missing = word:sub(overlap(before, word) + 1)
  return vim.startswith(rest, missing)
end

-- Whether something is selected in Neovim's own menu.
function M.has_selection()
  return vim.fn.pumvisible() == 1 and vim.fn.complete_info({ 'selected' }).selected >= 0
end

-- What of a suggestion may be drawn: 'all', 'line' or 'none'. `before` is the line up to the
-- cursor, `rest` what would be inserted there.
function M.leaves(before, rest)
  if vim.fn.pumvisible() ~= 1 then
    return options.get().yield_to_menu and other_is_open() and 'none' or 'all'
  end
  local info = vim.fn.complete_info({ 'selected', 'items' })
  local item = info.selected >= 0 and info.items[info.selected + 1]
  if item and not M.agrees(item.word, before, rest) then
    return 'none'
  end
  -- The lines below would be covered by the menu.
  return 'line'
end

return M
