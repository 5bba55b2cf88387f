"""The other files of a repository, as the server's own index and sources of context see them.

The records of one repository are put into an index of the server's kind in a folder that goes away
afterwards; nothing else is asked. So a model is taught with the very pieces of other files that it
gets when it serves. Knows nothing about prompts.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import xxhash

from fimbul_models.corpus.records import Record
from lsp_server.context.index.files import LeftOut, Stamp, lines_of
from lsp_server.context.index.process import outline_of_file
from lsp_server.context.index.reader import IndexReader
from lsp_server.context.index.store import Changes, IndexWriter, WordCutter, index_file, summarize
from lsp_server.privacy.reading import may_read
from lsp_server.privacy.secrets import redact
from lsp_server.syntax.outline import Outline
from lsp_server.syntax.tree import ParseLimits

FILE_BYTES = 512 * 1024
"""Largest file that is indexed, as in the server."""

_LIMITS = ParseLimits(seconds=600.0)
"""Beyond what any text takes that is parsed at all: the clock must not decide about examples."""
_BATCH = 32
"""Files that are written to the index at once."""


class Neighbours(IndexReader):
    """Answers about the records of one repository, as an index answers about a folder."""

    def __init__(self, file: Path, root: Path, texts: dict[str, Sequence[str]]) -> None:
        super().__init__(file, root, may_read, redact)
        self._lines = texts
        self.folder = str(root)
        """What documents have to give as their folder; its last part is the repository's name."""

    def lines(self, path: str) -> Sequence[str] | None:
        """Return the lines of a file; None if there is none of that name."""
        return self._lines.get(path)

    def repository(self, folder: str) -> IndexReader | None:
        """Return itself, for the one folder that there is."""
        return self if folder == self.folder else None

    def describe(self, folder: str) -> str:
        """Say how many files there are."""
        return f"{len(self._lines)} files of {folder}"


@contextmanager
def neighbours_of(repository: str, records: Iterable[Record]) -> Iterator[Neighbours]:
    """Make the records of one repository known, as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="fimbul-corpus-") as place:
        root = Path(place, "folder", name_of(repository))
        file = index_file(Path(place), root)
        texts = _index(file, records)
        reader = Neighbours(file, root, texts)
        try:
            yield reader
        finally:
            reader.close()


def name_of(repository: str) -> str:
    """Return the name that a checkout of a repository would have: ``npm:@a/left-pad`` left-pad."""
    name = PurePosixPath(repository.partition(":")[2] or repository).name
    return name.removesuffix(".git") or "repository"


def _index(file: Path, records: Iterable[Record]) -> dict[str, Sequence[str]]:
    """Put what may be read into the index; return the lines of it."""
    writer, cutter = IndexWriter(file), WordCutter()
    texts: dict[str, Sequence[str]] = {}
    batch = []
    try:
        for record in records:
            data = record.text.encode("utf-8", "replace")
            if len(data) > FILE_BYTES or not may_read(PurePosixPath(record.path)):
                continue
            lines = lines_of(data, redact)
            if isinstance(lines, LeftOut):
                continue
            texts[record.path] = tuple(lines)
            stamp = Stamp(len(data), 0, xxhash.xxh3_128_digest(data))
            outline = outline_of_file(record.path, lines, _LIMITS) or Outline()
            batch.append(summarize(record.path, stamp, lines, outline, cutter))
            if len(batch) == _BATCH:
                writer.apply(Changes(batch))
                batch = []
        writer.apply(Changes(batch))
    finally:
        writer.close()
    return texts
