"""Trees of open documents: parsed once, then only where the text has changed.

A tree never changes: `updated` gives a new one and leaves the old one to those who hold it.
Parsing hands the text over in small pieces, so that it may run in a thread beside the event
loop. Knows nothing about LSP or files.
"""

import enum
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import tree_sitter

from lsp_server.syntax import (
    bodies,
    bodyspans,
    definitions,
    enclosing,
    grammars,
    nodespans,
    places,
    trials,
)
from lsp_server.syntax.bodies import Body
from lsp_server.syntax.defects import Defects, defects_in
from lsp_server.syntax.embedded import Embedded, embedded_in
from lsp_server.syntax.languages import Language
from lsp_server.syntax.matches import Match
from lsp_server.syntax.outline import Definition, Outline
from lsp_server.syntax.places import PlaceKind
from lsp_server.syntax.reading import Pieces
from lsp_server.syntax.source import Change, Source
from lsp_server.types import Position

MAX_SIZE = 1_000_000
"""Code points of the longest text that is parsed; a full parse of it takes 0.3 s."""

FRESH_SIZE = 60_000
"""Code points up to which a text with errors is parsed anew after an edit, in 10 to 30 ms. How a
parser steps over an error depends on what it knew before; so the same text gives the same tree."""

_MOST_MATCHES = 20_000
"""Matches of a query that are read; only generated files have more."""
PATIENCE = 2.0
"""Seconds of processor time after which parsing is given up. Only text made to be hard takes so
long; ordinary text of the greatest size takes 0.3 s."""
_STEPS_PER_LOOK = 32
"""Steps of the parser after which the clock is looked at, which costs more than a step does."""
TRIAL_STEPS = 150
"""Steps after which a trial is given up; counted, so that the same text is judged alike on every
machine. A step takes some 30 microseconds. Of 600 trials 1 % took more than 145 steps: where the
text around has errors that nothing mends, all of it is read anew."""
_ABSURD_LENGTH = 500
_ABSURD = re.compile(rf"(?:[(\[{{] ?){{{_ABSURD_LENGTH}}}")
"""More brackets opened in a row than any program needs; queries over them take minutes."""


class Unparsed(enum.Enum):
    """Why a text in a known language has no tree."""

    LONG = "long"
    DEEP = "deep"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """How much of a text is parsed, and for how long."""

    size: int = MAX_SIZE
    """Code points of the longest text."""
    seconds: float = PATIENCE
    """Processor time after which parsing is given up."""


_LIMITS = ParseLimits()


def _unfit(lines: Sequence[str], limits: ParseLimits) -> Unparsed | None:
    """Return why a text is not parsed at all; None if it can be tried."""
    if sum(map(len, lines)) > limits.size:
        return Unparsed.LONG
    absurd = any(len(line) >= _ABSURD_LENGTH and _ABSURD.search(line) for line in lines)
    return Unparsed.DEEP if absurd else None


class SyntaxTree:
    """What a parser knows about one state of a document."""

    __slots__ = ("_analysis", "_embedded", "_limits", "_source", "_tree", "language")

    def __init__(
        self,
        language: Language,
        source: Source,
        tree: tree_sitter.Tree,
        limits: ParseLimits = _LIMITS,
    ) -> None:
        self.language = language
        self._limits = limits
        self._source = source
        self._tree = tree
        self._analysis: tuple[Outline, tuple[definitions.Placed, ...]] | None = None
        self._embedded: tuple[tuple[Embedded, SyntaxTree], ...] | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that were parsed."""
        return self._source.lines

    @property
    def size(self) -> int:
        """Bytes of the text, in UTF-8."""
        return self._tree.root_node.end_byte

    @property
    def has_error(self) -> bool:
        """Whether some of the text does not follow the grammar."""
        return self._tree.root_node.has_error

    @property
    def errors(self) -> int:
        """How many places do not follow the grammar; errors inside of errors are not counted."""
        return trials.errors_in(self._tree)

    @property
    def defects(self) -> Defects:
        """How much of the text does not follow the grammar, and whether it breaks off."""
        return defects_in(self._source, self._tree)

    def body_spans(self) -> tuple[bodyspans.BodySpan, ...]:
        """Return the bodies of blocks and named functions, from the top."""
        query = grammars.query(self.language.name, "bodies")
        if query is None:
            return ()
        found = tree_sitter.QueryCursor(query).captures(self._tree.root_node).get("body", [])
        ordered = sorted(found, key=lambda node: node.start_byte)
        return tuple(bodyspans.body_spans_in(self._source.lines, ordered))

    def nodes_at(self, position: Position) -> tuple[nodespans.NodeSpan, ...]:
        """Return the named nodes that hold a place, innermost first, without the whole document."""
        point = self._source.point(position.line, position.column)
        return tuple(nodespans.nodes_at(self._source, self._tree.root_node, point))

    def aligned(self, start: Position, end: Position) -> nodespans.NodeSpan | None:
        """Return the neighbouring nodes that lie over a stretch best; None if there are none."""
        source = self._source
        points = source.point(start.line, start.column), source.point(end.line, end.column)
        return nodespans.aligned(source, self._tree.root_node, *points)

    @property
    def expression(self) -> str:
        """The tree as an S-expression."""
        return str(self._tree.root_node)

    def updated(self, lines: Sequence[str]) -> "SyntaxTree | None":
        """Return the tree of a later state of the document; None if it got too long or hard."""
        if _unfit(lines, self._limits):
            return None
        change = Change(self._source, lines)
        old = self._tree.copy()
        old.edit(
            change.start,
            change.old_end,
            change.new_end,
            change.start_point,
            change.old_end_point,
            change.new_end_point,
        )
        tree = _parsed(self.language, change.source, old, limits=self._limits)
        if tree and tree.has_error and sum(map(len, lines)) <= FRESH_SIZE:
            return _parsed(self.language, change.source, limits=self._limits)
        return tree

    def with_text(
        self, position: Position, text: str, replaced: int = 0, most_steps: int = TRIAL_STEPS
    ) -> "SyntaxTree | None":
        """Return the tree of the document with `text` at a place.

        It takes the place of the `replaced` code points behind it. None if the parser takes more
        than so many steps.
        """
        inserted = trials.insert(self._source, position, text, replaced)
        return _parsed(
            self.language,
            inserted.source,
            inserted.edited(self._tree),
            is_hopeless=_after_steps(most_steps),
            limits=self._limits,
        )

    def outline(self) -> Outline:
        """Return what the document defines and imports."""
        return self._analysed()[0]

    def enclosing(self, position: Position) -> tuple[Definition, ...]:
        """Return the classes and functions that hold a place, outermost first."""
        if inner := self._embedded_at(position):
            stretch, tree = inner
            found = tree.enclosing(stretch.inner(position))
            return tuple(definitions.moved(one, stretch.start.line) for one in found)
        point = self._source.point(position.line, position.column)
        placed = self._analysed()[1]
        if self.language.indented:
            return enclosing.by_indentation(self._source, placed, point)
        found = enclosing.by_range(self._source, placed, point)
        by_lines = self._enclosing_by_lines(position) if self.has_error else ()
        return max(found, by_lines, key=len)

    def _enclosing_by_lines(self, position: Position) -> tuple[Definition, ...]:
        """Return what seems to hold a place where braces are missing: by the lines' indentation."""
        line = min(position.line, len(self.lines) - 1)
        skeleton = enclosing.skeleton(self.lines, line, position.column)
        tree = parse(self.language, skeleton.lines, self._limits) if skeleton else None
        if skeleton is None or tree is None:
            return ()
        inner = (skeleton.place.line, skeleton.place.column)
        found = enclosing.by_range(tree._source, tree._analysed()[1], inner)
        return tuple(skeleton.original(one, line) for one in found)

    def place_at(self, position: Position) -> PlaceKind:
        """Return whether a place is in code, a comment or a string."""
        if inner := self._embedded_at(position):
            stretch, tree = inner
            return tree.place_at(stretch.inner(position))
        point = row, column = self._source.point(position.line, position.column)
        captures = self._near("places", (row, max(0, column - 1)), (row, column + 1))
        kind = places.place_at(self._source, self.language, captures, point)
        if kind is PlaceKind.CODE and self.has_error:
            errors = self._near("errors", (max(0, row - places.REACH), 0), (row + 1, 0))
            return places.unfinished_at(self._source, self.language, errors.get("error", ()), point)
        return kind

    def body_at(self, position: Position) -> Body | None:
        """Return the empty body that a place is in; None if it is in none."""
        if inner := self._embedded_at(position):
            stretch, tree = inner
            body = tree.body_at(stretch.inner(position))
            return body and replace(body, indentation=body.indentation + stretch.indent)
        body = bodies.body_at(self.lines, position, self.language, self._root_of)
        if body is None or self.place_at(position) is not PlaceKind.CODE:
            return None
        # How much of a string that is not closed yet a parser takes for one, nobody knows.
        is_text = self.has_error and bodies.in_long_string(self.lines, position, self.language)
        return None if is_text else body

    def _root_of(self, lines: Sequence[str]) -> tree_sitter.Node | None:
        tree = self.updated(lines)
        return tree._tree.root_node if tree else None

    def language_at(self, position: Position) -> Language:
        """Return the language of a place: another one than the document's in embedded code."""
        inner = self._embedded_at(position)
        return inner[0].language if inner else self.language

    def _embedded_at(self, position: Position) -> "tuple[Embedded, SyntaxTree] | None":
        return next((inner for inner in self._inner() if inner[0].holds(position)), None)

    def _inner(self) -> "tuple[tuple[Embedded, SyntaxTree], ...]":
        """Return the embedded code with trees of its own, parsed when first asked for."""
        if self._embedded is None:
            stretches = embedded_in(self._source, self._matches("embedded"))
            parsed = (
                (one, parse(one.language, one.lines(self._source), self._limits))
                for one in stretches
            )
            self._embedded = tuple((one, tree) for one, tree in parsed if tree)
        return self._embedded

    def _matches(self, part: str) -> list[Match]:
        """Return what a part of the language's queries finds."""
        query = grammars.query(self.language.name, part)
        if query is None:
            return []
        found = tree_sitter.QueryCursor(query).matches(self._tree.root_node)
        return [captures for _, captures in found[:_MOST_MATCHES]]

    def _near(self, part: str, start: tuple[int, int], end: tuple[int, int]) -> places.Captures:
        """Return what a part of the language's queries finds between two places."""
        query = grammars.query(self.language.name, part)
        if query is None:
            return {}
        cursor = tree_sitter.QueryCursor(query)
        cursor.set_point_range(start, end)
        return cursor.captures(self._tree.root_node)

    def _analysed(self) -> tuple[Outline, tuple[definitions.Placed, ...]]:
        if self._analysis is None:
            placed, imports = definitions.definitions_in(
                self._source, self.language, self._matches("outline")
            )
            self._analysis = definitions.outline_from(placed, imports), placed
        return self._analysis


def _parsed(
    language: Language,
    source: Source,
    old: tree_sitter.Tree | None = None,
    *,
    is_hopeless: "_IsHopeless | None" = None,
    limits: ParseLimits = _LIMITS,
) -> SyntaxTree | None:
    grammar = grammars.grammar(language.name)
    if grammar is None:
        return None
    pieces = Pieces(source.read, ascii_only=language.ascii_scanner)
    tree = _tree(grammar, pieces, old, is_hopeless or _after_time(limits.seconds))
    pieces.release()
    return None if tree is None else SyntaxTree(language, source, tree, limits)


def _tree(
    grammar: tree_sitter.Language,
    pieces: Pieces,
    old: tree_sitter.Tree | None,
    is_hopeless: "_IsHopeless",
) -> tree_sitter.Tree | None:
    """Parse; None if it takes too long."""
    parser = tree_sitter.Parser(grammar)
    try:
        if old is None:
            return parser.parse(pieces, progress_callback=is_hopeless)
        return parser.parse(pieces, old, progress_callback=is_hopeless)
    except ValueError:  # Given up.
        return None


_IsHopeless = Callable[[int, bool], bool]
"""Called by the parser now and then: is it to be given up?"""


def _after_time(seconds: float) -> _IsHopeless:
    deadline = time.thread_time() + seconds
    steps = count()
    return lambda *_: next(steps) % _STEPS_PER_LOOK == 0 and time.thread_time() > deadline


def _after_steps(most: int) -> _IsHopeless:
    steps = count()
    return lambda *_: next(steps) > most


def parse(
    language: Language,
    lines: Sequence[str],
    limits: ParseLimits = _LIMITS,
    *,
    most_steps: int | None = None,
) -> SyntaxTree | None:
    """Parse a document; None if it is too long, too hard or its grammar missing.

    What is too hard the clock says, unless `most_steps` of the parser do: then the same text is
    judged alike on every machine.
    """
    if _unfit(lines, limits):
        return None
    is_hopeless = None if most_steps is None else _after_steps(most_steps)
    return _parsed(language, Source(lines), is_hopeless=is_hopeless, limits=limits)


def why_unparsed(
    language: Language, lines: Sequence[str], limits: ParseLimits = _LIMITS
) -> Unparsed | None:
    """Return why `parse` gave None under these limits; None if the grammar is missing."""
    if grammars.grammar(language.name) is None:
        return None
    return _unfit(lines, limits) or Unparsed.SLOW


def outline_of(language: Language, lines: Sequence[str], limits: ParseLimits = _LIMITS) -> Outline:
    """Return what a text defines and imports; an empty outline if it cannot be parsed."""
    tree = parse(language, lines, limits)
    return tree.outline() if tree else Outline()
