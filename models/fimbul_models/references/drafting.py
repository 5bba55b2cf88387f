"""The files of one repository as an index of their own, which is a part of a larger one.

Knows nothing about other repositories.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from fimbul_models.corpus.generated import (
    generated_by_head,
    generated_by_path,
    is_compiled,
    is_minified,
)
from fimbul_models.corpus.records import Record, Role
from fimbul_models.references.links import link_of
from fimbul_models.references.writing import sorted_by_value, write_fingerprints
from lsp_server.references.fingerprints import EXACT, RENAMED, Rule, grams, values_of, winnow
from lsp_server.references.index import codes_of
from lsp_server.references.indexfile import GENERATED, About, Licence, Project, writing
from lsp_server.references.tokens import Lexer

Array = npt.NDArray[Any]

NO_CODE = frozenset({
    "bibtex", "csv", "diff", "gettext", "html", "ini", "json", "latex", "log",
    "make-dependencies", "markdown", "properties", "restructuredtext", "svg", "text", "toml", "xml",
    "yaml",
})  # fmt: skip
"""Languages in which nobody programs; nothing of them is indexed."""

_ESCAPE = 255


@dataclass
class Draft:
    """Texts and who has them, until they are written."""

    tokens: list[Array] = field(default_factory=list)
    """What is stored of the tokens of each text."""
    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    sizes: "array[int]" = field(default_factory=lambda: array("I"))
    spoken: "array[int]" = field(default_factory=lambda: array("B"))
    lines: list[Array] = field(default_factory=list)
    owners: list[list[tuple[int, str, int]]] = field(default_factory=list)
    """Of each text the licence, the path and the flags of those who have it."""
    exact: list[tuple[Array, Array]] = field(default_factory=list)
    renamed: list[tuple[Array, Array]] = field(default_factory=list)
    licences: dict[Licence, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    size: int = 0
    """Bytes of all files, copies counted."""
    length: int = 0
    """Tokens so far."""
    known: dict[bytes, int] = field(default_factory=dict)
    """Numbers of texts by their keys."""


def draft_index(path: Path, name: str, records: Sequence[Record], lexer: Lexer) -> int:
    """Write the index of one repository's files; return how many are in it.

    Files that are no code, or too short to hold a run, are left out. Raises ReferencesError if it
    cannot be written.
    """
    draft = Draft()
    for record in records:
        if record.role not in {Role.LEGAL, Role.DOCUMENTATION} and record.language not in NO_CODE:
            _take(draft, record, lexer)
    first = records[0] if records else None
    named = f"{first.repository} {first.revision}".strip() if first else name
    _write(path, name, draft, Project(named, link_of(records)))
    return sum(draft.files.values())


def _take(draft: Draft, record: Record, lexer: Lexer) -> None:
    read = lexer.read(record.text, record.language)
    if len(read.hashes) < EXACT.least:
        return
    licence = Licence(record.licence, record.licence_class.value)
    number = draft.licences.setdefault(licence, len(draft.licences))
    owner = (number, record.path, GENERATED * is_generated(record))
    draft.files[record.language] = draft.files.get(record.language, 0) + 1
    draft.size += record.size
    key = xxhash.xxh3_128_digest(read.hashes.tobytes())
    if (known := draft.known.get(key)) is not None:
        draft.owners[known].append(owner)
        return
    draft.known[key] = len(draft.owners)
    draft.owners.append([owner])
    draft.keys.extend(np.frombuffer(key, np.uint64).tolist())
    draft.sizes.append(min(record.size, (1 << 32) - 1))
    draft.spoken.append(draft.languages.setdefault(record.language, len(draft.languages)))
    draft.tokens.append(codes_of(read.hashes))
    draft.lines.append(line_counts(read.lines))
    for rule, into in ((EXACT, draft.exact), (RENAMED, draft.renamed)):
        into.append(_fingerprints(read.hashes, rule, draft.length))
    draft.length += len(read.hashes)


def _fingerprints(hashes: Array, rule: Rule, begin: int) -> tuple[Array, Array]:
    found = grams(hashes, rule)
    chosen = winnow(found, rule)
    return values_of(found[chosen]), chosen + begin


def is_generated(record: Record) -> bool:
    """Say whether a program has written a file, by its path, its head or its form."""
    if generated_by_path(record.path):
        return True
    lines = record.text.splitlines()
    language = record.language
    found = (generated_by_head(lines), is_compiled(language, lines), is_minified(language, lines))
    return any(found)


def line_counts(lines: Array) -> Array:
    """Return how many tokens stand in each line, as an index stores it."""
    counts = np.bincount(lines)[1:]
    if counts.max(initial=0) < _ESCAPE:
        return counts.astype(np.uint8)
    stored = bytearray()
    for count in counts.tolist():
        stored += bytes([_ESCAPE]) * (count // _ESCAPE) + bytes([count % _ESCAPE])
    return np.frombuffer(bytes(stored), np.uint8)


def _write(path: Path, name: str, draft: Draft, project: Project) -> None:
    about = About(
        name=name,
        projects=(project,),
        licences=tuple(draft.licences),
        languages=tuple(draft.languages),
        files=draft.files,
        bytes=draft.size,
    )
    owners = [owner for some in draft.owners for owner in some]
    paths = [path.encode("utf-8", "replace") for _, path, _ in owners]
    with writing(path) as writer:
        writer.write("tokens", "<u2", draft.tokens)
        writer.write("starts", "<u8", [starts_of(map(len, draft.tokens))])
        writer.write("keys", "<u8", [np.array(draft.keys, np.uint64)])
        writer.write("sizes", "<u4", [np.array(draft.sizes, np.uint32)])
        writer.write("spoken", "<u1", [np.array(draft.spoken, np.uint8)])
        writer.write("lines", "<u1", draft.lines)
        writer.write("line_starts", "<u8", [starts_of(map(len, draft.lines))])
        writer.write("owner_starts", "<u8", [starts_of(map(len, draft.owners))])
        writer.write("owner_projects", "<u4", [np.zeros(len(owners), np.uint32)])
        writer.write("owner_licences", "<u4", [np.array([one[0] for one in owners], np.uint32)])
        writer.write("owner_flags", "<u1", [np.array([one[2] for one in owners], np.uint8)])
        writer.write("paths", "<u1", [np.frombuffer(b"".join(paths), np.uint8)])
        writer.write("path_starts", "<u8", [starts_of(map(len, paths))])
        for kind, found in (("exact", draft.exact), ("renamed", draft.renamed)):
            values = np.concatenate([np.zeros(0, np.uint64), *(one for one, _ in found)])
            places = np.concatenate([np.zeros(0, np.int64), *(one for _, one in found)])
            every = [sorted_by_value(values, places)]
            write_fingerprints(writer, kind, every, len(values), draft.length, path.parent)
        writer.finish(about)


def starts_of(lengths: Iterable[int]) -> Array:
    """Return where things of these lengths begin one behind the other, and the end."""
    found = np.fromiter(lengths, np.int64)
    starts = np.zeros(len(found) + 1, np.int64)
    np.cumsum(found, out=starts[1:])
    return starts
