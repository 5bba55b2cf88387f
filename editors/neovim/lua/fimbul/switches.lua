-- Whether suggestions are wanted: everywhere, in a file type, in a buffer, for the next minutes.
local options = require('fimbul.options')

local M = {}

local timer = assert(vim.uv.new_timer())
local until_then = 0
local by_filetype = {}

-- Called after each change, with nothing.
M.changed = function() end

-- Minutes that the snooze lasts yet, rounded up; zero if there is none.
function M.snoozed()
  return math.max(0, math.ceil((until_then - vim.uv.now()) / 60000))
end

local function is_filetype_on(filetype)
  local chosen = by_filetype[filetype]
  if chosen == nil then
    chosen = options.get().filetypes[filetype]
  end
  return chosen ~= false
end

-- Whether something may be suggested in a buffer, and if not, what says so.
function M.is_on(buffer)
  if vim.g.fimbul_enabled == false then
    return false, 'everywhere'
  elseif until_then > vim.uv.now() then
    return false, 'snooze'
  elseif vim.b[buffer].fimbul_enabled == false then
    return false, 'buffer'
  elseif not is_filetype_on(vim.bo[buffer].filetype) then
    return false, 'filetype'
  end
  return true
end

-- Turns suggestions on or off: 'global', 'buffer' or 'filetype'; true and false set it, nil turns
-- it over. Returns whether it is on there now.
function M.toggle(scope, is_on)
  local buffer = vim.api.nvim_get_current_buf()
  local filetype = vim.bo[buffer].filetype
  if scope == 'buffer' then
    if is_on == nil then
      is_on = vim.b[buffer].fimbul_enabled == false
    end
    vim.b[buffer].fimbul_enabled = is_on
  elseif scope == 'filetype' then
    if is_on == nil then
      is_on = not is_filetype_on(filetype)
    end
    by_filetype[filetype] = is_on
  else
    if is_on == nil then
      is_on = vim.g.fimbul_enabled == false
    end
    vim.g.fimbul_enabled = is_on
  end
  M.changed()
  return is_on
end

-- No suggestions for some minutes, ten if not said; zero ends it.
function M.snooze(minutes)
  local milliseconds = math.floor((minutes or 10) * 60000)
  until_then = vim.uv.now() + milliseconds
  timer:stop()
  -- A little later, so that it is over by the clock, too.
  timer:start(milliseconds + 5, 0, vim.schedule_wrap(function()
    M.changed()
  end))
  M.changed()
end

return M
