"""Several indexes as one, with or without some projects.

A text that several have is stored once. Fingerprints are merged range by range, and tokens are
copied in pieces, so that memory grows with the number of files, not with their length. Knows
nothing about how indexes are made.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fimbul_models.references.drafting import starts_of
from fimbul_models.references.writing import (
    FEWEST_BITS,
    sorted_by_value,
    write_fingerprints,
)
from lsp_server.references.fingerprints import VALUE_BITS
from lsp_server.references.indexfile import (
    About,
    IndexFile,
    Licence,
    Project,
    open_index,
    writing,
)

Array = npt.NDArray[Any]

AT_ONCE = 128
"""Indexes that are open at once; of more, groups are merged first."""

_IN_A_RANGE = 1 << 21
"""Fingerprints that are sorted at once, about; 100 MB with all that sorting takes."""
_PIECE = 1 << 20


def merge_indexes(
    paths: Sequence[Path],
    output: Path,
    about: About,
    *,
    without: Callable[[str], bool] = lambda _: False,
) -> About:
    """Write what the indexes at `paths` hold to `output`; return what is said of it.

    Of `about` name, version, date and origins are taken. Projects that `without` says yes to are
    left out. Raises ReferencesError if an index cannot be read or written.
    """
    paths = list(paths)
    spare: list[Path] = []
    try:
        while len(paths) > AT_ONCE:
            group = output.parent / f".{output.name}.{len(spare)}.group"
            spare.append(group)
            _merge(paths[:AT_ONCE], group, about, without)
            paths = [*paths[AT_ONCE:], group]
        return _merge(paths, output, about, without)
    finally:
        for path in spare:
            path.unlink(missing_ok=True)


@dataclass
class _Input:
    """An index that is merged, and what its numbers are in the new one."""

    file: IndexFile
    projects: Array
    """New numbers; -1 for those that are left out."""
    licences: Array
    languages: Array
    texts: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    """New numbers of texts; -1 for those that nobody has."""
    copied: Array = field(default_factory=lambda: np.zeros(0, np.bool_))
    """Which texts are written from this index; others have them first."""
    moved: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    """By how much the tokens of each copied text move."""

    def __getitem__(self, name: str) -> Array:
        return self.file.arrays[name]

    @property
    def owner_texts(self) -> Array:
        """The number of each owner's text, in this index."""
        starts = self["owner_starts"].astype(np.int64)
        return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


@dataclass
class _Tables:
    """What numbers mean in the new index."""

    projects: dict[Project, int] = field(default_factory=dict)
    licences: dict[Licence, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)


def _merge(
    paths: Sequence[Path], output: Path, about: About, without: Callable[[str], bool]
) -> About:
    with contextlib.ExitStack() as stack:
        files = []
        for path in paths:
            files.append(open_index(path))
            stack.callback(files[-1].close)
        tables = _Tables()
        inputs = [_input(file, tables, without) for file in files]
        count = _number_texts(inputs)
        return _write(inputs, tables, count, output, about)


def _input(file: IndexFile, tables: _Tables, without: Callable[[str], bool]) -> _Input:
    told = file.about
    projects = [
        -1 if without(one.name) else tables.projects.setdefault(one, len(tables.projects))
        for one in told.projects
    ]
    licences = [tables.licences.setdefault(one, len(tables.licences)) for one in told.licences]
    languages = [tables.languages.setdefault(one, len(tables.languages)) for one in told.languages]
    return _Input(file, *(np.array(one, np.int64) for one in (projects, licences, languages)))


def _number_texts(inputs: Sequence[_Input]) -> int:
    """Give each text its new number, the same for the same tokens; return how many there are."""
    keys, kept = [], []
    for one in inputs:
        wanted = np.zeros(len(one["starts"]) - 1, np.bool_)
        stays = one.projects[one["owner_projects"].astype(np.int64)] >= 0
        wanted[one.owner_texts[stays]] = True
        kept.append(wanted)
        keys.append(one["keys"].reshape(-1, 2)[wanted])
    every = np.concatenate(keys).view([("a", "<u8"), ("b", "<u8")]).ravel()
    _, firsts, same = np.unique(every, return_index=True, return_inverse=True)
    # Numbers follow the first that has a text, so that tokens are copied in order.
    rank = np.empty(len(firsts), np.int64)
    rank[np.argsort(firsts)] = np.arange(len(firsts))
    number, is_first = rank[same.ravel()], np.zeros(len(every), np.bool_)
    is_first[firsts] = True
    at, begin = 0, 0
    for one, wanted in zip(inputs, kept, strict=True):
        many = int(wanted.sum())
        one.texts = np.full(len(wanted), -1, np.int64)
        one.texts[wanted] = number[at : at + many]
        one.copied = np.zeros(len(wanted), np.bool_)
        one.copied[wanted] = is_first[at : at + many]
        at += many
        starts = one["starts"].astype(np.int64)
        lengths = np.where(one.copied, np.diff(starts), 0)
        one.moved = begin + np.cumsum(lengths) - lengths - starts[:-1]
        begin += int(lengths.sum())
    return len(firsts)


def _write(
    inputs: Sequence[_Input], tables: _Tables, texts: int, output: Path, about: About
) -> About:
    owners = _owners(inputs, texts)
    with writing(output) as writer:
        for name, starts in (("tokens", "starts"), ("lines", "line_starts")):
            kind = "<u2" if name == "tokens" else "<u1"
            writer.write(name, kind, _copied(inputs, name, starts))
            lengths = [np.diff(one[starts].astype(np.int64))[one.copied] for one in inputs]
            writer.write(starts, "<u8", [starts_of(np.concatenate(lengths))])
        writer.write("keys", "<u8", (one["keys"].reshape(-1, 2)[one.copied] for one in inputs))
        writer.write("sizes", "<u4", (one["sizes"][one.copied] for one in inputs))
        writer.write("spoken", "<u1", _spoken(inputs))
        writer.write("owner_starts", "<u8", [owners.starts])
        writer.write("owner_projects", "<u4", [owners.projects])
        writer.write("owner_licences", "<u4", [owners.licences])
        writer.write("owner_flags", "<u1", [owners.flags])
        lengths_of: list[int] = []
        writer.write("paths", "<u1", _paths(inputs, owners, lengths_of))
        writer.write("path_starts", "<u8", [starts_of(lengths_of)])
        tokens = writer.sections["tokens"].count
        for name in ("exact", "renamed"):
            most = sum(len(one[f"{name}_places"]) for one in inputs)
            ranges = _ranges(inputs, name, most)
            write_fingerprints(writer, name, ranges, most, tokens, output.parent)
        told = _about(inputs, tables, owners, about)
        writer.finish(told)
    return told


def _copied(inputs: Sequence[_Input], name: str, starts_name: str) -> Iterator[Array]:
    for one in inputs:
        starts = one[starts_name].astype(np.int64)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], one.copied, [0])).astype(np.int8)))
        for first, last in edges.reshape(-1, 2).tolist():
            end = int(starts[last])
            for begin in range(int(starts[first]), end, _PIECE):
                yield one[name][begin : min(begin + _PIECE, end)]


def _spoken(inputs: Sequence[_Input]) -> Iterator[Array]:
    for one in inputs:
        yield one.languages[one["spoken"][one.copied].astype(np.int64)]


@dataclass
class _Owners:
    """Who has which text, in the order of texts."""

    starts: Array
    texts: Array
    projects: Array
    licences: Array
    flags: Array
    inputs: Array
    """Number of the index that each comes from, and its number there."""
    numbers: Array


def _owners(inputs: Sequence[_Input], texts: int) -> _Owners:
    columns: list[list[Array]] = [[], [], [], [], [], []]
    for number, one in enumerate(inputs):
        projects = one.projects[one["owner_projects"].astype(np.int64)]
        stays = np.flatnonzero(projects >= 0)
        of_input = (
            one.texts[one.owner_texts[stays]],
            projects[stays],
            one.licences[one["owner_licences"][stays].astype(np.int64)],
            one["owner_flags"][stays].astype(np.int64),
            np.full(len(stays), number, np.int64),
            stays,
        )
        for column, values in zip(columns, of_input, strict=True):
            column.append(values)
    every = [np.concatenate(column) for column in columns]
    order = np.lexsort((every[5], every[4], every[1], every[0]))
    sorted_ = [column[order] for column in every]
    counts = np.bincount(sorted_[0], minlength=texts)
    return _Owners(starts_of(counts), *sorted_)


def _paths(inputs: Sequence[_Input], owners: _Owners, lengths: list[int]) -> Iterator[Array]:
    """Yield the paths of owners; put their lengths into `lengths`."""
    for begin in range(0, len(owners.numbers), 1 << 14):
        part = slice(begin, begin + (1 << 14))
        found = []
        for number, owner in zip(
            owners.inputs[part].tolist(), owners.numbers[part].tolist(), strict=True
        ):
            first, last = inputs[number]["path_starts"][owner : owner + 2].tolist()
            found.append(inputs[number]["paths"][first:last])
            lengths.append(last - first)
        yield np.concatenate(found)


def _ranges(inputs: Sequence[_Input], name: str, most: int) -> Iterator[tuple[Array, Array]]:
    bits = min((most // _IN_A_RANGE).bit_length(), FEWEST_BITS)
    for number in range(1 << bits):
        found = [_in_range(one, name, number, bits) for one in inputs]
        values = np.concatenate([values for values, _ in found])
        places = np.concatenate([places for _, places in found])
        yield sorted_by_value(values, places)


def _in_range(one: _Input, name: str, number: int, bits: int) -> tuple[Array, Array]:
    """Return the fingerprints of copied texts whose upper `bits` are `number`."""
    buckets = one[f"{name}_buckets"]
    own_bits = (len(buckets) - 1).bit_length() - 1
    first, last = number << (own_bits - bits), (number + 1) << (own_bits - bits)
    begin, end = int(buckets[first]), int(buckets[last])
    counts: Array = np.diff(buckets[first : last + 1].astype(np.int64))
    upper = np.repeat(np.arange(first, last, dtype=np.uint64), counts)
    rests = one[f"{name}_rests"][begin:end].astype(np.uint64)
    places = one[f"{name}_places"][begin:end].astype(np.int64)
    texts = np.searchsorted(one["starts"].view("<i8"), places, side="right") - 1
    kept = one.copied[texts]
    values = (upper << np.uint64(VALUE_BITS - own_bits)) | rests
    return values[kept], places[kept] + one.moved[texts[kept]]


def _about(inputs: Sequence[_Input], tables: _Tables, owners: _Owners, about: About) -> About:
    sizes = np.concatenate([one["sizes"][one.copied] for one in inputs]).astype(np.int64)
    spoken = np.concatenate([*_spoken(inputs)])[owners.texts]
    files = np.bincount(spoken, minlength=len(tables.languages)).tolist()
    return About(
        name=about.name,
        version=about.version,
        created=about.created,
        origins=about.origins,
        projects=tuple(tables.projects),
        licences=tuple(tables.licences),
        languages=tuple(tables.languages),
        files={name: many for name, many in zip(tables.languages, files, strict=True) if many},
        bytes=int(sizes[owners.texts].sum()),
    )
