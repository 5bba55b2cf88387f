-- Holds the plugin's pure functions to what they promise; run by `nvim -l`, ends with a line.
local menu = require('fimbul.menu')
local text = require('fimbul.text')
local commands = require('fimbul.commands')

local function same(found, wanted, what)
  assert(vim.deep_equal(found, wanted), ('%s: %s instead of %s'):format(what, vim.inspect(found), vim.inspect(wanted)))
end

for whole, word in pairs({
  ['total(items)'] = 'total',
  ['(items)'] = '(',
  ['  = name'] = '  =',
  [' größe𝒙 = 1'] = ' größe𝒙',
  ['\n    return x'] = '\n    return',
  ['_a1.b'] = '_a1',
  ['   '] = '   ',
}) do
  same(text.first_word(whole), word, 'first word')
end
for whole, line in pairs({ ['a\nb'] = 'a', ['\n  a(b)\nc'] = '\n  a(b)', ['a'] = 'a', ['\n\nb\n'] = '\n\nb' }) do
  same(text.first_line(whole), line, 'first line')
end

-- Accepting by the word comes to the same end as accepting the whole.
local whole, left, steps = 'if x_1 >= 2:\n    return größe(𝒙)\n', nil, 0
left = whole
while left ~= '' do
  local word = text.first_word(left)
  assert(#word > 0)
  left, steps = text.rest(left, word), steps + 1
end
same(steps, 11, 'words')

same(text.rest('total', 'to'), 'tal', 'what is left')
same(text.rest('total', ''), 'total', 'what is left')
same(text.rest('total', 'te'), nil, 'what is left')
same(text.rest('a', 'ab'), nil, 'what is left')
same(text.rest('a%d.', 'a%'), 'd.', 'what is left, without patterns')

for encoding, wanted in pairs({ ['utf-8'] = 7, ['utf-16'] = 4, ['utf-32'] = 3 }) do
  same(text.units('aß𝒙', encoding), wanted, encoding)
  same(text.byte('aß𝒙!', wanted, encoding), 7, encoding)
  same(text.byte('aß𝒙!', 99, encoding), 8, encoding .. ', behind the end')
end

same({ text.behind(3, 4, 'ab') }, { 3, 6 }, 'place')
same({ text.behind(3, 4, 'ab\n  c') }, { 4, 3 }, 'place')
same({ text.behind(3, 4, '\n') }, { 4, 0 }, 'place')

assert(menu.agrees('alphabet', 'x = al', 'phabet + 1'))
assert(menu.agrees('alphabet', 'x = alphabet', ' + 1'))
assert(not menu.agrees('alpha', 'x = be', 'ta'))
assert(not menu.agrees('alphabet', 'x = al', 'pha'))

local lines = commands.statistics({ shown = 3, kept = 1, accepted = 2, rejections = { empty = 1, deleting = 4 } })
same(lines[4], '     4  deleting', 'statistics')
same(lines[5], '     1  empty', 'statistics')

local function item(argument)
  return { command = 'fimbul.accepted', arguments = { argument } }
end
same(text.note(item({ id = 1, references = 'MIT: wheel:a 1.0' })), 'MIT: wheel:a 1.0', 'note')
for _, other in ipairs({ item({ id = 1 }), item({ id = 1, references = '' }), { command = 'x' }, item(vim.NIL) }) do
  same(text.note(other), nil, 'no note')
end
same(text.note(nil), nil, 'no note')
same(commands.references(nil, { text = '' }), { 'Nothing here is known to resemble published code.' }, 'references')
same(commands.references({ text = 'a' }, { text = 'b\nc' }), {
  'The suggestion resembles:',
  'a',
  'Accepted, and alike:',
  'b',
  'c',
}, 'references')

local mine = { id = 'a', name = 'mine@2', created = '2026-11-28T01:02:03Z', used = true, message = '' }
local theirs = { id = 'b', name = 'other@1', created = mine.created, used = false, message = 'It is for other.' }
local choices = commands.adapters({ adapters = { mine, theirs } })
same(choices[1].text, '* mine@2 (2026-11-28)', 'adapter')
same({ choices[1].action, choices[2].action, choices[3].action, #choices }, { 'use', 'rollback', 'off', 3 }, 'adapters')
same({ commands.adapters({ adapters = { theirs } }) }, { {}, 'It is for other.' }, 'no adapter')

io.stdout:write('all held\n')
