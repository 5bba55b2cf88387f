-- Ghost text that this plugin draws itself: on Neovim 0.10 and 0.11, and later where it is preferred.
-- One suggestion a buffer, drawn by one extmark at the cursor; the state below is all that is kept.
local menu = require('fimbul.menu')
local options = require('fimbul.options')
local server = require('fimbul.server')
local switches = require('fimbul.switches')
local text = require('fimbul.text')

local api = vim.api
local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2
local namespace = api.nvim_create_namespace('fimbul')

-- By buffer: `client_id`, `timer`; `request`, the one that is waited for; `items`, `index`, the one
-- that is shown; `seen`, the place that was looked at last; `told`, ids that were drawn.
local states = {}

local function is_inserting(buffer)
  return buffer == api.nvim_get_current_buf() and vim.startswith(api.nvim_get_mode().mode, 'i')
end

local function cursor()
  local row, column = unpack(api.nvim_win_get_cursor(0))
  return row - 1, column
end

local function place_of(buffer)
  local row, column = cursor()
  return { tick = api.nvim_buf_get_changedtick(buffer), row = row, column = column }
end

local function is_at(buffer, place)
  return vim.deep_equal(place_of(buffer), { tick = place.tick, row = place.row, column = place.column })
end

local function hide(buffer, state)
  state.is_drawn = false
  api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
end

local function cancel(state)
  local request = state.request
  state.request = nil
  state.timer:stop()
  local client = request and vim.lsp.get_client_by_id(state.client_id)
  if client and request.id then
    server.cancel(client, request.id)
  end
end

local function clear(buffer, state)
  cancel(state)
  state.items = nil
  hide(buffer, state)
end

-- What is left of an item where the cursor is, and what of it stands there; nil if it does not fit.
local function left_of(buffer, item)
  local row, column = cursor()
  if row < item.row or (row == item.row and column < item.column) then
    return nil
  end
  local is_there, typed = pcall(api.nvim_buf_get_text, buffer, item.row, item.column, row, column, {})
  if not is_there then
    return nil
  end
  typed = table.concat(typed, '\n')
  return text.rest(item.text, typed), typed
end

-- The item that is shown, what is left of it and what of it stands there. Where another one fits
-- what was typed, and this one does not, the other is taken.
local function current(buffer, state)
  local item = state.items and state.items[state.index]
  if not item then
    return nil
  end
  local rest, typed = left_of(buffer, item)
  for index, other in ipairs(rest and {} or state.items) do
    rest, typed = left_of(buffer, other)
    if rest then
      state.index, item = index, other
      break
    end
  end
  if rest and rest ~= '' then
    return item, rest, typed
  end
end

local function as_chunks(buffer, lines)
  -- Virtual text does not expand tabs.
  local tab = string.rep(' ', vim.bo[buffer].tabstop)
  return vim.tbl_map(function(line)
    return { { (line:gsub('\t', tab)), 'FimbulGhost' } }
  end, lines)
end

-- Draws what is left of the suggestion; what does not fit any more is forgotten.
local function draw(buffer, state)
  hide(buffer, state)
  local item, rest = current(buffer, state)
  if not item then
    state.items = nil
    return
  end
  local row, column = cursor()
  local before = api.nvim_buf_get_lines(buffer, row, row + 1, false)[1]:sub(1, column)
  local leaves = menu.leaves(before, rest)
  if leaves == 'none' then
    return
  end
  local chunks = as_chunks(buffer, vim.split(rest, '\n', { plain = true }))
  if leaves == 'line' then
    chunks = { chunks[1] }
  end
  if state.is_choosing and #state.items > 1 then
    table.insert(chunks[#chunks], { (' (%d/%d)'):format(state.index, #state.items), 'FimbulCount' })
  end
  local note = text.note(item.command)
  if note then
    table.insert(chunks[#chunks], { (' [%s]'):format(note), 'FimbulReference' })
  end
  api.nvim_buf_set_extmark(buffer, namespace, row, column, {
    virt_text = chunks[1],
    virt_text_pos = 'inline',
    virt_lines = { unpack(chunks, 2) },
    hl_mode = 'combine',
  })
  state.is_drawn = true
  if not state.told[item.id or 0] then
    state.told[item.id or 0] = true
    server.tell(vim.lsp.get_client_by_id(state.client_id), item.command, 'fimbul/shown')
  end
end

-- An item of an answer with its place in bytes; nil for what this plugin does not insert.
local function read(buffer, item, place, encoding)
  if type(item.insertText) ~= 'string' then
    return nil
  end
  local found = {
    text = item.insertText,
    command = item.command,
    id = (((item.command or {}).arguments or {})[1] or {}).id,
    row = place.row,
    column = place.column,
    over = 0,
  }
  if item.range then
    local from, to = item.range.start, item.range['end']
    if from.line ~= place.row or to.line ~= place.row then
      return nil
    end
    local line = api.nvim_buf_get_lines(buffer, place.row, place.row + 1, false)[1] or ''
    found.column = text.byte(line, from.character, encoding)
    found.over = math.max(0, text.byte(line, to.character, encoding) - place.column)
  end
  return found
end

local function take(buffer, state, items, place)
  local client = vim.lsp.get_client_by_id(state.client_id)
  state.items, state.index, state.asked, state.told = {}, 1, place, {}
  for _, item in ipairs(client and items or {}) do
    table.insert(state.items, read(buffer, item, place, client.offset_encoding))
  end
end

local function answered(buffer, state, request, problem, result)
  if states[buffer] ~= state or state.request ~= request then
    return
  end
  state.request = nil
  if problem or not is_inserting(buffer) or not is_at(buffer, request) then
    return
  end
  local items = result or {}
  local shown = state.items and state.items[state.index]
  take(buffer, state, items.items or items, request)
  state.is_choosing = request.step ~= nil
  if request.step and shown then
    -- The one that was shown is mostly among them.
    for index, item in ipairs(state.items) do
      if item.text == shown.text then
        state.index = index
      end
    end
    state.index = #state.items > 0 and (state.index - 1 + request.step) % #state.items + 1 or 1
  end
  draw(buffer, state)
end

-- Asks at the cursor. With `step`, the answer is gone through by so many from what is shown.
local function ask(buffer, state, kind, step)
  local client = vim.lsp.get_client_by_id(state.client_id)
  if not client or not is_inserting(buffer) or not switches.is_on(buffer) then
    return
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  local before, request = state.request, place_of(buffer)
  request.step = step
  state.request = request
  request.id = server.request(client, METHOD, params, function(problem, result)
    answered(buffer, state, request, problem, result)
  end, buffer)
  -- Only now: what the earlier one has come to is of use to this one.
  if before and before.id then
    server.cancel(client, before.id)
  end
end

-- Looks at the place of the cursor: what is shown goes on if it fits, and the server is asked soon.
local function look(buffer)
  local state = states[buffer]
  if not state or not is_inserting(buffer) then
    return
  end
  if state.seen and is_at(buffer, state.seen) then
    -- A menu has opened or closed, or another word is selected in it.
    draw(buffer, state)
    return
  end
  state.seen = place_of(buffer)
  if not switches.is_on(buffer) or vim.fn.reg_executing() ~= '' then
    clear(buffer, state)
    return
  end
  state.is_choosing = false
  draw(buffer, state)
  state.timer:start(options.get().debounce, 0, vim.schedule_wrap(function()
    if states[buffer] == state then
      ask(buffer, state, AUTOMATIC)
    end
  end))
end

local function leave(buffer)
  local state = states[buffer]
  if state and api.nvim_buf_is_valid(buffer) then
    clear(buffer, state)
    state.seen = nil
  end
end

-- Begins to suggest in a buffer.
function M.attach(buffer, client)
  M.detach(buffer)
  states[buffer] = { client_id = client.id, timer = assert(vim.uv.new_timer()), told = {} }
  local group = api.nvim_create_augroup('fimbul.own.' .. buffer, {})
  local function on(events, callback)
    api.nvim_create_autocmd(events, {
      group = group,
      buffer = buffer,
      callback = function()
        callback(buffer)
      end,
    })
  end
  on({ 'InsertEnter', 'TextChangedI', 'TextChangedP', 'CursorMovedI', 'CompleteChanged', 'CompleteDone' }, function()
    -- While a menu changes no text may be drawn.
    vim.schedule(function()
      look(buffer)
    end)
  end)
  on({ 'InsertLeave', 'BufLeave', 'WinLeave' }, leave)
  M.refresh(buffer)
end

-- Ends it.
function M.detach(buffer)
  local state = states[buffer]
  if state then
    leave(buffer)
    state.timer:close()
    states[buffer] = nil
    pcall(api.nvim_del_augroup_by_name, 'fimbul.own.' .. buffer)
  end
end

-- Asks anew, as something has changed that the cursor does not show.
function M.refresh(buffer)
  local state = states[buffer]
  if state then
    state.seen = nil
    if not switches.is_on(buffer) then
      leave(buffer)
    end
    look(buffer)
  end
end

-- The whole of a suggestion of which a part is shown, or, without items, that it was taken back.
function M.longer(buffer, params)
  local state = states[buffer]
  if not state or not state.asked or not is_inserting(buffer) or not is_at(buffer, state.asked) then
    return
  end
  -- Who goes through others has chosen already.
  if not (state.is_choosing and state.items and state.index > 1) then
    take(buffer, state, params.items, state.asked)
    draw(buffer, state)
  end
end

-- Whether a suggestion is on the screen.
function M.is_shown()
  local state = states[api.nvim_get_current_buf()]
  return state ~= nil and state.is_drawn == true
end

local function insert(buffer, item, taken)
  -- The suggestion can be undone by itself.
  vim.cmd('let &g:undolevels = &g:undolevels')
  local row, column = cursor()
  local over = #taken == 0 and 0 or item.over
  api.nvim_buf_set_text(buffer, row, column, row, column + over, vim.split(taken, '\n', { plain = true }))
  local new_row, new_column = text.behind(row, column, taken)
  api.nvim_win_set_cursor(0, { new_row + 1, new_column })
end

local function accept(kind, first)
  local buffer = api.nvim_get_current_buf()
  local state = states[buffer]
  local item, rest, typed = nil, nil, nil
  if state then
    item, rest, typed = current(buffer, state)
  end
  if not item then
    return
  end
  local client = vim.lsp.get_client_by_id(state.client_id)
  local taken = first(rest)
  cancel(state)
  if taken == rest then
    clear(buffer, state)
    insert(buffer, item, rest)
    server.say_note(item.command)
    if client and item.command then
      server.execute(client, item.command)
    end
    return
  end
  local encoding = client and client.offset_encoding or 'utf-16'
  insert(buffer, { over = 0 }, taken)
  server.say_note(item.command)
  server.tell(client, item.command, 'fimbul/accepted', {
    kind = kind,
    -- What was typed before may be on its way to the server yet.
    start = text.units(typed, encoding),
    length = text.units(typed .. taken, encoding),
  })
  look(buffer)
end

local function choose(step)
  local buffer = api.nvim_get_current_buf()
  local state = states[buffer]
  if not state then
    return
  elseif state.is_choosing and state.items and #state.items > 1 then
    state.index = (state.index - 1 + step) % #state.items + 1
    draw(buffer, state)
  else
    -- What comes by itself comes alone.
    state.timer:stop()
    ask(buffer, state, INVOKED, step)
  end
end

-- What can be done; only `suggest` needs no suggestion on the screen.
M.actions = {
  accept = function()
    accept('whole', function(rest)
      return rest
    end)
  end,
  accept_word = function()
    accept('word', text.first_word)
  end,
  accept_line = function()
    accept('line', text.first_line)
  end,
  dismiss = function()
    local buffer = api.nvim_get_current_buf()
    local state = states[buffer]
    local item = state and state.items and state.items[state.index]
    if item then
      clear(buffer, state)
      server.tell(vim.lsp.get_client_by_id(state.client_id), item.command, 'fimbul/rejected')
    end
  end,
  next = function()
    choose(1)
  end,
  previous = function()
    choose(-1)
  end,
  suggest = function()
    local buffer = api.nvim_get_current_buf()
    if states[buffer] then
      states[buffer].timer:stop()
      ask(buffer, states[buffer], INVOKED, 0)
    end
  end,
}

-- Whether an action applies now. While a word is selected in a menu, keys are the menu's.
function M.applies(name)
  local state = states[api.nvim_get_current_buf()]
  if name == 'suggest' then
    return state ~= nil
  end
  return M.is_shown() and not menu.has_selection()
end

-- The command of the suggestion on the screen; nil where there is none.
function M.command()
  local state = states[api.nvim_get_current_buf()]
  local item = state and state.is_drawn and state.items and state.items[state.index]
  return item and item.command or nil
end

-- Which of how many suggestions is shown; nil where there is none to choose from.
function M.choice()
  local state = states[api.nvim_get_current_buf()]
  if state and state.is_drawn and state.items and #state.items > 1 then
    return state.index, #state.items
  end
end

return M
