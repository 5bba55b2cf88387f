"""Where the body of a header ends, while it is being written.

Brackets are counted outside of strings and comments, indentation where no bracket is open. Pure:
the text so far in, where it ends out. Knows no language: marks and words come with the rules.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from lsp_server.types import BodyStop, StopReason

LONGEST_CYCLE = 8
"""Most lines that are looked at for being said over and over."""

_FEWEST = 2
"""Letters and digits that say too little to be a repetition."""
_OPENERS = {"(": ")", "[": "]", "{": "}"}
_BEHIND = ")];,"
"""What may stand behind the bracket that closes a body, in its line."""
_LABELS = ("case ", "default:", "public:", "private:", "protected:", "#")
"""What stands further left than the code around it where brackets make the blocks: labels, and
the lines of a preprocessor."""
_UNFINISHED = re.compile(
    r"(?<!\+\+)(?<!--)(?<!\*/)"
    r"(?:(?<!\+)\+|(?<!-)-|(?<!\*)/|[,=*%&|<^~?.({\[\\:]|=>|\b(?:and|or|not|in|is|then|do|else))"
    r"\s*$|^\s*@\w"
)
"""What a line ends with that is no whole statement; a decorator is none either."""


class Verdict(NamedTuple):
    """What is known of the text of a body so far."""

    end: int | None
    """Where it ends; None if it may go on."""
    reason: StopReason | None
    safe: int
    """How much of it belongs to the body, whatever comes."""


@dataclass(slots=True)
class _Line:
    start: int
    end: int
    """Without its ending."""
    is_whole: bool
    """Whether its ending has come."""
    open: tuple[str, ...]
    """Brackets that are open at its start, by what closes them."""
    is_code: bool
    """Whether its start is outside of strings and comments."""
    open_after: tuple[str, ...] = ()
    is_code_after: bool = True


@dataclass(slots=True)
class _Scan:
    """The lines of a text, up to the first bracket that closes what it has not opened."""

    text: str
    rules: BodyStop
    lines: list[_Line] = field(default_factory=list)
    unmatched: int | None = None
    _open: list[str] = field(default_factory=list)
    _until: str = ""
    """What ends the string or comment that the place is in."""

    def run(self) -> "_Scan":
        next_of_interest = _interesting("".join(one[:1] for pair in self._marks() for one in pair))
        line, at = self._line(0), 0
        while (found := next_of_interest.search(self.text, at)) is not None:
            at = found.start()
            if self.text[at] in "\r\n":
                at = self._end_line(line, at)
                line = self._line(at)
                continue
            step = self._step(at)
            if not step:
                self.unmatched = at
                break
            at += step
        line.end = len(self.text) if self.unmatched is None else self.unmatched
        self._close(line)
        return self

    def _line(self, start: int) -> _Line:
        line = _Line(start, start, False, tuple(self._open), not self._until)  # noqa: FBT003
        self.lines.append(line)
        return line

    def _end_line(self, line: _Line, at: int) -> int:
        if self._until in ("\n", *self.rules.quotes):
            self._until = ""
        line.end, line.is_whole = at, True
        self._close(line)
        return at + (2 if self.text.startswith("\r\n", at) else 1)

    def _close(self, line: _Line) -> None:
        line.open_after = tuple(self._open)
        line.is_code_after = self._until in ("", "\n")

    def _step(self, at: int) -> int:
        """Take in one character or mark; return its length, 0 if it closes too much."""
        if self._until:
            return self._inside(at)
        for mark, until in self._marks():
            if self.text.startswith(mark, at):
                self._until = until
                return len(mark)
        character = self.text[at]
        if character in _OPENERS:
            self._open.append(_OPENERS[character])
        elif character in ")]}":
            if not self._open or self._open[-1] != character:
                return 0
            self._open.pop()
        return 1

    def _inside(self, at: int) -> int:
        if self.text.startswith(self._until, at):
            length = len(self._until)
            self._until = ""
            return length
        escaped = self.text[at] == "\\" and self._until not in ("\n", self.rules.block_comment[1])
        return 2 if escaped and self.text[at + 1 : at + 2] not in ("", "\n", "\r") else 1

    def _marks(self) -> Iterator[tuple[str, str]]:
        rules = self.rules
        yield from ((mark, mark) for mark in rules.long_quotes)
        if rules.block_comment[0]:
            yield rules.block_comment
        if rules.line_comment:
            yield rules.line_comment, "\n"
        yield from ((quote, quote) for quote in rules.quotes)


@cache
def _interesting(begins: str) -> re.Pattern[str]:
    """Return what finds the next character that may begin or end anything."""
    return re.compile(rf"[\r\n()\[\]{{}}\\{re.escape(begins)}]")


def judge(text: str, rules: BodyStop, known: int = 0) -> Verdict:
    """Return where the body ends that `text` begins; up to `known` it has none for certain."""
    scan = _Scan(text, rules).run()
    for number, line in enumerate(scan.lines):
        if line.is_whole and line.end < known:
            continue
        if (left := _leaves(scan, number, line)) is not None:
            return left
        if line.is_whole and (first := _repeated(scan, number)) is not None:
            end = scan.lines[first].end
            return Verdict(end, StopReason.REPETITION, end)
    if scan.unmatched is not None:
        return _closed(scan, scan.unmatched)
    return Verdict(None, None, _safe(scan))


def _content(scan: _Scan, line: _Line) -> str:
    """Return a line as it stands in the document, of the first one also what was typed."""
    return (scan.rules.typed if line.start == 0 else "") + scan.text[line.start : line.end]


def _width(text: str, rules: BodyStop) -> int:
    blanks = text[: len(text) - len(text.lstrip(" \t"))]
    return len(blanks.expandtabs(rules.tab))


def _leaves(scan: _Scan, number: int, line: _Line) -> Verdict | None:
    """Return the end in front of, or with, a line that does not belong to the body any more."""
    rules, content = scan.rules, _content(scan, line)
    code = content.strip()
    if number == 0 or not code or not line.is_code:
        return None
    end = _trimmed(scan.text, line.start)
    if line.is_whole and rules.following and content.rstrip() == rules.following.rstrip():
        # A lone bracket or word often stands twice in a row, and rightly so.
        is_said = sum(map(str.isalnum, code)) > _FEWEST
        return Verdict(end, StopReason.FOLLOWING, end) if is_said else None
    if content[0] not in " \t" and rules.top_level and re.match(rules.top_level, content):
        return Verdict(end, StopReason.TOP_LEVEL, end)
    if line.open or _width(content, rules) > rules.indentation or code[0] in ")]}":
        return None
    if rules.closer == "}" and _may_be_label(code, line):
        return None
    if rules.closer not in ("", "}"):
        return _worded(scan, line, end)
    return Verdict(end, StopReason.DEDENTED, end)


def _may_be_label(code: str, line: _Line) -> bool:
    if line.is_whole:
        return code.startswith(_LABELS)
    return any(code.startswith(label) or label.startswith(code) for label in _LABELS)


def _worded(scan: _Scan, line: _Line, end: int) -> Verdict:
    """Return the end where a line may close the body with a word; none while that is open."""
    closer, text = scan.rules.closer, scan.text[line.start :].lstrip(" \t")
    code = text.splitlines()[0] if text else ""
    found = re.match(rf"{re.escape(closer)}\b[)\];,]*", code)
    is_whole = len(code) < len(text)
    if not is_whole and (closer.startswith(code) or (found and found[0] == code)):
        return Verdict(None, None, end)
    if found is None:
        return Verdict(end, StopReason.DEDENTED, end)
    if not scan.rules.is_closed:
        end = scan.text.index(closer, line.start) + len(found[0])
    return Verdict(end, StopReason.CLOSED, end)


def _trimmed(text: str, end: int) -> int:
    return len(text[:end].rstrip())


def _closed(scan: _Scan, at: int) -> Verdict:
    """Return the end where a bracket closes what the text has not opened."""
    text, rules = scan.text, scan.rules
    if rules.is_closed or text[at] != rules.closer:
        end = _trimmed(text, at)
        return Verdict(end, StopReason.CLOSED, end)
    end = at + 1
    while end < len(text) and text[end] in _BEHIND:
        end += 1
    # What stands behind the bracket in its line may still come.
    is_over = end < len(text)
    return Verdict(end if is_over else None, StopReason.CLOSED if is_over else None, end)


def _repeated(scan: _Scan, number: int) -> int | None:
    """Return the last line of what the lines up to `number` say over and over; None if nothing."""
    said = [
        (index, _content(scan, line).rstrip())
        for index, line in enumerate(scan.lines[: number + 1])
        if scan.text[line.start : line.end].strip()
    ]
    for length in range(1, LONGEST_CYCLE + 1):
        times = 3 if length <= 2 else 2
        tail = [code for _, code in said[-length * times :]]
        if len(tail) < length * times or _says_little(tail[:length]):
            continue
        if tail == tail[:length] * times:
            return said[-length * (times - 1) - 1][0]
    return None


def _says_little(lines: list[str]) -> bool:
    return sum(map(str.isalnum, "".join(lines))) < _FEWEST


def _safe(scan: _Scan) -> int:
    """Return how much of a text that goes on is part of the body in any case."""
    last, rules = scan.lines[-1], scan.rules
    content = _content(scan, last)
    code = content.strip()
    if len(scan.lines) == 1:
        return _trimmed(scan.text, last.end)
    may_leave = last.is_code and not last.open and _width(content, rules) <= rules.indentation
    may_repeat = rules.following.startswith(content)
    if not code or may_leave or may_repeat:
        return _trimmed(scan.text, last.start)
    return _trimmed(scan.text, last.end)


def whole_until(text: str, rules: BodyStop) -> int | None:
    """Return where the last whole statement of a text ends that was cut off; None without one.

    Where brackets or words close blocks, that is a statement after which none is open, if there is
    one.
    """
    scan = _Scan(text, rules).run()
    lines = [line for line in scan.lines if _content(scan, line).strip()]
    whole = [
        (line, lines[index + 1] if index + 1 < len(lines) else None)
        for index, line in enumerate(lines)
        if line.is_whole and scan.text[line.start : line.end].strip()
    ]
    ends = [line for line, below in whole if _is_statement(scan, line, below)]
    base = min((_width(_content(scan, line), rules) for line in ends), default=0)
    if rules.closer == "}":
        level = [line for line in ends if not line.open_after]
    elif rules.closer:
        level = [line for line in ends if _width(_content(scan, line), rules) == base]
    else:
        level = ends
    best = (level or ends)[-1:]
    return best[0].end if best else None


def _is_statement(scan: _Scan, line: _Line, below: _Line | None) -> bool:
    """Whether a line ends a statement; the one below it tells whether it opens a block."""
    content = _content(scan, line)
    mark = scan.rules.line_comment
    if not line.is_code_after or (mark and content.lstrip().startswith(mark)):
        return False
    if set(line.open_after) - {"}"} or _UNFINISHED.search(content):
        return False
    if below is None:
        return True
    return _width(_content(scan, below), scan.rules) <= _width(content, scan.rules)
