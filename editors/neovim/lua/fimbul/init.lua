-- What a user's configuration may call; :h fimbul says how.
local options = require('fimbul.options')
local server = require('fimbul.server')
local switches = require('fimbul.switches')

local M = {}

-- By buffer, who draws there: a buffer keeps its way when the option changes.
local drawing = {}

local function backend_of(buffer)
  return drawing[buffer]
end

local function current()
  return drawing[vim.api.nvim_get_current_buf()]
end

-- Takes options (:h fimbul-options); may be called at any time, and is not needed.
function M.setup(given)
  options.take(given)
  server.take_options()
  if given and given.settings then
    server.configure()
  end
end

-- Sends options of the server to it, now and whenever one is started.
function M.configure(settings)
  M.setup({ settings = settings })
end

-- What a key does: nothing and false where there is no suggestion, so that it can go on to mean what
-- it meant before.
local function act(name)
  local backend = current()
  if not backend then
    return false
  elseif not backend.applies then
    return backend.actions[name]()
  elseif backend.applies(name) then
    return backend.actions[name]
  end
  return false
end

for _, name in ipairs({ 'accept', 'accept_word', 'accept_line', 'dismiss', 'next', 'previous', 'suggest' }) do
  M[name] = function()
    local found = act(name)
    if type(found) == 'function' then
      -- Where Neovim asks what a key means, nothing may be changed.
      vim.schedule(found)
      return true
    end
    return found
  end
end

-- Whether a suggestion is on the screen.
function M.is_shown()
  local backend = current()
  return backend ~= nil and backend.is_shown()
end

-- Turns suggestions over, or on and off: 'global', 'buffer', 'filetype'. Returns whether it is on.
function M.toggle(scope, is_on)
  return switches.toggle(scope, is_on)
end

-- Whether suggestions are on in the current buffer.
function M.is_enabled()
  return (switches.is_on(vim.api.nvim_get_current_buf()))
end

-- No suggestions for some minutes (10); zero ends that.
function M.snooze(minutes)
  switches.snooze(minutes)
end

-- The command of the suggestion on the screen; nil where there is none.
function M._command()
  local backend = current()
  return backend and backend.command and backend.command() or nil
end

-- A short text for a status line; empty where no server looks after the buffer.
function M.status()
  local backend = current()
  local choice = backend and { backend.choice() } or {}
  local note = require('fimbul.text').note(M._command())
  return require('fimbul.status').text(vim.api.nvim_get_current_buf(), choice, note)
end

-- Ends the server and starts it anew.
function M.restart()
  server.restart()
end

local DESCRIPTIONS = {
  accept = 'Accept the suggestion of fimbul',
  accept_word = 'Accept a word of the suggestion of fimbul',
  accept_line = 'Accept a line of the suggestion of fimbul',
  dismiss = 'Send the suggestion of fimbul away',
  next = 'Show the next suggestion of fimbul',
  previous = 'Show the previous suggestion of fimbul',
  suggest = 'Ask fimbul for a suggestion',
}

local function map_keys(buffer)
  local keys = options.get().keymaps
  for name, key in pairs(keys or {}) do
    if key and DESCRIPTIONS[name] then
      require('fimbul.keys').map(buffer, key, function()
        return act(name)
      end, DESCRIPTIONS[name])
    end
  end
end

-- Begins to suggest in a buffer that has got a server.
function M._attach(buffer, client)
  if drawing[buffer] then
    drawing[buffer].detach(buffer)
  end
  drawing[buffer] = require('fimbul.' .. options.get().ghost)
  drawing[buffer].attach(buffer, client)
  map_keys(buffer)
end

-- Ends it, as the server or the buffer is gone.
function M._detach(buffer)
  if drawing[buffer] then
    drawing[buffer].detach(buffer)
    drawing[buffer] = nil
  end
end

-- Asks again where the user is, as the server has become ready or a switch was turned.
function M._refresh()
  for buffer, backend in pairs(drawing) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      backend.refresh(buffer)
    end
  end
  vim.cmd.redrawstatus({ bang = true })
end

-- More of what is shown.
function M._longer(buffer, params)
  local backend = backend_of(buffer)
  if backend and buffer == vim.api.nvim_get_current_buf() then
    backend.longer(buffer, params)
  end
end

switches.changed = M._refresh

return M
