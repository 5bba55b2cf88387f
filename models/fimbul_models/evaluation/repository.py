"""Cut items from a repository of one's own, at places that nothing was trained on.

There are two kinds of them: lines that came after a commit, and whole files that are held out
whatever the commit. What stands before that commit in the other files is what one may train on.
Only what is committed is read. The same commits, rules and seed always give the same items. Knows
nothing about servers or models.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from fimbul_models.corpus.listings import is_plain
from fimbul_models.corpus.projects import TEXT_LIMIT, Project, ProjectFile, lay_out, project_of
from fimbul_models.corpus.repositories import (
    added_lines,
    commit_before,
    commit_of,
    git_folder,
    history,
    listed_repository,
)
from fimbul_models.errors import RecipeError, SourceError
from fimbul_models.evaluation import bodies, crossfile
from fimbul_models.evaluation.bodies import find_bodies
from fimbul_models.evaluation.choosing import counts
from fimbul_models.evaluation.crossfile import (
    ANSWER_CHARACTERS,
    Leaks,
    find_cross_places,
    find_natural_places,
)
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.linking import Links, link
from fimbul_models.evaluation.tokens import LANGUAGES
from fimbul_models.evaluation.traces import CALM, Block, Step, blocks, typed
from lsp_server.syntax.languages import language_of_path
from lsp_server.text import split_lines

LATER, FILES, TYPING = "later", "files", "typing"
"""What kinds of places begin with: lines that came later, files held out, places while typing."""

_CROSS = "-cross"
"""Stands behind those two where the answer begins with something that another file defines."""
_LSP_NAMES = {"tsx": "typescriptreact"}
_KEYS = ("key", "enter", "auto-close", "typed-over closer")
_STEPS = 600
"""Most steps of one block that is typed, some twenty lines."""


class RepositoryRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is held out, and how many items are cut from it."""

    since: str = ""
    """Commit or date; what came after it is held out. Empty holds out the last tenth of the
    commits."""
    held_files: float = 0.1
    """Share of the files that are held out whatever their date."""
    later_items: int = 60
    file_items: int = 60
    body_items: int = 20
    """Whole bodies of functions and blocks, in either."""
    typing_items: int = 20
    """Places that are reached while a block is typed, in either."""
    cross: float = 0.5
    """Share of the items of lines that need another file, where there are so many."""
    items_per_file: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if not 0 < self.held_files < 1 or not 0 <= self.cross <= 1:
            raise ValueError("held_files has to lie between 0 and 1, cross from 0 to 1")
        if min(self.later_items, self.file_items, self.body_items, self.typing_items) < 0:
            raise ValueError("numbers of items have to be 0 or more")
        if self.items_per_file < 1:
            raise ValueError("items_per_file has to be 1 or more")


@dataclass(frozen=True)
class Held:
    """A repository, and what of it is held out."""

    head: str
    """The commit that is looked at."""
    since: str
    """The commit up to which one may train."""
    project: Project
    """All files at `head`."""
    training: Project
    """The files at `since`, without those held out: what one may train on."""
    added: Mapping[str, frozenset[int]]
    """Lines (from 0) of `project`, by path, that came after `since`."""
    files: frozenset[str]
    """Paths that are held out."""

    def is_held(self, path: str, lines: Iterable[int]) -> str:
        """Return which kind of places these lines are; empty if one may train on them."""
        if path in self.files:
            return FILES
        added = self.added.get(path, frozenset())
        return LATER if all(line in added for line in lines) else ""


def read_repository(path: Path, rules: RepositoryRules, revision: str = "HEAD") -> Held:
    """Read what is committed in the git repository at `path`, up to `revision`.

    Raises SourceError if there is none, or too little is committed to hold something out.
    """
    folder = git_folder(path.expanduser().resolve())
    head = commit_of(folder, revision)
    since = _since(folder, path, head, rules.since)
    name = path.expanduser().resolve().name
    project = _project(folder, head, name)
    before = _project(folder, since, name)
    held = frozenset(
        file.path for file in (*project.files, *before.files) if _is_drawn(file.path, rules)
    )
    kept = tuple(file for file in before.files if file.path not in held)
    if not kept:
        raise SourceError(f"{path} holds no code at {since[:12]} that could be trained on.")
    added = added_lines(folder, since, head)
    return Held(head, since, project, Project(name, kept), added, held)


def _since(folder: Path, path: Path, head: str, wanted: str) -> str:
    if not wanted:
        commits = history(folder, head)
        if len(commits) < 2:
            raise SourceError(
                f"{path} has one commit only, so nothing in it is later; name a repository with a"
                " history."
            )
        return commits[max(1, len(commits) // 10)]
    try:
        return commit_of(folder, wanted)
    except SourceError:
        return commit_before(folder, head, wanted)


def _is_drawn(path: str, rules: RepositoryRules) -> bool:
    # The path alone decides, so that a file stays held out from one night to the next.
    drawn = hashlib.sha256(f"{rules.seed}:held\n{path}".encode("utf-8", "replace")).digest()
    return int.from_bytes(drawn[:6], "big") / 2**48 < rules.held_files


def _project(folder: Path, commit: str, name: str) -> Project:
    with listed_repository(folder, commit) as listing:
        members = []
        for entry in listing.entries:
            wanted = entry.size <= TEXT_LIMIT and language_of_path(entry.path)
            if wanted and not entry.problem and is_plain(entry.path.encode()):
                try:
                    members.append((entry.path, listing.read(entry)))
                except SourceError:  # What git lost is no place to ask about.
                    continue
    return project_of(name, members)


def cut_items(held: Held, rules: RepositoryRules) -> list[Item]:
    """Return the items of what is held out; fewer than asked for where places run out."""
    links = link(held.project, LANGUAGES)
    cutter = _Cutter(held, rules, links)
    items: list[Item] = []
    for group, number in ((LATER, rules.later_items), (FILES, rules.file_items)):
        cross = cutter.lines(group, find_cross_places(links), round(number * rules.cross), _CROSS)
        items += cross
        items += cutter.lines(group, find_natural_places(links), number - len(cross), "")
    items += cutter.bodies()
    items += cutter.typed()
    return items


class _Cutter:
    """Chooses places, none twice."""

    def __init__(self, held: Held, rules: RepositoryRules, links: Links) -> None:
        self._held, self._rules, self._links = held, rules, links
        self._trained, self._around = Leaks(held.training), Leaks(held.project)
        self._taken: Counter[str] = Counter()
        self._lines: set[str] = set()
        self._name = f"{held.project.name}-{held.since[:12]}"

    def lines(
        self, group: str, places: Iterable[crossfile.Candidate], number: int, ending: str
    ) -> list[Item]:
        """Return items that ask for the rest of a line."""
        fitting = [
            place for place in places if self._held.is_held(place.file.path, [place.line]) == group
        ]
        chosen = islice(filter(self._takes, self._in_order(fitting, group + ending)), number)
        return [
            crossfile.item_of(self._name, group + ending, place, self._links) for place in chosen
        ]

    def _takes(self, place: crossfile.Candidate) -> bool:
        line = place.text.strip()
        known = self._trained.holds(place, anywhere=True) or self._around.holds(place)
        if known or line in self._lines or self._is_full(place.file):
            return False
        self._lines.add(line)
        self._taken[place.file.path] += 1
        return True

    def _is_full(self, file: ProjectFile) -> bool:
        return self._taken[file.path] >= self._rules.items_per_file

    def _in_order(
        self, places: Sequence[crossfile.Candidate], seed: str
    ) -> Iterator[crossfile.Candidate]:
        """Yield places at random, each language as often as the root of its number of places.

        So a language that little is written in is judged, too.
        """
        order = random.Random(f"{self._rules.seed}/{seed}")  # noqa: S311  # Repeatable.
        of_language: dict[str, list[crossfile.Candidate]] = {}
        for place in order.sample(places, len(places)):
            of_language.setdefault(place.file.language, []).append(place)
        if not of_language:
            return
        shares = counts({name: len(some) ** 0.5 for name, some in of_language.items()}, 1_000)
        spent = dict.fromkeys(shares, 0)
        while of_language:
            name = min(of_language, key=lambda one: (spent[one] + 1) / max(1, shares[one]))
            spent[name] += 1
            yield of_language[name].pop()
            if not of_language[name]:
                del of_language[name]

    def bodies(self) -> list[Item]:
        """Return items that ask for whole bodies."""
        found = [
            place
            for place in find_bodies(self._held.project)
            if self._held.is_held(
                place.file.path, range(place.body.first_line, place.body.end_line)
            )
        ]
        order = random.Random(f"{self._rules.seed}/bodies")  # noqa: S311  # Repeatable.
        chosen = order.sample(found, min(self._rules.body_items, len(found)))
        return [bodies.item_of(self._name, place) for place in chosen]

    def typed(self) -> list[Item]:
        """Return items at places that are reached while a block is typed in again."""
        found = [
            (file, block)
            for file in self._held.project.files
            if file.is_own and file.language in LANGUAGES
            for block in blocks(file.path, file.text)
            if self._held.is_held(file.path, _lines_of(block))
        ]
        order = random.Random(f"{self._rules.seed}/typed")  # noqa: S311  # Repeatable.
        each = -(-self._rules.typing_items // max(1, len(found)))
        items: list[Item] = []
        for file, block in order.sample(found, len(found)):
            items += self._typed(file, block, order, each)
        return items[: self._rules.typing_items]

    def _typed(
        self, file: ProjectFile, block: Block, order: random.Random, number: int
    ) -> Iterator[Item]:
        steps = [
            (at, step, rest)
            for at, step in enumerate(islice(typed(block, None, CALM), _STEPS))
            if step.event in _KEYS and len(rest := _rest_of(step)) in ANSWER_CHARACTERS
        ]
        for at, step, rest in sorted(order.sample(steps, min(number, len(steps))), key=_number):
            above, below = step.lines[: step.position.line], step.lines[step.position.line + 1 :]
            line = step.lines[step.position.line]
            yield Item(
                task_id=f"{self._name}/{TYPING}/{step.event}/{block.path}:{at}",
                language=_LSP_NAMES.get(file.language, file.language),
                path=block.path,
                prefix="".join(above) + line[: step.position.column],
                suffix=line[step.position.column :] + "".join(below),
                answer=rest,
                kind=f"{TYPING}/{step.event.replace(' ', '-')}",
                project=self._held.project.name,
            )


def _number(step: tuple[int, Step, str]) -> int:
    return step[0]


def _lines_of(block: Block) -> range:
    first = len(split_lines(block.above))
    return range(first, first + len(split_lines(block.text)))


def _rest_of(step: Step) -> str:
    """Return what of the line is still to be typed, without what the editor has put there."""
    right = step.lines[step.position.line][step.position.column :].rstrip()
    return step.rest.removesuffix(right).rstrip()


def write_training(held: Held, folder: Path) -> int:
    """Write what one may train on into the new `folder`; return how many files.

    Raises RecipeError if there is something in it, SourceError if it cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise RecipeError(f"{folder} is not empty; name a new folder for what is trained on.")
    return lay_out(held.training, folder)
