-- The server as Neovim's client runs it: how it is started, told things and started again.
local options = require('fimbul.options')
local text = require('fimbul.text')

local M = {}

local ROOTS = { '.fimbul.toml', '.git' }
-- Milliseconds before a server that died is started again, and how often that is done in a row.
local AGAIN_AFTER, AGAIN_AT_MOST = 1000, 3
-- Milliseconds after which an earlier death counts no more.
local FORGET_AFTER = 180000

local deaths = {}
local stopping = {}
-- The item of which it was said last what it resembles.
local said

-- Neovim 0.10 calls a client's functions without the client.
local function call(client, name, ...)
  if vim.fn.has('nvim-0.11') == 1 then
    return client[name](client, ...)
  end
  return client[name](...)
end

-- The client of a buffer, the current one if none is named; nil if there is none.
function M.client(buffer)
  for _, client in ipairs(vim.lsp.get_clients({ name = 'fimbul', bufnr = buffer or 0 })) do
    if client.initialized then
      return client
    end
  end
end

function M.request(client, method, params, handler, buffer)
  local is_sent, id = call(client, 'request', method, params, handler, buffer)
  return is_sent and id or nil
end

function M.cancel(client, id)
  call(client, 'cancel_request', id)
end

function M.notify(client, method, params)
  call(client, 'notify', method, params)
end

-- Tells the server what became of an item of its own.
function M.tell(client, command, method, values)
  if client and command and command.command == 'fimbul.accepted' then
    values = values or {}
    values.id = ((command.arguments or {})[1] or {}).id
    M.notify(client, method, values)
  end
end

-- Runs a command of the server.
function M.execute(client, command, handler)
  local params = { command = command.command, arguments = command.arguments }
  M.request(client, 'workspace/executeCommand', params, handler or function() end)
end

-- How it is started; `vim.lsp.config('fimbul', …)` goes over it.
function M.config()
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.textDocument.inlineCompletion = { dynamicRegistration = false }
  return {
    name = 'fimbul',
    cmd = { 'fimbul', 'serve' },
    root_markers = ROOTS,
    capabilities = capabilities,
    on_exit = M.on_exit,
  }
end

local function start_again(config, buffers)
  for _, buffer in ipairs(buffers) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      vim.lsp.start(config, { bufnr = buffer })
    end
  end
end

-- A server that died is started again, for the buffers that it served.
function M.on_exit(code, signal, id)
  local client = vim.lsp.get_client_by_id(id)
  local buffers = client and vim.tbl_keys(client.attached_buffers or {}) or {}
  local is_wanted = stopping[id]
  stopping[id] = nil
  -- Variables of Neovim cannot be read where this is called.
  vim.schedule(function()
    vim.g.fimbul_status = nil
    if is_wanted or not client or vim.v.exiting ~= vim.NIL or (code == 0 and signal == 0) then
      return
    end
    local now = vim.uv.now()
    deaths = vim.tbl_filter(function(time)
      return now - time < FORGET_AFTER
    end, deaths)
    table.insert(deaths, now)
    if #deaths > AGAIN_AT_MOST then
      vim.notify('fimbul: the server ended again and again; see :checkhealth fimbul', vim.log.levels.ERROR)
      return
    end
    vim.defer_fn(function()
      start_again(client.config, buffers)
    end, AGAIN_AFTER)
  end)
end

-- Ends the servers and starts them anew, with the options as they are now.
function M.restart()
  deaths = {}
  for _, client in ipairs(vim.lsp.get_clients({ name = 'fimbul' })) do
    local buffers = vim.tbl_keys(client.attached_buffers or {})
    stopping[client.id] = true
    call(client, 'stop')
    local function once_gone(tries)
      if vim.lsp.get_client_by_id(client.id) and tries > 0 then
        -- A server that does not end by itself is ended.
        if tries == 1 then
          call(client, 'stop', true)
        end
        vim.defer_fn(function()
          once_gone(tries - 1)
        end, 100)
      else
        start_again(client.config, buffers)
      end
    end
    once_gone(50)
  end
end

-- Sends the options of the server to those that run; those that are started later ask for them.
function M.configure()
  local settings = options.get().settings
  for _, client in ipairs(vim.lsp.get_clients({ name = 'fimbul' })) do
    client.settings = vim.tbl_deep_extend('force', client.settings or {}, { fimbul = settings })
    client.config.settings = client.settings
    M.notify(client, 'workspace/didChangeConfiguration', { settings = client.settings })
  end
end

-- How it is started, from whichever place says so.
function M.command()
  local config = vim.lsp.config and vim.lsp.config.fimbul or M.config()
  return options.get().cmd or config.cmd
end

-- Neovim itself says only in a log that a program is not there.
function M.say_what_is_missing()
  local command = M.command()
  if type(command) == 'table' and vim.fn.executable(command[1]) == 0 then
    vim.notify_once(('fimbul: `%s` is not there; see :checkhealth fimbul'):format(command[1]), vim.log.levels.WARN)
  end
end

local function start_for(buffer)
  if vim.bo[buffer].buftype == '' then
    local config = M.config()
    config.cmd = options.get().cmd or config.cmd
    config.settings = { fimbul = options.get().settings }
    config.root_dir = vim.fs.root(buffer, ROOTS)
    vim.lsp.start(config, { bufnr = buffer })
  end
end

-- From now on every buffer with a file type gets a server.
function M.enable()
  vim.defer_fn(M.say_what_is_missing, 500)
  if vim.lsp.enable then
    vim.lsp.enable('fimbul')
    return
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('fimbul.start', {}),
    callback = function(event)
      start_for(event.buf)
    end,
  })
end

-- Says of an item that was accepted which code it resembles, once an item.
function M.say_note(command)
  local note = text.note(command)
  local id = note and command.arguments[1].id
  if note and said ~= id then
    said = id
    vim.notify(('fimbul: resembles %s; :FimbulReferences says more'):format(note))
  end
end

-- Takes the options that say how it is started.
function M.take_options()
  local found = options.get()
  if not vim.lsp.config then
    return
  end
  local wanted = {}
  if found.cmd then
    wanted.cmd = found.cmd
  end
  if next(found.settings) then
    wanted.settings = { fimbul = found.settings }
  end
  if next(wanted) then
    vim.lsp.config('fimbul', wanted)
  end
end

return M
