-- What is done with the text of suggestions: pure functions, which know no buffer and no server.
local M = {}

-- The first word of a text, or the signs before it, each with the space in front. Bytes from 128 on
-- belong to letters of other alphabets.
function M.first_word(text)
  return text:match('^%s*[%w_\128-\255]+') or text:match('^%s*[^%w_%s\128-\255]+') or text
end

-- The text up to the end of its first line, with the blank lines in front.
function M.first_line(text)
  return text:match('^%s*[^\n]*')
end

-- What is left of a suggestion where `typed` stands already; nil if something else was typed.
function M.rest(suggestion, typed)
  return vim.startswith(suggestion, typed) and suggestion:sub(#typed + 1) or nil
end

-- How many units of an encoding of LSP the text takes.
function M.units(text, encoding)
  if encoding == 'utf-8' then
    return #text
  end
  if vim.fn.has('nvim-0.11') == 1 then
    return vim.str_utfindex(text, encoding)
  end
  local utf32, utf16 = vim.str_utfindex(text)
  return encoding == 'utf-32' and utf32 or utf16
end

-- The byte before which a column of LSP lies; the end of the line if it is shorter than that.
function M.byte(line, column, encoding)
  if encoding == 'utf-8' then
    return math.min(column, #line)
  end
  if vim.fn.has('nvim-0.11') == 1 then
    return vim.str_byteindex(line, encoding, column, false)
  end
  column = math.min(column, M.units(line, encoding))
  return vim.str_byteindex(line, column, encoding == 'utf-16')
end

-- The place behind a text that begins at a place; rows and columns from zero, columns in bytes.
function M.behind(row, column, text)
  local lines = vim.split(text, '\n', { plain = true })
  return row + #lines - 1, (#lines == 1 and column or 0) + #lines[#lines]
end

-- What the command of an item says of code that it resembles, in a few words; nil if it does not.
function M.note(command)
  local argument = type(command) == 'table' and (command.arguments or {})[1]
  local note = type(argument) == 'table' and argument.references
  return type(note) == 'string' and note ~= '' and note or nil
end

return M
