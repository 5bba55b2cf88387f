-- `:checkhealth fimbul`: whether suggestions can come here, and why the last one did not.
local options = require('fimbul.options')
local switches = require('fimbul.switches')

local M = {}

local function check_neovim()
  if vim.fn.has('nvim-0.10') == 0 then
    vim.health.error('this Neovim is too old', { 'Use Neovim 0.10 or newer.' })
    return false
  end
  local ways = { builtin = "Neovim's own client draws the suggestions", own = 'the plugin draws the suggestions' }
  vim.health.ok(ways[options.get().ghost] or ('unknown ghost: ' .. tostring(options.get().ghost)))
  if vim.g.loaded_fimbul == nil then
    vim.health.error('the plugin was not loaded', {
      'Put the folder editors/neovim on the runtime path before plugins are read; see :h fimbul.',
    })
    return false
  end
  return true
end

local function check_command()
  local command = require('fimbul.server').command()
  local program = type(command) == 'table' and command[1] or 'fimbul'
  if vim.fn.executable(program) == 1 then
    vim.health.ok('`' .. program .. '` can be started')
  else
    vim.health.error('`' .. program .. '` cannot be started', {
      'Install fimbul and put it on your PATH, or name it: require("fimbul").setup({ cmd = { …, "serve" } }).',
    })
  end
end

local function check_server()
  local count = #vim.lsp.get_clients({ name = 'fimbul' })
  if count == 0 then
    vim.health.warn('no server runs', { 'Open a file with a file type; then look at :checkhealth vim.lsp.' })
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

local function check_switches()
  if vim.g.fimbul_enabled == false then
    vim.health.warn('suggestions are off everywhere', { ':FimbulToggle turns them on.' })
  elseif switches.snoozed() > 0 then
    vim.health.info(('suggestions are off for %d minutes'):format(switches.snoozed()))
  end
end

function M.check()
  vim.health.start('fimbul')
  if check_neovim() then
    check_command()
    check_server()
    check_switches()
  end
end

return M
