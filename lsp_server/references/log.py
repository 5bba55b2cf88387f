"""The list of what was accepted though it resembles published code: one file, for its owner only.

Lines of JSON that are only ever added: an entry, the same entry again where its lines have moved,
and that an entry is gone. The last word about an entry counts. No code is in it. Knows nothing
about how a resemblance is found.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lsp_server.config.private import make_folder, open_to_append
from lsp_server.errors import ReferencesError
from lsp_server.text import without_surrogates


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag="accepted"):
    """A place in a file of the user that resembles published code, and which."""

    id: str
    """What tells it from every other entry."""
    at: float
    """When it was accepted, in seconds since 1970."""
    file: str
    """Absolute path, or the editor's name of what is no file."""
    first: int
    last: int
    """The lines that are alike, counted from 1, both included."""
    language: str = ""
    """LSP language identifier."""
    model: str = ""
    """Name of the model that suggested it; empty if that is not known."""
    share: float = 0.0
    """Part of it that was accepted from the model, from 0 to 1; the rest was there or was typed."""
    project: str
    path: str
    line: int
    licence: str = ""
    licence_class: str = "unknown"
    link: str = ""
    index: str = ""
    likeness: str = "verbatim"
    tokens: int = 0
    """These nine as in `lsp_server.types.Reference`."""


class Gone(msgspec.Struct, frozen=True, kw_only=True, tag="gone"):
    """An entry whose file does not resemble the code any more."""

    id: str
    at: float
    """When that was noticed, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry, as it stands."""

    entry: Entry
    gone_at: float | None = None
    """When it was seen that the resemblance is gone; None if it is not known to be."""


_LINE = msgspec.json.Decoder(Entry | Gone)


class ReferenceLog:
    """The file, written by one server among others."""

    def __init__(self, file: Path) -> None:
        """Write nothing yet."""
        self.file = file

    def write(self, lines: Iterable[Entry | Gone]) -> None:
        """Add lines, each written at once, so that several servers may write. Raises OSError.

        Where somebody has erased the file, entries begin a new one, and nothing else does.
        """
        found = list(lines)
        if not self.file.exists():
            if not any(isinstance(line, Entry) for line in found):
                return
            make_folder(self.file.parent)
        with open_to_append(self.file) as stream:
            for line in found:
                # One call of the system a line; a buffer could be cut anywhere.
                os.write(stream.fileno(), msgspec.json.encode(line) + b"\n")

    def of_file(self, file: str) -> list[Entry]:
        """Return the entries of one file that are not gone. Raises ReferencesError."""
        known, _ = read_log(self.file)
        return [one.entry for one in known if one.gone_at is None and one.entry.file == file]


def read_log(file: Path) -> tuple[list[Logged], int]:
    """Return all entries, oldest first, and how many lines could not be read.

    Those are the last line of a server that was killed while it wrote, or a newer version's.
    Raises ReferencesError where the file itself cannot be read.
    """
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise ReferencesError(
            f"The reference log {file} cannot be read: {error.strerror}. Make it readable for"
            " yourself, or delete it with `fimbul erase references`."
        ) from error
    found: dict[str, Logged] = {}
    unread = 0
    for line in lines:
        try:
            said = _LINE.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            unread += 1
            continue
        if isinstance(said, Entry):
            found[said.id] = Logged(said)
        elif said.id in found:
            found[said.id] = Logged(found[said.id].entry, said.at)
    return list(found.values()), unread


def clean(text: str) -> str:
    """Return a text that a file of JSON can hold."""
    return without_surrogates(text)
