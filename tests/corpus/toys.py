"""Small repositories and stages, importable by the processes that tests start."""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from fimbul_models.corpus.keeping import form_of
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record, Stage, dropped
from fimbul_models.corpus.steps import Place


class ToyUnit(msgspec.Struct, frozen=True):
    repository: str
    files: dict[str, str]


class Signature(msgspec.Struct, frozen=True):
    key: str
    bits: bytes


SIGNATURES = form_of(Signature)


def record(repository: str, path: str, text: str) -> Record:
    return Record(
        source="toys",
        repository=repository,
        path=path,
        text=text,
        digest=sha256(text.encode()).hexdigest(),
        language="python",
        redacted={"key": 1} if "key" in text else {},
    )


def read(unit: ToyUnit) -> Iterator[Record | Drop]:
    for path, text in sorted(unit.files.items()):
        if text == "binary":
            yield Drop(f"{unit.repository}\n{path}", "gather", Reason.NOT_TEXT)
        else:
            yield record(unit.repository, path, text)


def sign(one: Record) -> Signature:
    return Signature(one.key, sha256(one.text.encode()).digest())


@dataclass(frozen=True)
class Picky:
    """Drops what says so, and breaks at what says so."""

    name: str = "picky"

    def __call__(self, records: Iterable[Record]) -> Iterator[Record | Drop]:
        for one in records:
            if "raise" in one.text:
                raise ValueError(one.text)
            if "hang" in one.text:
                time.sleep(60)
            if "crash" in one.text:
                os.abort()
            if "generated" in one.text:
                yield dropped(one, self.name, Reason.GENERATED)
            else:
                yield msgspec.structs.replace(one, text=one.text.upper())


@dataclass(frozen=True)
class Late:
    """Reads everything before it does anything, so that the last file is not to blame."""

    name: str = "late"

    def __call__(self, records: Iterable[Record]) -> Iterator[Record | Drop]:
        everything = list(records)
        if any("LATE" in one.text for one in everything):
            raise KeyError("late")
        yield from everything


def stages() -> tuple[Stage, ...]:
    return Picky(), Late()


def places(units: list[ToyUnit]) -> list[Place]:
    return [Place(f"{number:04d}", unit, "1") for number, unit in enumerate(units)]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
