-- What the server and the switches say, short enough for a status line.
local server = require('fimbul.server')
local switches = require('fimbul.switches')

local M = {}

local STATES = { loading = 'fimbul …', failed = 'fimbul !', ['no-model'] = 'fimbul !' }

-- The text for a buffer; empty where it has no server. `choice` is which of how many suggestions is
-- shown, if there is a choice.
function M.text(buffer, choice)
  if not server.client(buffer) then
    return ''
  end
  local is_on, off_by = switches.is_on(buffer)
  if off_by == 'snooze' then
    return ('fimbul zz %dm'):format(switches.snoozed())
  elseif not is_on then
    return 'fimbul off'
  end
  local status = vim.g.fimbul_status or { state = 'loading' }
  if STATES[status.state] then
    return STATES[status.state]
  elseif choice[1] then
    return ('fimbul %d/%d'):format(choice[1], choice[2])
  end
  return 'fimbul'
end

return M
