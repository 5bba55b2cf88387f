"""What is done with one repository, wherever it runs: gather it, sift it, cut examples out of it.

A step reads what the step before left, writes its own result whole or not at all, and says so in a
file beside it, last of all. So a run that was killed at any moment goes on where it was, and what
it makes is the same, byte by byte. Knows nothing about engines, or about the order of steps.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import psutil

from fimbul_models.corpus.engines import Died, run_alone
from fimbul_models.corpus.guarding import halves, pass_through
from fimbul_models.corpus.keeping import RECORDS, Form, read_rows, write_rows, write_text
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Counts, Drop, Record, Stage
from fimbul_models.errors import SourceError


class Unit(Protocol):
    """One repository of a source; small, and the same in every process."""

    @property
    def repository(self) -> str:
        """Which repository, as `Record.repository`."""


class Result(msgspec.Struct, frozen=True):
    """What a step made of one repository; the same in every run."""

    depends: str
    """Digest of everything that it depends on; one of another digest is made again."""
    counts: tuple[Counts, ...] = ()
    drops: tuple[Drop, ...] = ()


class Cost(msgspec.Struct, frozen=True):
    """What a step has cost for one repository; differs from run to run."""

    step: str
    place: str
    seconds: float
    memory: int
    """Most bytes that its process has held after any stage."""
    stages: dict[str, float] = {}
    """Seconds of each stage."""
    stage_memory: dict[str, int] = {}
    """Bytes held after each stage."""


@dataclass(frozen=True)
class Place:
    """Where the work on one repository lies."""

    name: str
    """File name without ending; sorts in the order of the recipe."""
    unit: Any
    """The `Unit`."""
    depends: str
    """Digest of all that the step's result depends on."""


class Step(Protocol):
    """One step; a value that can be sent to another process."""

    @property
    def name(self) -> str:
        """Folder of its results."""

    def __call__(self, place: Place) -> Cost:
        """Do it, and leave the result in its folder."""


@dataclass(frozen=True)
class _OfRecords:
    """What is alike in steps that work on records: some may be left out, or looked at alone."""

    work: Path
    leave_out: tuple[str, ...] = ()
    """Keys of files that have ended a process."""
    only: tuple[str, ...] | None = None
    """On trial, whether these end it, too; nothing is written then."""

    def _records(self, step: str, place: Place) -> list[Record]:
        found = read_rows(rows_of(self.work, step, place), RECORDS)
        if self.only is not None:
            return [record for record in found if record.key in self.only]
        return [record for record in found if record.key not in self.leave_out]

    def _crashes(self, step: str, before: str, place: Place) -> tuple[Counts, list[Drop]]:
        """Count those that were left out."""
        count, drops = Counts(f"{step}-crashes"), []
        for record in read_rows(rows_of(self.work, before, place), RECORDS):
            out = record.key in self.leave_out
            drop = Drop(record.key, step, Reason.CRASHED, "", record.language, record.size)
            count.take(drop if out else record, record.size)
            drops += [drop] * out
        return count, drops


@dataclass(frozen=True)
class Gather:
    """Read a repository from its source."""

    work: Path
    read: Callable[[Any], Iterator[Record | Drop]]
    """Reads a unit."""
    name: str = "gathered"

    def __call__(self, place: Place) -> Cost:
        """Read it, and keep its files."""
        began = time.perf_counter()
        count, drops = Counts("gather"), []

        def records() -> Iterator[Record]:
            for came in self.read(place.unit):
                count.take(came, came.size)
                if isinstance(came, Drop):
                    drops.append(came)
                else:
                    yield came

        write_rows(rows_of(self.work, self.name, place), RECORDS, records())
        finish(self.work, self.name, place, [count], drops)
        return _cost(self.name, place, began)


@dataclass(frozen=True)
class Sift(_OfRecords):
    """Send the files of a repository through all stages, and sign what is left."""

    stages: Callable[[], Sequence[Stage]] = tuple
    """Makes the stages, in the process that needs them."""
    sign: Callable[[Record], Any] | None = None
    """Gives what duplicates are found by."""
    signatures: Form[Any] | None = None
    name: str = "sifted"
    before: str = "gathered"

    def __call__(self, place: Place) -> Cost:
        """Sift it, and keep what is left."""
        began = time.perf_counter()
        passage = pass_through(self._records(self.before, place), self.stages())
        signed = [self.sign(record) for record in passage.records] if self.sign else []
        if self.only is not None:
            return _cost(self.name, place, began)
        counts, drops = passage.counts, passage.drops
        if self.leave_out:
            crashes, crashed = self._crashes("sift", self.before, place)
            counts, drops = [crashes, *counts], [*crashed, *drops]
        if self.signatures:
            write_rows(signatures_of(self.work, place), self.signatures, signed)
        write_rows(rows_of(self.work, self.name, place), RECORDS, passage.records)
        finish(self.work, self.name, place, counts, drops)
        return _cost(self.name, place, began, passage.seconds, passage.memory)


class Decision(msgspec.Struct, frozen=True):
    """What was decided about one file when all were known."""

    split: str = ""
    repeats: int = 1
    drop: Drop | None = None


class Decisions(msgspec.Struct, frozen=True):
    """What was decided about the files of one repository."""

    by_path: dict[str, Decision]


@dataclass(frozen=True)
class Decide(_OfRecords):
    """Leave out the files of a repository that were decided against, mark the others."""

    name: str = "decided"
    before: str = "sifted"

    def __call__(self, place: Place) -> Cost:
        """Do as decided, and keep what is left."""
        began = time.perf_counter()
        decided = read_decisions(self.work, place).by_path
        counts: dict[str, Counts] = {}
        drops: list[Drop] = []

        def records() -> Iterator[Record]:
            for record in self._records(self.before, place):
                decision = decided[record.path]
                stage = decision.drop.stage if decision.drop else ""
                for name in DECIDING:
                    count = counts.setdefault(name, Counts(name))
                    if stage == name and decision.drop:
                        count.take(decision.drop, record.size)
                        drops.append(decision.drop)
                        break
                    count.take(record, record.size)
                else:
                    yield msgspec.structs.replace(
                        record, split=decision.split, repeats=decision.repeats
                    )

        write_rows(rows_of(self.work, self.name, place), RECORDS, records())
        finish(self.work, self.name, place, list(counts.values()), drops)
        return _cost(self.name, place, began)


DECIDING = ("duplicates", "split", "balance")
"""What decides when all files are known, in this order."""


@dataclass(frozen=True)
class Cut(_OfRecords):
    """Cut examples out of the files of a repository."""

    cut: Callable[[Sequence[Record]], Sequence[Any]] = tuple
    """Gives the examples of a repository's files, and a drop for each file without one."""
    examples: Form[Any] | None = None
    name: str = "cut"
    before: str = "decided"

    def __call__(self, place: Place) -> Cost:
        """Cut, and keep the examples."""
        began = time.perf_counter()
        records = self._records(self.before, place)
        made = self.cut(records)
        if self.only is not None or self.examples is None:
            return _cost(self.name, place, began)
        drops = {one.key: one for one in made if isinstance(one, Drop)}
        count = Counts("fim")
        for record in records:
            count.take(drops.get(record.key, record), record.size)
        counts = [count]
        crashed: list[Drop] = []
        if self.leave_out:
            crashes, crashed = self._crashes("fim", self.before, place)
            counts.insert(0, crashes)
        examples = (one for one in made if not isinstance(one, Drop))
        write_rows(rows_of(self.work, self.name, place), self.examples, examples)
        finish(self.work, self.name, place, counts, [*crashed, *drops.values()])
        return _cost(self.name, place, began)


def write_decisions(work: Path, place: Place, decisions: Decisions) -> None:
    """Keep what was decided about a repository."""
    encoded = msgspec.json.encode(decisions, order="deterministic")
    write_text(work / "decisions" / f"{place.name}.json", encoded.decode())


def read_decisions(work: Path, place: Place) -> Decisions:
    """Return what was decided about a repository."""
    path = work / "decisions" / f"{place.name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Decisions)
    except (OSError, msgspec.MsgspecError) as error:
        raise SourceError(f"{path} cannot be read ({error}); remove {path.parent}.") from error


def rows_of(work: Path, step: str, place: Place) -> Path:
    """Return where a step keeps its rows of one repository."""
    return work / step / f"{place.name}.parquet"


def signatures_of(work: Path, place: Place) -> Path:
    """Return where the signatures of one repository are kept."""
    return work / "signed" / f"{place.name}.parquet"


def result_of(work: Path, step: str, place: Place) -> Path:
    """Return where a step says that it is done with one repository."""
    return work / step / f"{place.name}.json"


def finish(
    work: Path, step: str, place: Place, counts: Sequence[Counts], drops: Sequence[Drop]
) -> None:
    """Say that a step is done with a repository, and what it made of it."""
    result = Result(place.depends, tuple(counts), tuple(drops))
    encoded = msgspec.json.encode(result, order="deterministic")
    write_text(result_of(work, step, place), encoded.decode())


def read_result(work: Path, step: str, place: Place) -> Result | None:
    """Return what a step has made of a repository, if it depends on just this."""
    path = result_of(work, step, place)
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise SourceError(f"{path} cannot be read ({error}); remove it.") from error
    return result if result.depends == place.depends else None


_Records = TypeVar("_Records", bound=_OfRecords)


def find_crashing(step: _Records, place: Place, before: str) -> _Records:
    """Return `step` so that it leaves out the files of `place` that end its process."""
    call: Any = step
    keys = [record.key for record in read_rows(rows_of(step.work, before, place), RECORDS)]
    left = [key for key in keys if key not in step.leave_out]

    def ends(part: Sequence[str]) -> bool:
        return isinstance(run_alone(replace(call, only=tuple(part)), place), Died)

    while left and ends(left):
        culprits = set(halves(left, ends))
        call = replace(call, leave_out=(*call.leave_out, *sorted(culprits)))
        left = [key for key in left if key not in culprits]
    found: _Records = call
    return found


def _cost(
    step: str,
    place: Place,
    began: float,
    stages: dict[str, float] | None = None,
    memory: dict[str, int] | None = None,
) -> Cost:
    held = psutil.Process().memory_info().rss
    return Cost(
        step,
        place.name,
        time.perf_counter() - began,
        max([held, *(memory or {}).values()]),
        stages or {},
        memory or {},
    )
