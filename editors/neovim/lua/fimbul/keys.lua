-- Keys that mean something only while a suggestion is shown, and what they meant before otherwise.
local M = {}

-- What a key meant in insert mode before ours came, by buffer and key.
local before = {}
local waiting = {}

local function typed(keys)
  return vim.api.nvim_replace_termcodes(keys, true, true, true)
end

local function find_global(key)
  local wanted = typed(key)
  for _, mapping in ipairs(vim.api.nvim_get_keymap('i')) do
    if typed(mapping.lhs) == wanted then
      return mapping
    end
  end
end

-- Runs what could not run while Neovim asked what a key means.
function M.run()
  local callback = table.remove(waiting, 1)
  if callback then
    callback()
  end
end

local function later(callback)
  table.insert(waiting, callback)
  return typed("<Cmd>lua require('fimbul.keys').run()<CR>")
end

local function from_callback(mapping)
  if mapping.expr ~= 1 then
    return later(mapping.callback)
  end
  local keys = mapping.callback() or ''
  return mapping.replace_keycodes == 1 and typed(keys) or keys
end

local function from_text(mapping, key)
  local text = mapping.rhs:gsub('<SID>', '<SNR>' .. mapping.sid .. '_')
  if mapping.expr == 1 then
    text = vim.api.nvim_eval(text)
    text = mapping.replace_keycodes == 1 and typed(text) or text
  else
    text = typed(text)
  end
  -- What we return is not mapped again. Where that was wanted it goes in as if it were typed, but
  -- for text that begins with the key itself, as Vim does it.
  if mapping.noremap == 1 or vim.startswith(text, typed(key)) then
    return text
  end
  vim.api.nvim_feedkeys(text, 'mi', false)
  return ''
end

-- What a key meant before, as keys to go on with.
local function fall_through(buffer, key)
  local mapping = before[buffer][key] or find_global(key)
  if not mapping then
    return typed(key)
  elseif mapping.callback then
    return from_callback(mapping)
  end
  return from_text(mapping, key)
end

-- Maps a key in a buffer to an action, which returns whether it applied.
function M.map(buffer, key, action, description)
  before[buffer] = before[buffer] or {}
  if before[buffer][key] == nil then
    local mapping = vim.api.nvim_buf_call(buffer, function()
      return vim.fn.maparg(key, 'i', false, true)
    end)
    -- An empty one, and one of the whole editor, which is looked up when it is needed.
    before[buffer][key] = mapping.buffer == 1 and mapping or false
  end
  vim.keymap.set('i', key, function()
    local applied = action()
    if type(applied) == 'function' then
      return later(applied)
    end
    return applied and '' or fall_through(buffer, key)
  end, { buffer = buffer, expr = true, replace_keycodes = false, desc = description })
end

-- Forgets a buffer.
function M.forget(buffer)
  before[buffer] = nil
end

return M
