"""Texts on which variants of a model are compared.

By default the example files of a clone of this repository and fimbul's own source, which lies
beside this module in every installation and which no model has been taught. A user's own files
say more about that user's work. They are only read; nothing of them is kept but one digest.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from lsp_server.errors import FimbulError
from lsp_server.privacy.reading import may_read
from lsp_server.privacy.secrets import redact
from lsp_server.syntax.languages import language_of_path
from lsp_server.text import split_lines

PIECE = 1000
"""Characters of a piece, about 250 tokens of code."""

_SHORTEST = 200
"""Characters under which a piece is left out, since its beginning does not count."""

_CHARACTERS = 8
"""Characters that are handed out for each position wanted: twice what code needs."""

_LARGEST = 1_000_000
"""Bytes of a file above which it is hardly written by hand."""

_PACKAGE = Path(__file__).parents[1]


def default_sources() -> list[Path]:
    """Return the folders that texts come from if the user names none."""
    examples = _PACKAGE.parent / "examples"
    return [examples, _PACKAGE] if examples.is_dir() else [_PACKAGE]


def read_texts(sources: Sequence[Path], positions: int, *, ascii_only: bool = False) -> list[str]:
    """Return pieces of the files in `sources`, enough for about `positions` positions.

    With `ascii_only` pieces with other characters are left out. The sources take turns. Within
    one, pieces come in the order of their digests: the same for everyone who has the same files,
    and not all from one corner. Raises FimbulError if a source cannot be read, or all of them
    hold no text.
    """
    by_source = [_pieces(source) for source in sources]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*by_source, fillvalue=""))
    texts = []
    room = positions * _CHARACTERS
    for piece in turns:
        if piece and room > 0 and (piece.isascii() or not ascii_only):
            texts.append(piece)
            room -= len(piece)
    if not texts:
        named = ", ".join(str(source) for source in sources)
        raise FimbulError(f"There is no code to compare with in {named}; name files of it.")
    return texts


def digest_of(texts: Iterable[str]) -> str:
    """Return a digest of the texts."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def _pieces(source: Path) -> list[str]:
    pieces = [piece for file in _files(source) for piece in _cut(_text(file))]
    return sorted(set(pieces), key=lambda piece: digest_of([piece]))


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise FimbulError(f"There is no file or folder {source} (--sources).")
    return [
        path
        for path in sorted(source.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(source).parts)
        and language_of_path(path.name)
        and may_read(path)
        and path.is_file()
        and not path.is_symlink()
        and path.stat().st_size <= _LARGEST
    ]


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8", errors="ignore")
    except OSError as exc:
        raise FimbulError(f"{file} cannot be read: {exc.strerror}.") from exc
    return "".join(redact(split_lines(text)))


def _cut(text: str) -> list[str]:
    """Cut a text into pieces of whole lines."""
    pieces = [""]
    for line in text.splitlines(keepends=True):
        if len(pieces[-1]) + len(line) > PIECE:
            pieces.append("")
        pieces[-1] += line[:PIECE]
    return [piece for piece in pieces if len(piece) >= _SHORTEST]
