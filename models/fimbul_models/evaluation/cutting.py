"""Cut items out of the source of pinned packages, at the kinds of places where people type.

The text right of the cursor in its line is taken away, as it is while somebody types it; it is
the answer. What stands on the lines below stays. Places are found with `tokenize` and chosen by
a seed, so the same recipe always gives the same items. Knows nothing about servers or models.
"""

import enum
import io
import itertools
import keyword
import random
import re
import tokenize
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from fimbul_models.corpus.archives import read_members
from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.sources import fetch
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import Item
from lsp_server.text import split_lines

ANSWER_CHARACTERS = range(3, 101)
"""Lengths of an answer, blanks at its ends not counted: shorter ones say nothing, longer ones
nobody expects to be guessed whole."""

SOURCE_LINES = range(20, 5001)
"""Lengths, in lines, of the files that are cut: neither stubs nor tables."""

_SKIPPED_FOLDERS = re.compile(r"tests?|testing|_?vendor(ed)?|_vendored|third_party|generated")
_SKIPPED_FILES = re.compile(r"test_.*|.*_test|conftest|.*_pb2(_grpc)?|_?version")
_GENERATED = re.compile(r"generated (by|from|code|file)|auto-?generated|do not edit", re.IGNORECASE)
_DIRECTIVE = re.compile(
    r"#\W*(type:|noqa|pragma|pylint|mypy|ruff|fmt:|isort|nosec|SPDX|Copyright|!|-\*-)",
    re.IGNORECASE,
)
_PLAIN_STRING = re.compile(r"(?i:[bru]{0,2})[\"']((?![\"'])(?=.*[^\W\d_]{3}).{4,})[\"']")
"""A string in one pair of quotes, no f-string, with at least a word in it."""

_GENERATED_HEAD = 1000
"""Code points of a file in which it says that it is generated."""


class CursorKind(enum.Enum):
    """Where in a line the cursor stands."""

    LINE_START = "line-start"
    """Behind the indentation or at column 0 of an empty line; the whole line is missing."""
    AFTER_DOT = "after-dot"
    AFTER_PAREN = "after-paren"
    IN_WORD = "in-word"
    """In an identifier, at least two of its characters typed and two missing."""
    IN_STRING = "in-string"
    IN_COMMENT = "in-comment"


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one set of items is made."""

    name: str
    seed: int
    items_per_kind: int
    items_per_file: int
    """Most items of one kind from one file."""
    prefix_characters: int
    """Most characters above and left of the cursor."""
    suffix_characters: int
    """Most characters below the cursor's line."""
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One file that items are cut from."""

    package: str
    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        """All lines, with their endings."""
        return split_lines(self.text)


@dataclass(frozen=True, slots=True)
class Place:
    """A token at which a cursor of one kind may stand."""

    kind: CursorKind
    line: int
    """From 0."""
    columns: tuple[int, ...]
    """Columns that fit, in code points from 0; never empty."""


@dataclass(frozen=True, slots=True)
class _Cut:
    source: Source
    line: int
    column: int


def read_recipe(path: Path) -> Recipe:
    """Read the recipe at `path`.

    Raises RecipeError if it cannot be read or does not fit.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Recipe)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error


def read_sources(package: Package, folder: Path) -> list[Source]:
    """Return the hand-written Python files of `package`, its wheel kept in `folder`.

    Tests, generated and vendored files are left out, and files that are not plain UTF-8 text
    with nothing but line feeds at the line ends.
    """
    wheel = fetch(package, folder)
    sources = []
    for path, content in read_members(wheel, "*.py"):
        text = _decoded(content)
        wanted = not any(PurePosixPath(path).match(pattern) for pattern in package.skip)
        if text is not None and wanted and is_hand_written(path, text):
            sources.append(Source(package.name, path, text))
    return sources


def is_hand_written(path: str, text: str) -> bool:
    """Say whether a file looks like the package's own code: no test, not generated, no copy."""
    *folders, name = PurePosixPath(path).parts
    return not (
        any(_SKIPPED_FOLDERS.fullmatch(folder) for folder in folders)
        or _SKIPPED_FILES.fullmatch(name.removesuffix(".py"))
        or _GENERATED.search(text[:_GENERATED_HEAD])
        or text.count("\n") not in SOURCE_LINES
    )


def find_places(text: str) -> list[Place]:
    """Return every place in the Python source `text` at which an item may be cut.

    Lines that import are left out of all kinds but comments, because nothing around them says
    what they import, and so is code in front of a comment, which nobody guesses. Text that is
    not Python has no places.
    """
    try:
        marks = list(_marks(text))
    except (tokenize.TokenError, SyntaxError):
        return []
    comments = {mark.line for mark in marks if mark.token.type == tokenize.COMMENT}
    return [
        place
        for mark in marks
        for place in _places_at(mark)
        if place.kind is CursorKind.IN_COMMENT or place.line not in comments
    ]


def cut_items(sources: Sequence[Source], recipe: Recipe) -> list[Item]:
    """Return the items of `recipe`, kind by kind; fewer than asked for where places run out."""
    places = {source: find_places(source.text) for source in sources}
    items = []
    for kind in CursorKind:
        rng = random.Random(f"{recipe.seed}/{kind.value}")  # noqa: S311  # Repeatable, not secret.
        cuts = _spread(_in_turn(places, kind, rng), recipe.items_per_file)
        items += [_item(cut, kind, recipe) for cut in itertools.islice(cuts, recipe.items_per_kind)]
    return items


def _decoded(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # A carriage return or form feed would let tokenize and an editor count lines differently.
    return None if re.search(r"[\r\f\v\0\ufeff]", text) else text


@dataclass(frozen=True, slots=True)
class _Mark:
    """A token, and what its surroundings say about it."""

    token: tokenize.TokenInfo
    before: str
    """Text of the token before it; empty if that is no code."""
    first: bool
    """Whether it begins a statement."""
    imports: bool
    """Whether its statement imports."""
    text: str
    """Its line in the document, without the ending."""

    @property
    def line(self) -> int:
        return self.token.start[0] - 1

    @property
    def start(self) -> int:
        return self.token.start[1]

    @property
    def end(self) -> int:
        return self.token.end[1]

    @property
    def on_one_line(self) -> bool:
        return self.token.start[0] == self.token.end[0]


def _marks(text: str) -> Iterator[_Mark]:
    """Yield the tokens of `text` with something in them, those of f-strings left out.

    Since Python 3.12 `tokenize` also looks inside f-strings; leaving them out gives the same
    items on every Python.
    """
    lines = split_lines(text)
    before, first, imports, depth = "", True, False, 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name in ("NEWLINE", "INDENT", "DEDENT", "NL", "ENDMARKER"):
            first = first or name == "NEWLINE"
            continue
        depth += name.endswith("STRING_START")
        if first and name != "COMMENT":
            imports = token.string in ("import", "from")
        if not depth:
            number = token.start[0] - 1
            yield _Mark(token, before, first, imports, lines[number].rstrip("\n"))
        depth -= name.endswith("STRING_END")
        before = "" if name == "COMMENT" else token.string
        first = first and name == "COMMENT"


def _line_start(mark: _Mark) -> Iterable[int]:
    begins = mark.token.type in (tokenize.NAME, tokenize.OP) and not mark.text[: mark.start].strip()
    return {0, mark.start} if begins and not mark.imports else ()


def _after_dot(mark: _Mark) -> Iterable[int]:
    follows = mark.before[-1:].isidentifier() or mark.before[-1:] in (")", "]", '"', "'")
    attribute = mark.token.string == "." and follows and mark.text[mark.end :][:1].isidentifier()
    return (mark.end,) if attribute and not mark.imports else ()


def _after_paren(mark: _Mark) -> Iterable[int]:
    called = mark.before.isidentifier() and not keyword.iskeyword(mark.before)
    return (mark.end,) if mark.token.string == "(" and called and not mark.imports else ()


def _in_word(mark: _Mark) -> Iterable[int]:
    identifier = mark.token.type == tokenize.NAME and not keyword.iskeyword(mark.token.string)
    return range(mark.start + 2, mark.end - 1) if identifier and not mark.imports else ()


def _in_string(mark: _Mark) -> Iterable[int]:
    # What begins a statement is a docstring, which is prose rather than a value.
    match = _PLAIN_STRING.fullmatch(mark.token.string)
    if match is None or mark.first or not mark.on_one_line:
        return ()
    return range(mark.start + match.start(1) + 2, mark.start + match.end(1) - 1)


def _in_comment(mark: _Mark) -> Iterable[int]:
    if mark.token.type != tokenize.COMMENT or _DIRECTIVE.match(mark.token.string):
        return ()
    words = len(mark.token.string) - len(mark.token.string.lstrip("#! \t"))
    return range(mark.start + words + 3, mark.end - 2)


_COLUMNS: Mapping[CursorKind, Callable[[_Mark], Iterable[int]]] = {
    CursorKind.LINE_START: _line_start,
    CursorKind.AFTER_DOT: _after_dot,
    CursorKind.AFTER_PAREN: _after_paren,
    CursorKind.IN_WORD: _in_word,
    CursorKind.IN_STRING: _in_string,
    CursorKind.IN_COMMENT: _in_comment,
}


def _places_at(mark: _Mark) -> Iterator[Place]:
    for kind, columns in _COLUMNS.items():
        fitting = [
            column
            for column in sorted(columns(mark))
            if len(mark.text[column:].strip()) in ANSWER_CHARACTERS
        ]
        if fitting:
            yield Place(kind, mark.line, tuple(fitting))


def _in_turn(
    places: Mapping[Source, Sequence[Place]], kind: CursorKind, rng: random.Random
) -> Iterator[_Cut]:
    """Yield cuts of `kind`, package by package in turn, so that none outweighs the others."""
    queues: dict[str, list[tuple[int, _Cut]]] = {}
    for source in rng.sample(list(places), len(places)):
        fitting = [place for place in places[source] if place.kind is kind]
        chosen = rng.sample(fitting, len(fitting))
        cuts = [_Cut(source, place.line, rng.choice(place.columns)) for place in chosen]
        queues.setdefault(source.package, []).extend(enumerate(cuts))
    # The first choice of every file comes before the second choice of any.
    ranked = [[cut for _, cut in sorted(queue, key=_rank)] for _, queue in sorted(queues.items())]
    for turn in itertools.zip_longest(*ranked):
        yield from (cut for cut in turn if cut is not None)


def _rank(entry: tuple[int, _Cut]) -> int:
    return entry[0]


def _spread(cuts: Iterable[_Cut], per_file: int) -> Iterator[_Cut]:
    """Leave out what a file has enough of, and lines that read like one that was cut already."""
    taken: Counter[str] = Counter()
    seen: set[str] = set()
    for cut in cuts:
        line = cut.source.lines[cut.line].strip()
        if line not in seen and taken[cut.source.path] < per_file:
            seen.add(line)
            taken[cut.source.path] += 1
            yield cut


def _item(cut: _Cut, kind: CursorKind, recipe: Recipe) -> Item:
    lines = cut.source.lines
    line = lines[cut.line].rstrip("\n")
    typed = line[: cut.column]
    return Item(
        task_id=f"{recipe.name}/{kind.value}/{cut.source.path}:{cut.line + 1}:{cut.column + 1}",
        language="python",
        path=cut.source.path,
        prefix=_last_lines(lines[: cut.line], recipe.prefix_characters - len(typed)) + typed,
        suffix="\n" + _first_lines(lines[cut.line + 1 :], recipe.suffix_characters),
        answer=line[cut.column :].rstrip(),
        kind=kind.value,
    )


def _first_lines(lines: Sequence[str], characters: int) -> str:
    sums = itertools.accumulate(len(line) for line in lines)
    return "".join(line for line, total in zip(lines, sums, strict=True) if total <= characters)


def _last_lines(lines: Sequence[str], characters: int) -> str:
    backwards = lines[::-1]
    sums = itertools.accumulate(len(line) for line in backwards)
    kept = [line for line, total in zip(backwards, sums, strict=True) if total <= characters]
    return "".join(reversed(kept))
