"""Cut items whose answers begin with something that another file of the project defines.

The method is CrossCodeEval's, without its static analysis: a name is looked up among the
definitions of the other files, and places where that leaves doubt are left out. The rest of the
line, at the cursor, is the answer; prefix and suffix are the whole document. As a control, natural
items are cut at random tokens of the same projects. The same recipe always gives the same items.
Knows nothing about servers or models.
"""

import itertools
import re
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.projects import Project, ProjectFile
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.choosing import counts, in_turn
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.linking import (
    Found,
    Links,
    described,
    family,
    link,
    nearest,
)
from fimbul_models.evaluation.meaning import KNOWN_WORDS, Reader, code_of
from fimbul_models.evaluation.tokens import LANGUAGES, Token, TokenKind, scan
from lsp_server.syntax.outline import Outline
from lsp_server.text import split_lines

ANSWER_CHARACTERS = range(3, 101)
"""Lengths of an answer: shorter ones say nothing, longer ones nobody expects to be guessed."""

LEAK_CHARACTERS = 12
"""A shorter line stands in many files by chance."""

_TEXT_TAIL = 20
"""Most characters behind a name in a comment or string: prose nobody can know."""
_LITERAL = 12
"""Longest string of an answer that does not stand elsewhere in the document, quotes included."""
_TYPED = 3
"""Least characters of a name that are typed where it is completed in a comment or string."""
_KINDS = ("after-dot", "after-paren", "in-word", "line-start", "in-comment", "in-string", "other")
_LSP_NAMES = {"tsx": "typescriptreact"}


class CrossFileRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one set of cross-file and natural items is made."""

    name: str
    seed: int
    cross_items: int
    natural_items: int
    items_per_file: int
    """Most items of either set from one file."""
    shares: dict[str, float]
    """Part of the items by language."""
    kinds: dict[str, float]
    """Part of the cross-file items by kind of cursor."""
    packages: tuple[Package, ...]

    def __post_init__(self) -> None:
        """Refuse languages and kinds that do not exist."""
        if wrong := sorted({*self.shares} - LANGUAGES) + sorted({*self.kinds} - {*_KINDS}):
            raise ValueError(f"unknown language or kind {wrong[0]!r}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that an item may be cut at."""

    project: str
    file: ProjectFile
    kind: str
    line: int
    """From 0."""
    column: int
    """In code points from 0."""
    text: str
    """The line, without its ending."""
    name: str = ""
    """The identifier that another file defines; empty for natural places."""
    found: Found = ()

    @property
    def answer(self) -> str:
        """The rest of the line."""
        return self.text[self.column :].rstrip()


def read_recipe(path: Path) -> CrossFileRecipe:
    """Read the recipe at `path`.

    Raises RecipeError if it cannot be read or does not fit.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), CrossFileRecipe)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error


def cut_items(projects: Sequence[Project], recipe: CrossFileRecipe) -> list[Item]:
    """Return the items of `recipe`: cross-file ones, then natural ones.

    Where a language or kind has too few places the others make up for it; where all are used up
    there are fewer items than asked for.
    """
    linked = [link(project, LANGUAGES) for project in projects]
    by_name = {links.project.name: links for links in linked}
    leaks = {links.project.name: Leaks(links.project) for links in linked}
    cross = [place for links in linked for place in find_cross_places(links)]
    natural = [place for links in linked for place in find_natural_places(links)]
    chosen = _choose(cross, recipe, recipe.cross_items, recipe.kinds, leaks)
    control = _choose(natural, recipe, recipe.natural_items, {}, leaks)
    return [
        *(item_of(recipe.name, "cross", place, by_name[place.project]) for place in chosen),
        *(item_of(recipe.name, "natural", place, by_name[place.project]) for place in control),
    ]


def find_cross_places(links: Links) -> Iterator[Candidate]:
    """Yield the places of a project at which an answer begins with something of another file."""
    for file in _own_files(links):
        view = links.view(file)
        tokens = list(scan(file.text, file.language))
        code = code_of(tokens)
        reader = Reader(links, view, code)
        imported = _import_lines(view.outline)
        known = _KnownWords(links, file)
        for place in itertools.chain(
            _code_places(links, file, code, reader), _text_places(links, file, tokens, reader)
        ):
            fits = len(place.answer) in ANSWER_CHARACTERS and place.line not in imported
            if fits and known.answers(place):
                yield place


def find_natural_places(links: Links) -> Iterator[Candidate]:
    """Yield all tokens of a project's code behind which enough of the line is left."""
    for file in _own_files(links):
        code = code_of(list(scan(file.text, file.language)))
        lines = split_lines(file.text)
        for index, token in enumerate(code):
            if len(lines[token.line][token.column :].rstrip()) in ANSWER_CHARACTERS:
                kind = _kind_at(code, index, lines[token.line])
                text = lines[token.line].rstrip("\n")
                yield Candidate(links.project.name, file, kind, token.line, token.column, text)


def _own_files(links: Links) -> Iterator[ProjectFile]:
    """Yield the hand-written files of a project, each text once."""
    seen: set[str] = set()
    for file in links.files.values():
        text = re.sub(r"\s+", " ", file.text)
        if file.is_own and text not in seen:
            seen.add(text)
            yield file


def _import_lines(outline: Outline) -> frozenset[int]:
    return frozenset(
        line for item in outline.imports for line in range(item.first_line, item.end_line)
    )


def _kind_at(code: Sequence[Token], index: int, line: str) -> str:
    token = code[index]
    if not line[: token.column].strip():
        return "line-start"
    before = code[index - 1]
    touches = before.line == token.line and before.column + len(before.text) == token.column
    if touches and before.text in (".", "->", "?.", "::"):
        return "after-dot"
    called = index > 1 and code[index - 2].kind is TokenKind.NAME
    if touches and before.text == "(" and called and code[index - 2].text not in KNOWN_WORDS:
        return "after-paren"
    return "other"


def _code_places(
    links: Links, file: ProjectFile, code: Sequence[Token], reader: Reader
) -> Iterator[Candidate]:
    lines = split_lines(file.text)
    for index, token in enumerate(code):
        found = reader.meaning(index) if token.kind is TokenKind.NAME else ()
        if not found:
            continue
        kind = _kind_at(code, index, lines[token.line])
        text = lines[token.line].rstrip("\n")
        places = [(kind, token.column)]
        if inner := range(token.column + 2, token.column + len(token.text) - 1):
            places.append(("in-word", _one_of(inner, file, token.line)))
        for kind, column in places:
            yield Candidate(
                links.project.name, file, kind, token.line, column, text, token.text, found
            )


def _text_places(
    links: Links, file: ProjectFile, tokens: Sequence[Token], reader: Reader
) -> Iterator[Candidate]:
    """Yield places in names that a comment or string mentions."""
    lines = split_lines(file.text)
    kinds = {TokenKind.COMMENT: "in-comment", TokenKind.STRING: "in-string"}
    for token in tokens:
        if token.kind not in kinds:
            continue
        for line, start, word in _words_of(token):
            found = reader.mentioned(word)
            text = lines[line].rstrip("\n")
            if found and len(text.rstrip()) - start - len(word) <= _TEXT_TAIL:
                kind = kinds[token.kind]
                inner = range(start + _TYPED, start + len(word) - 1)
                column = _one_of(inner, file, line)
                yield Candidate(links.project.name, file, kind, line, column, text, word, found)


def _one_of(columns: Sequence[int], file: ProjectFile, line: int) -> int:
    """Return one of `columns`, as good as by chance but always the same."""
    return columns[zlib.crc32(f"{file.path}:{line}:{columns[0]}".encode()) % len(columns)]


def _words_of(token: Token) -> Iterator[tuple[int, int, str]]:
    """Yield line, column and text of the words in a comment or string."""
    for number, text in enumerate(split_lines(token.text)):
        start = token.column if number == 0 else 0
        for match in re.finditer(r"[^\W\d]\w{7,}", text):
            yield token.line + number, start + match.start(), match[0]


class _KnownWords:
    """Which answers somebody could know who has the project at hand."""

    def __init__(self, links: Links, file: ProjectFile) -> None:
        self._links = links
        self._file = file
        self._counts = Counter(re.findall(r"\w+", file.text))
        self._family = family(file.language)

    def answers(self, place: Candidate) -> bool:
        """Say whether all names, numbers and strings of an answer can be known."""
        if place.kind in ("in-comment", "in-string"):
            return True
        inside = Counter(re.findall(r"\w+", place.answer))
        signatures = " ".join(one.definition.signature for one in place.found)
        spoken = KNOWN_WORDS | {*re.findall(r"\w+", signatures), place.name}
        return all(
            self._is_known(token, inside, spoken)
            for token in scan(place.answer, self._file.language)
        )

    def _is_known(self, token: Token, inside: Counter[str], spoken: frozenset[str]) -> bool:
        if token.kind is TokenKind.COMMENT:
            return False
        if token.kind is TokenKind.STRING:
            return len(token.text) <= _LITERAL or self._file.text.count(token.text) > 1
        if token.kind is TokenKind.MARK or token.text in spoken or token.column == 0:
            return True
        if self._counts[token.text] > inside[token.text] or token.text in ("0", "1", "2"):
            return True
        return (self._family, token.text) in self._links.by_name


class Leaks:
    """Which lines of a project stand in two files, together with the lines above them."""

    def __init__(self, project: Project) -> None:
        """Read the lines of `project`."""
        self._files: dict[str, set[str]] = {}
        for file in project.files:
            lines = [line.strip() for line in split_lines(file.text)]
            for pair in itertools.pairwise(line for line in lines if line):
                self._files.setdefault("\n".join(pair), set()).add(file.path)

    def holds(self, place: Candidate, *, anywhere: bool = False) -> bool:
        """Say whether another file gives the answer away; `anywhere`, whether any file does."""
        line = place.text.strip()
        above = [text.strip() for text in split_lines(place.file.text)[: place.line]]
        before = next((text for text in reversed(above) if text), "")
        own = set() if anywhere else {place.file.path}
        others = self._files.get(f"{before}\n{line}", set()) - own
        return len(line) >= LEAK_CHARACTERS and bool(others)


class _Chooser:
    """Takes places one by one as long as files, lines and leaks allow it."""

    def __init__(self, per_file: int, leaks: Mapping[str, Leaks]) -> None:
        self._per_file = per_file
        self._leaks = leaks
        self._files: Counter[tuple[str, str]] = Counter()
        self._lines: set[str] = set()
        self.chosen: list[Candidate] = []

    def take(self, places: Iterable[Candidate], number: int) -> int:
        """Take up to `number` of `places`; return how many are missing."""
        for place in places:
            if number <= 0:
                break
            number -= self._take(place)
        return max(number, 0)

    def _take(self, place: Candidate) -> bool:
        file, line = (place.project, place.file.path), place.text.strip()
        if self._files[file] >= self._per_file or line in self._lines:
            return False
        if self._leaks[place.project].holds(place):
            return False
        self._files[file] += 1
        self._lines.add(line)
        self.chosen.append(place)
        return True


def _choose(
    places: Sequence[Candidate],
    recipe: CrossFileRecipe,
    number: int,
    kinds: Mapping[str, float],
    leaks: Mapping[str, Leaks],
) -> list[Candidate]:
    """Choose `number` places by the shares of languages and kinds, then whatever is left."""
    chooser = _Chooser(recipe.items_per_file, leaks)
    missing = 0
    for language, wanted in counts(recipe.shares, number).items():
        own = [place for place in places if _share_of(place.file.language) == language]
        for kind, count in counts(kinds or {"": 1.0}, wanted).items():
            fitting = [place for place in own if not kind or place.kind == kind]
            missing += chooser.take(in_turn(fitting, f"{recipe.seed}/{language}/{kind}"), count)
    chooser.take(in_turn(places, f"{recipe.seed}/rest"), missing)
    return sorted(chooser.chosen, key=_place_of)


def _share_of(language: str) -> str:
    return "typescript" if language == "tsx" else language


def _place_of(place: Candidate) -> tuple[str, str, int, int]:
    return place.project, place.file.path, place.line, place.column


def _names_in(answer: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d]\w*", answer))


def item_of(name: str, group: str, place: Candidate, links: Links) -> Item:
    """Return a place as an item of the set `name`, its kind in the family `group`."""
    lines = split_lines(place.file.text)
    line = lines[place.line]
    where = f"{place.file.path}:{place.line + 1}:{place.column + 1}"
    best = nearest(place.found, place.file.path) if place.found else None
    return Item(
        task_id=f"{name}/{group}/{place.kind}/{place.project}/{where}",
        language=_LSP_NAMES.get(place.file.language, place.file.language),
        path=place.file.path,
        prefix="".join(lines[: place.line]) + line[: place.column],
        suffix=line[len(line.rstrip("\r\n")) :] + "".join(lines[place.line + 1 :]),
        answer=place.answer,
        kind=f"{group}/{place.kind}",
        project=place.project,
        identifier=place.name,
        definition=described(links, best, _names_in(place.answer)) if best else "",
        definition_path=best.path if best else "",
    )
