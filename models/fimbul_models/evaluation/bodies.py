"""Cut items whose answers are whole bodies, of blocks below headers, of functions below signatures.

Bodies are found in the syntax tree. The cursor stands where an editor puts it after Enter: behind
the indentation of the first line, what closes the block on the lines below. Prefix and suffix are
the whole document. The same recipe always gives the same items. Knows nothing about servers or
models.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.projects import Project, ProjectFile
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.choosing import counts, in_turn
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.tokens import LANGUAGES
from lsp_server.syntax.bodyspans import BodyKind, BodySpan
from lsp_server.syntax.languages import language_for
from lsp_server.syntax.tree import parse
from lsp_server.text import split_lines

BLOCK_LINES = range(1, 7)
"""Lines with something in them of a block's body: longer ones nobody expects to be guessed."""
FUNCTION_LINES = range(2, 16)
"""The same of a function's; a function of one line is little more than a block."""

LINE_CHARACTERS = 120
"""Longest line of a body."""

_COMMENT = re.compile(r"\s*(#|//|/\*)")
_NOTHING = re.compile(r"(pass|\.\.\.|return;?|break;?|continue;?|\W*)")
"""Bodies of one line that say nothing."""
_LSP_NAMES = {"tsx": "typescriptreact"}


class BodyRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one set of items for bodies is made."""

    name: str
    seed: int
    block_items: int
    function_items: int
    items_per_file: int
    """Most items of either set from one file."""
    shares: dict[str, float]
    """Part of the items by language."""
    packages: tuple[Package, ...]

    def __post_init__(self) -> None:
        """Refuse languages that do not exist."""
        if wrong := sorted({*self.shares} - LANGUAGES):
            raise ValueError(f"unknown language {wrong[0]!r}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A body that an item may be cut at."""

    project: str
    file: ProjectFile
    body: BodySpan
    text: str
    """Its lines, without the indentation of the first and the ending of the last one."""
    kind: str


def read_recipe(path: Path) -> BodyRecipe:
    """Read the recipe at `path`.

    Raises RecipeError if it cannot be read or does not fit.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), BodyRecipe)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error


def cut_items(projects: Sequence[Project], recipe: BodyRecipe) -> list[Item]:
    """Return the items of `recipe`: blocks, then functions.

    What a language has too few of the others make up for; where all are used up there are fewer.
    """
    places = [place for project in projects for place in find_bodies(project)]
    blocks = [place for place in places if place.body.kind is not BodyKind.FUNCTION]
    functions = [place for place in places if place.body.kind is BodyKind.FUNCTION]
    chosen = _choose(blocks, recipe, recipe.block_items)
    chosen += _choose(functions, recipe, recipe.function_items)
    return [item_of(recipe.name, place) for place in chosen]


def find_bodies(project: Project) -> Iterator[Candidate]:
    """Yield the bodies of a project's own files that may be asked for, each text once."""
    seen: set[str] = set()
    for file in project.files:
        language = language_for(file.language)
        tree = parse(language, split_lines(file.text)) if file.is_own and language else None
        # Where a file does not follow the grammar, so may its bodies not.
        if tree is None or tree.has_error:
            continue
        for body in tree.body_spans():
            place = _candidate(project.name, file, body, tree.lines)
            if place is not None and place.text not in seen:
                seen.add(place.text)
                yield place


def _candidate(
    project: str, file: ProjectFile, body: BodySpan, lines: Sequence[str]
) -> Candidate | None:
    own = lines[body.first_line : body.end_line]
    text = "".join(own).strip()
    filled = sum(bool(line.strip()) for line in own)
    is_function = body.kind is BodyKind.FUNCTION
    fits = (
        filled in (FUNCTION_LINES if is_function else BLOCK_LINES)
        and max(len(line.rstrip()) for line in own) <= LINE_CHARACTERS
        and not _COMMENT.match(own[0])
        and not _NOTHING.fullmatch(text)
    )
    if not fits:
        return None
    kind = f"block/{body.kind.value}"
    if is_function:
        said = body.has_docstring or _is_described(lines, body.header_line)
        kind = "function/described" if said else "function/bare"
    return Candidate(project, file, body, text, kind)


def _is_described(lines: Sequence[str], header: int) -> bool:
    """Say whether a comment ends just above a header, attributes and decorators passed over."""
    above = header - 1
    while above >= 0 and lines[above].strip().startswith(("@", "#[")):
        above -= 1
    text = lines[above].strip() if above >= 0 else ""
    return text.startswith(("//", "/*", "* ", "# ")) or text.endswith("*/")


def _choose(places: Sequence[Candidate], recipe: BodyRecipe, number: int) -> list[Candidate]:
    """Choose `number` places by the shares of the languages, then whatever is left."""
    taken: Counter[tuple[str, str]] = Counter()
    chosen: list[Candidate] = []

    def take(fitting: Iterable[Candidate], wanted: int) -> None:
        for place in fitting:
            file = place.project, place.file.path
            if wanted <= 0:
                return
            if taken[file] < recipe.items_per_file and place not in chosen:
                taken[file] += 1
                chosen.append(place)
                wanted -= 1

    for language, wanted in counts(recipe.shares, number).items():
        own = [place for place in places if _share_of(place.file.language) == language]
        take(in_turn(own, f"{recipe.seed}/{language}"), wanted)
    listed = [place for place in places if _share_of(place.file.language) in recipe.shares]
    take(in_turn(listed, f"{recipe.seed}/rest"), number - len(chosen))
    return sorted(chosen, key=_place_of)


def _share_of(language: str) -> str:
    return "typescript" if language == "tsx" else language


def _place_of(place: Candidate) -> tuple[str, str, int]:
    return place.project, place.file.path, place.body.first_line


def item_of(name: str, place: Candidate) -> Item:
    """Return a body as an item of the set `name`."""
    lines = split_lines(place.file.text)
    prefix = "".join(lines[: place.body.first_line])
    first = lines[place.body.first_line]
    prefix += first[: len(first) - len(first.lstrip())]
    where = f"{place.file.path}:{place.body.first_line + 1}"
    return Item(
        task_id=f"{name}/{place.kind}/{place.project}/{where}",
        language=_LSP_NAMES.get(place.file.language, place.file.language),
        path=place.file.path,
        prefix=prefix,
        suffix=place.file.text[len(prefix) + len(place.text) :],
        answer=place.text,
        kind=place.kind,
        project=place.project,
    )
