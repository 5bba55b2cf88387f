-- `:checkhealth fimbul`: whether suggestions can come here, and why the last one did not.
local M = {}

local function check_command()
  local command = (vim.lsp.config.fimbul or {}).cmd
  local program = type(command) == 'table' and command[1] or 'fimbul'
  if vim.fn.executable(program) == 1 then
    vim.health.ok('`' .. program .. '` can be started')
  else
    vim.health.error('`' .. program .. '` cannot be started', {
      'Install fimbul and put it on your PATH, or name it with vim.lsp.config("fimbul", { cmd = … }).',
    })
  end
end

local function check_server()
  local count = #vim.lsp.get_clients({ name = 'fimbul' })
  if count == 0 then
    vim.health.warn('no server runs', { 'Open a file; then look at :checkhealth vim.lsp.' })
    return
  end
  local status = vim.g.fimbul_status or {}
  if status.state == 'ready' then
    vim.health.ok('a server runs with ' .. status.model)
  else
    vim.health.warn('the server is not ready: ' .. (status.message or status.state or 'it said nothing yet'), {
      'Run `fimbul doctor` in a terminal.',
    })
  end
  local last = status.last or {}
  if (last.reason or '') ~= '' then
    vim.health.info('why nothing was shown last: ' .. last.explanation)
  end
end

function M.check()
  vim.health.start('fimbul')
  if not vim.lsp.inline_completion then
    vim.health.error('this Neovim has no inline completion', { 'Use Neovim 0.12 or newer.' })
    return
  end
  check_command()
  check_server()
end

return M
