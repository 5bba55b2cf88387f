-- The commands (:h fimbul-commands).
local server = require('fimbul.server')
local switches = require('fimbul.switches')

local M = {}

-- A moment later: what the keys before the command did to the cursor would close the window.
local function show(lines)
  vim.defer_fn(function()
    vim.lsp.util.open_floating_preview(lines, 'text', { border = 'rounded', focus_id = 'fimbul' })
  end, 50)
end

-- The client of the current buffer; says what to do where there is none.
local function client_or_say()
  local client = server.client()
  if not client then
    vim.notify('fimbul: no server looks after this buffer; see :checkhealth fimbul', vim.log.levels.WARN)
  end
  return client
end

-- What became of the latest requests for this buffer, in a window beside the cursor.
local function explain()
  local client = client_or_say()
  if client then
    local asked = { uri = vim.uri_from_bufnr(0), message = false }
    server.execute(client, { command = 'fimbul.explain', arguments = { asked } }, function(problem, answer)
      show(vim.split(problem and problem.message or answer.text, '\n'))
    end)
  end
end

-- Lines about what the server counted in this session.
function M.statistics(answer)
  local lines = {
    ('Suggestions shown in this session: %d, of them known before: %d.'):format(answer.shown, answer.kept),
    ('Accepted whole: %d.'):format(answer.accepted),
  }
  local reasons = {}
  for reason, count in pairs(answer.rejections) do
    table.insert(reasons, { reason, count })
  end
  table.sort(reasons, function(one, other)
    return one[2] == other[2] and one[1] < other[1] or one[2] > other[2]
  end)
  if #reasons > 0 then
    table.insert(lines, 'Nothing was shown because of:')
  end
  for _, one in ipairs(reasons) do
    table.insert(lines, ('  %4d  %s'):format(one[2], one[1]))
  end
  table.insert(lines, 'What became of all suggestions: `fimbul stats` in a terminal.')
  return lines
end

local function stats()
  local client = client_or_say()
  if client then
    server.request(client, 'fimbul/statistics', vim.empty_dict(), function(problem, answer)
      show(problem and { problem.message } or M.statistics(answer))
    end)
  end
end

-- Lines about published code: what the suggestion on the screen resembles, then what was accepted.
function M.references(shown, listed)
  local lines = {}
  local function add(title, answer)
    if answer and answer.text ~= '' then
      table.insert(lines, title)
      vim.list_extend(lines, vim.split(answer.text, '\n'))
    end
  end
  add('The suggestion resembles:', shown)
  add('Accepted, and alike:', listed)
  return #lines > 0 and lines or { 'Nothing here is known to resemble published code.' }
end

local function references(arguments)
  local client = client_or_say()
  if not client then
    return
  end
  local about = arguments.args == 'all' and vim.empty_dict() or { uri = vim.uri_from_bufnr(0) }
  local command = require('fimbul')._command()
  local id = command and ((command.arguments or {})[1] or {}).id
  local function list(shown)
    server.request(client, 'fimbul/references', about, function(problem, listed)
      show(problem and { problem.message } or M.references(shown, listed))
    end)
  end
  if not id then
    list(nil)
    return
  end
  server.request(client, 'fimbul/references', { id = id }, function(problem, shown)
    list(not problem and shown or nil)
  end)
end

local function toggle(arguments)
  local scope = arguments.args == '' and 'global' or arguments.args
  local is_on = require('fimbul').toggle(scope)
  local place = { global = '', buffer = ' in this buffer', filetype = ' in this file type' }
  vim.notify(('fimbul: suggestions are %s%s'):format(is_on and 'on' or 'off', place[scope] or ''))
end

local function snooze(arguments)
  local minutes = tonumber(arguments.args == '' and '10' or arguments.args)
  if not minutes or minutes < 0 then
    vim.notify('fimbul: :FimbulSnooze takes minutes, such as 10; 0 ends it', vim.log.levels.ERROR)
    return
  end
  switches.snooze(minutes)
  vim.notify(minutes == 0 and 'fimbul: suggestions come again' or ('fimbul: no suggestions for %g minutes'):format(minutes))
end

local function status()
  local text = require('fimbul').status()
  local said = vim.g.fimbul_status or {}
  local last = said.last or {}
  local lines = { text == '' and 'No server looks after this buffer.' or text }
  for _, one in ipairs({ { 'Model', said.model or '' }, { 'Adapter', said.adapter or '' } }) do
    if one[2] ~= '' then
      table.insert(lines, one[1] .. ': ' .. one[2])
    end
  end
  for _, more in ipairs({ said.message or '', said.effortMessage or '' }) do
    if more ~= '' then
      table.insert(lines, more)
    end
  end
  if (last.explanation or '') ~= '' then
    table.insert(lines, 'Nothing was shown last: ' .. last.explanation)
  end
  show(lines)
end

local ACTIONS = { rollback = 'the one before', off = 'none' }

-- What can be chosen, and why nothing can.
function M.adapters(answer)
  local choices, is_used, why = {}, false, 'there are no adapters yet; `fimbul-models train` makes one'
  for _, one in ipairs(answer.adapters) do
    if one.message == '' then
      is_used = is_used or one.used
      local text = ('%s%s (%s)'):format(one.used and '* ' or '', one.name, one.created:sub(1, 10))
      table.insert(choices, { text = text, action = 'use', id = one.id })
    else
      why = one.message
    end
  end
  for _, action in ipairs(is_used and { 'rollback', 'off' } or {}) do
    table.insert(choices, { text = ACTIONS[action], action = action, id = '' })
  end
  return choices, why
end

-- Puts an adapter over the model in the folder of the buffer, or none; the server keeps it.
local function adapter()
  local client = client_or_say()
  if not client then
    return
  end
  local function ask(more, handler)
    local asked = vim.tbl_extend('error', { uri = vim.uri_from_bufnr(0) }, more)
    server.execute(client, { command = 'fimbul.adapters', arguments = { asked } }, handler)
  end
  ask({ action = 'list' }, function(_, answer)
    if type(answer) ~= 'table' then
      return
    end
    local choices, why = M.adapters(answer)
    if #choices == 0 then
      vim.notify('fimbul: ' .. why)
      return
    end
    local function text_of(choice)
      return choice.text
    end
    vim.ui.select(choices, { prompt = 'Adapter in ' .. answer.folder, format_item = text_of }, function(choice)
      if choice then
        ask({ action = choice.action, id = choice.id })
      end
    end)
  end)
end

local SCOPES = { 'global', 'buffer', 'filetype' }

-- Makes the commands.
function M.make()
  local command = vim.api.nvim_create_user_command
  command('FimbulExplain', explain, { desc = 'Say why fimbul suggests nothing' })
  command('FimbulStats', stats, { desc = 'What fimbul showed and did not show in this session' })
  command('FimbulStatus', status, { desc = 'How fimbul is' })
  command('FimbulAdapter', adapter, { desc = 'Choose an adapter for the folder of the buffer' })
  command('FimbulToggle', toggle, {
    desc = 'Turn suggestions on or off: everywhere, buffer, filetype',
    nargs = '?',
    complete = function(begin)
      return vim.tbl_filter(function(scope)
        return vim.startswith(scope, begin)
      end, SCOPES)
    end,
  })
  command('FimbulReferences', references, {
    desc = 'Which published code this resembles; all: in all files',
    nargs = '?',
    complete = function()
      return { 'all' }
    end,
  })
  command('FimbulSnooze', snooze, { desc = 'No suggestions for some minutes', nargs = '?' })
  command('FimbulRestart', server.restart, { desc = 'End the server and start it anew' })
end

return M
