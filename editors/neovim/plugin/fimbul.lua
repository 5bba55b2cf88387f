-- Starts fimbul with Neovim; :h fimbul. Read once.
if vim.g.loaded_fimbul then
  return
end
vim.g.loaded_fimbul = true

if vim.fn.has('nvim-0.10') == 0 then
  vim.notify_once('fimbul: Neovim 0.10 or newer is needed', vim.log.levels.WARN)
  return
end

local fimbul = require('fimbul')
local server = require('fimbul.server')

-- Colours of one's own win over these.
local has_hint = vim.fn.hlexists('ComplHint') == 1
vim.api.nvim_set_hl(0, 'FimbulGhost', { default = true, link = has_hint and 'ComplHint' or 'Comment' })
vim.api.nvim_set_hl(0, 'FimbulCount', { default = true, link = 'NonText' })
vim.api.nvim_set_hl(0, 'FimbulReference', { default = true, link = 'WarningMsg' })

-- What the server says of itself is kept for `status()`: `state`, `message`, and in `last` why
-- nothing is shown. What was asked while the model was loading got no answer.
vim.lsp.handlers['fimbul/status'] = function(_, params)
  local before = vim.g.fimbul_status
  vim.g.fimbul_status = params
  if params.state == 'ready' and (not before or before.state ~= 'ready') then
    fimbul._refresh()
  end
  vim.cmd.redrawstatus({ bang = true })
end

vim.lsp.handlers['fimbul/longer'] = function(_, params)
  fimbul._longer(vim.uri_to_bufnr(params.textDocument.uri), params)
end

-- Where the cursor comes to rest fimbul reads ahead, so that the first suggestion there is quick.
local rest = assert(vim.uv.new_timer())
local function tell_cursor(buffer)
  rest:start(150, 0, vim.schedule_wrap(function()
    local client = buffer == vim.api.nvim_get_current_buf() and server.client(buffer)
    if client then
      server.notify(client, 'fimbul/cursor', vim.lsp.util.make_position_params(0, client.offset_encoding))
    end
  end))
end

local group = vim.api.nvim_create_augroup('fimbul', {})

-- Plugin managers make the tags of the help; without one `:h fimbul` would find nothing.
local function make_help_known()
  local doc = vim.fs.dirname(vim.api.nvim_get_runtime_file('doc/fimbul.txt', false)[1] or '')
  if doc ~= '' and doc ~= '.' and not vim.uv.fs_stat(doc .. '/tags') then
    pcall(vim.cmd.helptags, doc)
  end
end

local function attach(event)
  local client = vim.lsp.get_client_by_id(event.data.client_id)
  if not client or client.name ~= 'fimbul' then
    return
  end
  fimbul._attach(event.buf, client)
  vim.api.nvim_clear_autocmds({ group = group, buffer = event.buf })
  vim.api.nvim_create_autocmd({ 'BufEnter', 'CursorMoved', 'FocusGained' }, {
    group = group,
    buffer = event.buf,
    callback = function()
      tell_cursor(event.buf)
    end,
  })
  tell_cursor(event.buf)
end

local function detach(event)
  local client = vim.lsp.get_client_by_id(event.data.client_id)
  if client and client.name == 'fimbul' then
    fimbul._detach(event.buf)
  end
end

vim.api.nvim_create_autocmd('LspAttach', { group = group, callback = attach })
vim.api.nvim_create_autocmd('LspDetach', { group = group, callback = detach })
vim.api.nvim_create_autocmd('BufWipeout', {
  group = group,
  callback = function(event)
    fimbul._detach(event.buf)
    require('fimbul.keys').forget(event.buf)
  end,
})

vim.defer_fn(make_help_known, 1000)
require('fimbul.commands').make()
server.take_options()
server.enable()
