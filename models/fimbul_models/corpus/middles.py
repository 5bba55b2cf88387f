"""Choose what is cut out of a file, so that a model learns to fill it in.

Every choice comes from the random numbers that are given, so the same file and seed give the same
middles. Knows nothing about prompts, tokens or other files.
"""

import enum
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from random import Random

from lsp_server.syntax.bodyspans import BodySpan
from lsp_server.syntax.languages import language_for
from lsp_server.syntax.tree import SyntaxTree, parse
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import Position

LEAST_CHARACTERS = 3
"""Code points of the shortest middle, blanks not counted; shorter ones say nothing."""

LINE_CHARACTERS = 300
"""Code points of the longest line that is cut; a longer one nobody types."""

LARGEST_PART = 2
"""A middle is at most the file's length divided by this; else too little is left to go by."""

_TRIES = 8
"""Draws of one kind before it is given up for a file."""

_LICENCE = re.compile(r"licen[cs]e|copyright", re.IGNORECASE)
_BLOCK_COMMENT = re.compile(r"\s*(/\*.*?\*/|<!--.*?-->)", re.DOTALL)
_MARKS = ("#", "/", "-", ";", "%", "*", "!")
"""What begins a line of a comment in one language or another."""
_WORD = re.compile(r"\w+|[^\w\s]")


class Kind(enum.StrEnum):
    """How a middle is chosen."""

    LINE = "line"
    """The rest of a line: from its indentation, from the begin of a word, or from any character."""
    BODY = "body"
    """The whole body of a block or a function, the cursor where an editor puts it after Enter."""
    NODE = "node"
    """A node of the syntax tree, the likelier the longer it is."""
    ALIGNED = "aligned"
    """A random stretch, moved to the neighbouring nodes that lie over it best."""
    CHARACTERS = "characters"
    """A random stretch; its length is drawn evenly on a logarithmic scale."""
    PLAIN = "plain"
    """Nothing: text from left to right."""


@dataclass(frozen=True, slots=True)
class Middle:
    """A stretch of a text that is cut out."""

    kind: Kind
    start: int
    """Offset in code points."""
    end: int


class Cutter:
    """Cuts one file."""

    def __init__(self, text: str, language: str, most: int, random: Random) -> None:
        """Take a text, our name of its language, the longest middle and where choices come from."""
        self.text = text
        self.lines = split_lines(text)
        self._language = language
        self._most = min(most, len(text) // LARGEST_PART)
        self._random = random
        self._starts = [0, *accumulate(map(len, self.lines))]

    def cut(self, kind: Kind) -> Middle | None:
        """Return a middle of `kind`; None where there is none, or none was found."""
        draw = self._draws[kind]
        for _ in range(_TRIES):
            span = draw()
            if span is not None and self._is_good(*span):
                return Middle(kind, *span)
        return None

    def position(self, offset: int) -> Position:
        """Return the line and column of an offset."""
        line = min(bisect_right(self._starts, offset) - 1, len(self.lines) - 1)
        return Position(line, offset - self._starts[line])

    def start_of(self, line: int) -> int:
        """Return the offset at which a line begins."""
        return self._starts[line]

    @cached_property
    def _draws(self) -> dict[Kind, Callable[[], tuple[int, int] | None]]:
        return {
            Kind.LINE: self._line,
            Kind.BODY: self._body,
            Kind.NODE: self._node,
            Kind.ALIGNED: self._aligned,
            Kind.CHARACTERS: self._stretch,
        }

    @cached_property
    def _tree(self) -> SyntaxTree | None:
        language = language_for(self._language)
        return parse(language, self.lines) if language else None

    @cached_property
    def _bodies(self) -> Sequence[BodySpan]:
        return self._tree.body_spans() if self._tree else ()

    @cached_property
    def _typed_lines(self) -> Sequence[int]:
        """Lines that say something and that somebody may have typed."""
        return [
            number
            for number, line in enumerate(self.lines)
            if len(line) <= LINE_CHARACTERS and len(line.strip()) >= LEAST_CHARACTERS
            if self._starts[number] >= self._head
        ]

    @cached_property
    def _head(self) -> int:
        """Offset behind a licence's notice at the top, which nobody types."""
        return self._starts[_notice_end(self.lines)]

    def _line(self) -> tuple[int, int] | None:
        if not self._typed_lines:
            return None
        number = self._random.choice(self._typed_lines)
        line = strip_ending(self.lines[number])
        indentation = len(line) - len(line.lstrip())
        words = [match.start() for match in _WORD.finditer(line, indentation)]
        column = self._random.choice(
            (
                indentation,
                self._random.choice(words or [indentation]),
                self._random.randrange(indentation, len(line)),
            )
        )
        return self._starts[number] + column, self._starts[number] + len(line)

    def _body(self) -> tuple[int, int] | None:
        if not self._bodies:
            return None
        body = self._random.choice(self._bodies)
        first = self.lines[body.first_line]
        start = self._starts[body.first_line] + len(first) - len(first.lstrip())
        end = self._starts[body.end_line]
        return start, start + len(self.text[start:end].rstrip())

    def _node(self) -> tuple[int, int] | None:
        if self._tree is None or not self.text:
            return None
        # A place that is drawn evenly lies in a node the likelier the longer the node is.
        place = self.position(self._random.randrange(len(self.text)))
        spans = [
            (self._offset(node.start), self._offset(node.end))
            for node in self._tree.nodes_at(place)
        ]
        fitting = [(start, end) for start, end in spans if self._is_good(start, end)]
        return self._random.choice(fitting) if fitting else None

    def _aligned(self) -> tuple[int, int] | None:
        span = self._stretch()
        if span is None or self._tree is None:
            return None
        found = self._tree.aligned(self.position(span[0]), self.position(span[1]))
        return (self._offset(found.start), self._offset(found.end)) if found else None

    def _stretch(self) -> tuple[int, int] | None:
        if self._most < LEAST_CHARACTERS:
            return None
        length = round(LEAST_CHARACTERS * (self._most / LEAST_CHARACTERS) ** self._random.random())
        start = self._random.randrange(len(self.text) - length + 1)
        return start, start + length

    def _offset(self, position: Position) -> int:
        line = min(position.line, len(self.lines) - 1)
        return min(self._starts[line] + position.column, self._starts[line + 1])

    def _is_good(self, start: int, end: int) -> bool:
        """Tell whether a stretch may be cut out: long and short enough, in lines like typed ones.

        Nor may line breaks be torn apart or come to be where two ends meet.
        """
        middle = self.text[start:end]
        if start < self._head or end - start > self._most:
            return False
        if len("".join(middle.split())) < LEAST_CHARACTERS:
            return False
        before, behind = self.text[start - 1 : start], self.text[end : end + 1]
        if before == "\r" and "\n" in (middle[0], behind):
            return False
        if middle[-1] == "\r" and behind == "\n":
            return False
        first, last = self.position(start).line, self.position(end).line
        return all(len(line) <= LINE_CHARACTERS for line in self.lines[first : last + 1])


def _notice_end(lines: Sequence[str]) -> int:
    """Return the line behind the comment at the top of a file if it is about a licence, else 0.

    A comment is a block, or lines that begin with the same mark.
    """
    first = 1 if lines[0].startswith("#!") else 0
    block = _BLOCK_COMMENT.match("".join(lines[first:]))
    if block:
        end = first + len(split_lines(block[0]))
    else:
        mark = lines[first].strip()[:1] if first < len(lines) else ""
        end = first
        while mark in _MARKS and end < len(lines) and lines[end].lstrip().startswith(mark):
            end += 1
    return end if _LICENCE.search("".join(lines[first:end])) else 0
