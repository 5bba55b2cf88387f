-- Ghost text from fimbul through Neovim's own client (0.12 and newer).
-- Set vim.g.fimbul_keymaps = false before this file is read to make your own mappings.

if not vim.lsp.inline_completion then
  vim.notify_once('fimbul: this Neovim has no inline completion; 0.12 or newer is needed', vim.log.levels.WARN)
  return
end

local fimbul = require('fimbul')

-- Neovim's client keeps what it shows to itself, so it is made to ask again where there is more to
-- show; the answer is there already and comes at once.
local function ask_again()
  local buffer = vim.api.nvim_get_current_buf()
  if not vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
    return
  end
  for _, autocmd in ipairs(vim.api.nvim_get_autocmds({ event = 'CursorMovedI', buffer = buffer })) do
    if (autocmd.group_name or ''):find('inline_completion', 1, true) and autocmd.callback then
      autocmd.callback({ buf = buffer, event = 'CursorMovedI' })
    end
  end
end

-- The whole of a suggestion of which a part is shown.
local function on_longer(_, params)
  local buffer = vim.uri_to_bufnr(params.textDocument.uri)
  local is_same = vim.lsp.util.buf_versions[buffer] == params.textDocument.version
  if is_same and buffer == vim.api.nvim_get_current_buf() then
    ask_again()
  end
end

-- What the server says of itself is kept for a status line: `state`, `message`, and in `last` why
-- nothing is shown. What was asked while the model was loading got no answer.
local function on_status(_, params)
  local before = vim.g.fimbul_status
  vim.g.fimbul_status = params
  if params.state == 'ready' and (not before or before.state ~= 'ready') then
    ask_again()
  end
end

-- What became of the latest requests for this buffer, in a window beside the cursor.
local function explain()
  local client = vim.lsp.get_clients({ name = 'fimbul', bufnr = 0 })[1]
  if not client then
    vim.notify('fimbul: no server looks after this buffer; see :checkhealth fimbul', vim.log.levels.WARN)
    return
  end
  local asked = { uri = vim.uri_from_bufnr(0), message = false }
  local params = { command = 'fimbul.explain', arguments = { asked } }
  client:request('workspace/executeCommand', params, function(problem, answer)
    local text = problem and problem.message or answer.text
    vim.lsp.util.open_floating_preview(vim.split(text, '\n'), 'text', { border = 'rounded', focus_id = 'fimbul' })
  end)
end

-- Where the cursor comes to rest fimbul reads ahead, so that the first suggestion there is quick.
local rest = assert(vim.uv.new_timer())
local function tell_cursor(buffer, client_id)
  rest:start(150, 0, vim.schedule_wrap(function()
    local client = vim.lsp.get_client_by_id(client_id)
    if not client or buffer ~= vim.api.nvim_get_current_buf() then
      return
    end
    local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
    client:notify('fimbul/cursor', params)
  end))
end

local group = vim.api.nvim_create_augroup('fimbul', {})
vim.lsp.handlers['fimbul/longer'] = on_longer
vim.lsp.handlers['fimbul/status'] = on_status

vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if not client or client.name ~= 'fimbul' then
      return
    end
    vim.lsp.inline_completion.enable(true, { bufnr = event.buf, client_id = client.id })
    vim.api.nvim_clear_autocmds({ group = group, buffer = event.buf })
    vim.api.nvim_create_autocmd({ 'BufEnter', 'CursorMoved', 'FocusGained' }, {
      group = group,
      buffer = event.buf,
      callback = function()
        tell_cursor(event.buf, client.id)
      end,
    })
    tell_cursor(event.buf, client.id)
    if vim.g.fimbul_keymaps ~= false then
      for key, action in pairs({
        ['<Tab>'] = { fimbul.accept, 'Accept the suggestion of fimbul' },
        ['<M-Right>'] = { fimbul.accept_word, 'Accept a word of the suggestion of fimbul' },
        ['<M-C-Right>'] = { fimbul.accept_line, 'Accept a line of the suggestion of fimbul' },
        ['<C-]>'] = { fimbul.dismiss, 'Send the suggestion of fimbul away' },
      }) do
        vim.keymap.set('i', key, function()
          return action[1]() and '' or key
        end, { buffer = event.buf, expr = true, desc = action[2] })
      end
    end
  end,
})

vim.api.nvim_create_user_command('FimbulExplain', explain, { desc = 'Say why fimbul suggests nothing' })

vim.lsp.enable('fimbul')
