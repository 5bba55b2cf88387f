"""The items of an evaluation: a document, a place in it, and what stood there.

Reads and writes them as JSON lines, and reads the public HumanEval infilling data. Knows nothing
about servers or models.
"""

import gzip
import hashlib
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fimbul_models.errors import RecipeError

BODIES = ("block", "function")
"""Beginnings, before a ``/``, of the kinds whose answers are bodies."""

_Row = TypeVar("_Row")


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One question with its known answer."""

    task_id: str
    """Unique in its file."""
    language: str
    """LSP language identifier."""
    path: str
    """Name of the file the text is from, ``/`` between parts."""
    prefix: str
    """The document up to the cursor."""
    suffix: str
    """The document from the cursor on."""
    answer: str
    """What stood between them."""
    kind: str
    """What kind of place it is; results are reported by kind."""
    project: str = ""
    """Name of the project that `path` is in; empty if the text stands alone."""
    definition: str = ""
    """The code of another file that defines `identifier`; empty if nothing does."""
    definition_path: str = ""
    """Name of that file in the same project."""
    identifier: str = ""
    """What the answer needs from that file."""
    test: str = ""
    """Python that follows the whole document and raises unless it does what it should; empty if
    there is none."""

    @property
    def is_body(self) -> bool:
        """Whether the answer is a whole body of lines, rather than the rest of one."""
        return self.kind.partition("/")[0] in BODIES

    def digest(self) -> str:
        """Return a short name of all that decides an answer; other contents have other ones."""
        # A test decides no answer, so answers that were kept without it stay good.
        content = msgspec.json.encode(msgspec.structs.replace(self, test=""))
        return hashlib.sha256(content).hexdigest()[:16]


def read_humaneval(path: Path, limit: int | None, seed: int) -> list[Item]:
    """Read HumanEval infilling data: the first `limit` items of a shuffle seeded by `seed`.

    Both published forms are read, single lines and random spans.

    Raises RecipeError if the file cannot be read or is something else.
    """
    items = [_humaneval_item(path, row) for row in _read_lines(path, dict[str, Any])]
    return shuffled(items, seed)[:limit]


def shuffled(items: Iterable[Item], seed: int) -> list[Item]:
    """Return `items` in the order that `seed` gives them, always the same one."""
    order = list(items)
    random.Random(seed).shuffle(order)  # noqa: S311  # Repeatable, not secret.
    return order


def sample_kinds(items: Iterable[Item], number: int, seed: int) -> list[Item]:
    """Return at most `number` items of each kind, chosen and ordered by `seed`."""
    kinds: dict[str, list[Item]] = {}
    for item in items:
        kinds.setdefault(item.kind, []).append(item)
    order = random.Random(seed)  # noqa: S311  # Repeatable, not secret.
    chosen: list[Item] = []
    for members in kinds.values():
        order.shuffle(members)
        chosen += members[:number]
    order.shuffle(chosen)
    return chosen


def read_items(path: Path) -> list[Item]:
    """Read items from the JSON lines at `path`, compressed if the name ends in ``.gz``.

    Raises RecipeError if the file cannot be read, does not hold items, or holds a task twice.
    """
    items = _read_lines(path, Item)
    if len({item.task_id for item in items}) != len(items):
        raise RecipeError(f"{path} holds a task_id twice; each item needs its own.")
    return items


def write_items(path: Path, items: Iterable[Item]) -> None:
    """Write `items` to `path` as JSON lines; the same items always give the same bytes."""
    data = b"".join(msgspec.json.encode(item) + b"\n" for item in items)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _read_lines(path: Path, type_: type[_Row]) -> list[_Row]:
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError) as error:
        raise RecipeError(f"The items in {path} cannot be read: {error}.") from error
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            rows.append(msgspec.json.decode(line, type=type_))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}, line {number}, is not an item: {error}.") from error
    return rows


def _humaneval_item(path: Path, row: dict[str, Any]) -> Item:
    fields = ("task_id", "prompt", "suffix", "canonical_solution")
    values = [row.get(field) for field in fields]
    if not all(isinstance(value, str) for value in values):
        raise RecipeError(f"{path} is not HumanEval infilling data; it needs {', '.join(fields)}.")
    task_id, prefix, suffix, answer = map(str, values)
    suffix, answer = _as_in_an_editor(suffix, answer)
    return Item(
        task_id=task_id,
        language="python",
        path=_humaneval_path(task_id),
        prefix=prefix,
        suffix=suffix,
        answer=answer,
        kind=task_id.split("/")[0],
        test=_humaneval_test(row),
    )


def _humaneval_test(row: Mapping[str, Any]) -> str:
    test, name = row.get("test"), row.get("entry_point")
    if not isinstance(test, str) or not isinstance(name, str) or not name.isidentifier():
        return ""
    return f"{test}\n\ncheck({name})\n"


def _as_in_an_editor(suffix: str, answer: str) -> tuple[str, str]:
    # In the single-line data the answer carries the line ending that ends the cursor's line. An
    # editor that shows an empty line to be filled keeps that ending right of the cursor.
    if answer.endswith("\n"):
        return "\n" + suffix, answer.removesuffix("\n")
    return suffix, answer


def _humaneval_path(task_id: str) -> str:
    # Ids look like SingleLineInfilling/HumanEval/12/L3; the problem names the file.
    return "_".join(task_id.split("/")[1:3]).lower() + ".py"
