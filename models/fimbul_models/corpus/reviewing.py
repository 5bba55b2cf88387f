"""Label files by hand, in a terminal: what is asked, what is kept, in which order files come.

Every answer is kept at once, so a session may end at any moment and goes on where it was. Knows
nothing about the terminal: questions and lines go through functions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from random import Random

import msgspec
import numpy as np

from fimbul_models.corpus.classifying import LinearModel
from fimbul_models.corpus.labelling import FeatureReader, Task
from fimbul_models.corpus.records import Record
from fimbul_models.errors import RecipeError, SourceError
from lsp_server.text import split_lines, strip_ending

LINES = 30
"""Lines of a file that are shown at first, and at each further look."""

WIDTH = 120
"""Code points of a line that are shown."""


class Label(msgspec.Struct, frozen=True):
    """One answer of a person. Holds no text of the file."""

    key: str
    """As `Record.key`."""
    digest: str
    """As `Record.digest`; a label of other content counts no more."""
    task: str
    label: str
    """Empty takes an earlier answer back."""


class LabelFile:
    """The answers to one task, as JSON lines; a later one of the same file counts."""

    def __init__(self, path: Path, task: Task) -> None:
        """Read what there is.

        Raises RecipeError if a line is no label or names a class that the task has not.
        """
        self._path = path
        self._task = task
        self._labels: dict[str, Label] = {}
        try:
            lines = path.read_bytes().splitlines() if path.exists() else []
        except OSError as error:
            raise RecipeError(f"The labels in {path} cannot be read: {error}.") from error
        for number, line in enumerate(lines, start=1):
            try:
                self._take(msgspec.json.decode(line, type=Label))
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                raise RecipeError(f"{path}, line {number}, is no label: {error}.") from error

    def __len__(self) -> int:
        return len(self._labels)

    def of(self, records: Sequence[Record]) -> dict[str, str]:
        """Return the labels of those of `records` that are as they were labelled, by key."""
        found = {}
        for record in records:
            label = self._labels.get(record.key)
            if label is not None and label.digest == record.digest:
                found[record.key] = label.label
        return found

    def keep(self, record: Record, answer: str) -> None:
        """Keep the answer for one file; an empty one takes an earlier one back.

        Raises SourceError if it cannot be written.
        """
        label = Label(record.key, record.digest, self._task.name, answer)
        self._take(label)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(label) + b"\n")
        except OSError as error:
            raise SourceError(f"The label cannot be kept in {self._path}: {error}.") from error

    def _take(self, label: Label) -> None:
        if label.task != self._task.name:
            return
        if label.label and label.label not in self._task.classes:
            raise ValueError(f"{label.label!r} is none of {', '.join(self._task.classes)}")
        if label.label:
            self._labels[label.key] = label
        else:
            self._labels.pop(label.key, None)


def in_turn(records: Sequence[Record], known: Mapping[str, str], seed: int) -> list[int]:
    """Return the files without a label, by number: a random one of each language by turns.

    Of one language, repositories take turns, too, so that a large one does not come first.
    """
    random = Random(f"{seed}:review")  # noqa: S311  # Repeatable, not secret.
    queues: dict[str, dict[str, list[int]]] = {}
    order = [number for number, record in enumerate(records) if record.key not in known]
    random.shuffle(order)
    for number in order:
        record = records[number]
        queues.setdefault(record.language, {}).setdefault(record.repository, []).append(number)
    languages = [_by_turns(list(queues[name].values())) for name in sorted(queues)]
    return _by_turns(languages)


def _by_turns(queues: Sequence[Sequence[int]]) -> list[int]:
    return [one for one in chain.from_iterable(zip_longest(*queues)) if one is not None]


def least_sure(
    records: Sequence[Record], known: Mapping[str, str], model: LinearModel, reader: FeatureReader
) -> list[int]:
    """Return the files without a label, by number: those of which a model is least sure first."""
    chances = np.sort(model.chances(reader.read(records)), axis=1)
    margins = chances[:, -1] - chances[:, -2]
    order = np.argsort(margins, kind="stable")
    return [int(number) for number in order if records[number].key not in known]


@dataclass
class Review:
    """One session."""

    task: Task
    reader: FeatureReader
    labels: LabelFile
    ask: Callable[[str], str]
    """Puts a question, and returns the line that is typed; EOFError ends the session."""
    tell: Callable[[str], None]
    suggest: Callable[[Record], str] = lambda _: ""
    """What a model would say; an empty answer takes it."""

    def run(self, records: Sequence[Record]) -> int:
        """Ask about `records` until they end or the person stops; return how many were labelled."""
        self.tell(self._help())
        at, labelled = 0, 0
        while at < len(records):
            try:
                answer = self._answer(records[at], f"{at + 1}/{len(records)}")
            except (EOFError, KeyboardInterrupt):
                break
            if answer == "q":
                break
            if answer == "b":
                at = max(0, at - 1)
                continue
            if answer in self.task.classes:
                self.labels.keep(records[at], answer)
                labelled += 1
            at += 1
        return labelled

    def _answer(self, record: Record, place: str) -> str:
        """Return a class, or ``s``, ``b`` or ``q``."""
        suggestion = self.suggest(record)
        self.tell(f"\n[{place}] {record.repository} {record.path} ({record.language})")
        for name, terms in self.reader.found(record).items():
            self.tell(f"  {name}: {', '.join(terms)}")
        shown = self._show(record, 0)
        while True:
            hint = f" [{suggestion}]" if suggestion else ""
            typed = self.ask(f"{self.task.question}{hint} ").strip()
            if not typed and suggestion:
                return suggestion
            if typed in ("s", "b", "q"):
                return typed
            if typed == "m":
                shown = self._show(record, shown)
            elif (named := self._class_of(typed)) is not None:
                return named
            else:
                self.tell(self._help())

    def _show(self, record: Record, begin: int) -> int:
        lines = split_lines(record.text)
        for line in lines[begin : begin + LINES]:
            self.tell(f"  | {_printable(strip_ending(line))[:WIDTH]}")
        left = len(lines) - begin - LINES
        if left > 0:
            self.tell(f"  | … {left} more lines")
        return begin + LINES

    def _class_of(self, typed: str) -> str | None:
        """Return the class that a number or the begin of a name tells; None if none or several."""
        classes = self.task.classes
        if typed.isdecimal() and 1 <= int(typed) <= len(classes):
            return classes[int(typed) - 1]
        fitting = [name for name in classes if typed and name.startswith(typed)]
        if typed in classes:
            return typed
        return fitting[0] if len(fitting) == 1 else None

    def _help(self) -> str:
        classes = ", ".join(f"{number} {name}" for number, name in enumerate(self.task.classes, 1))
        return f"{classes}; m shows more, s skips, b goes back, q ends; Enter takes what is in []"


def _printable(text: str) -> str:
    """Return `text` without what could move the cursor of a terminal or change its colours."""
    return "".join(char if char.isprintable() else " " for char in text)
