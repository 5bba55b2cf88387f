-- What the server and the switches say, short enough for a status line.
local server = require('fimbul.server')
local switches = require('fimbul.switches')

local M = {}

local STATES = { loading = 'fimbul …', failed = 'fimbul !', ['no-model'] = 'fimbul !' }

-- The text for a buffer; empty where it has no server. `choice` is which of how many suggestions is
-- shown, if there is a choice; `note` says what the suggestion resembles.
function M.text(buffer, choice, note)
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
  end
  local number = choice[1] and (' %d/%d'):format(choice[1], choice[2]) or ''
  return 'fimbul' .. number .. (note and (' [%s]'):format(note) or '')
end

return M
