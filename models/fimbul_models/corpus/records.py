"""The values that travel through a corpus: a file on its way, and a file that was dropped.

Every stage takes records and gives records and drops, so that what comes in is always what goes
out plus what was dropped. Knows nothing about files on disk.
"""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from fimbul_models.corpus.reasons import Reason


class Role(enum.StrEnum):
    """What a file is for."""

    CODE = "code"
    TEST = "test"
    DOCUMENTATION = "documentation"
    LEGAL = "legal"
    """A licence text, a notice or a manifest: gathered to find the licence."""


class LicenceClass(enum.StrEnum):
    """What a licence asks of those who use the code."""

    PERMISSIVE = "permissive"
    WEAK_COPYLEFT = "weak-copyleft"
    COPYLEFT = "copyleft"
    PROPRIETARY = "proprietary"
    NONE = "none"
    """No licence was found."""
    UNKNOWN = "unknown"
    """Something that looks like a licence was found, but not which."""
    OWN = "own"
    """The recipe's own company wrote it, and names no other licence."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One text file, and what the stages so far have found out about it."""

    source: str
    """Name of the recipe's source it came from."""
    repository: str
    """Which repository it belongs to, such as ``npm:left-pad``, ``git:host/owner/name`` or
    ``folder:name``; files are split and capped by it."""
    revision: str = ""
    """Version or commit; empty where there is none."""
    path: str
    """Inside the repository, ``/`` between parts."""
    text: str
    """Content, with the line ends it has."""
    digest: str
    """sha256 of the file's bytes as they were found, in hexadecimal digits."""
    date: str = ""
    """ISO date of its last change, where history is known."""
    organisation: str = ""
    """Who owns it, as the recipe says."""
    sensitivity: str = ""
    """How sensitive it is, as the recipe says."""
    declared: str = ""
    """Licence that the recipe or the package's own metadata declares for the whole repository."""

    language: str = ""
    """Our name for its language."""
    role: Role = Role.CODE
    licence: str = ""
    """SPDX expression of the licence that covers it; empty before it is known, or if none does."""
    licence_class: LicenceClass = LicenceClass.NONE
    licence_from: str = ""
    """Where that was found: path inside the repository and what it was (header, text, manifest)."""
    attributions: tuple[str, ...] = ()
    """Copyright and attribution lines, for the NOTICE file."""
    redacted: dict[str, int] = {}
    """How many spans were replaced, by kind of secret or personal datum."""
    split: str = ""
    """``train``, ``validation`` or ``test``."""
    repeats: int = 1
    """How often it is to be used; more than 1 where a rare language is sampled up."""
    labels: dict[str, str] = {}
    """Class of each labelling task."""

    @property
    def key(self) -> str:
        """What tells it from every other file of the corpus; sorts by repository, then path."""
        return f"{self.repository}\n{self.path}"

    @property
    def size(self) -> int:
        """Bytes of its text in UTF-8."""
        return len(self.text.encode("utf-8", "surrogatepass"))


class Drop(msgspec.Struct, frozen=True):
    """One file that is not in the corpus, and why. Holds no text."""

    key: str
    """As `Record.key`."""
    stage: str
    """Name of the stage that dropped it."""
    reason: Reason
    detail: str = ""
    """What exactly: the licence found, the key of the copy that stays, a figure. Never content."""
    language: str = ""
    size: int = 0
    """Bytes."""


def dropped(record: Record, stage: str, reason: Reason, detail: str = "") -> Drop:
    """Return the drop of `record`."""
    return Drop(record.key, stage, reason, detail, record.language, record.size)


class Stage(Protocol):
    """A pure function over the records of one repository.

    It is given all files of one repository in the order of their paths, and may go through them
    more than once. It gives each of them back, changed or dropped, in the same order. It reads no
    clock and no environment, and the same records always give the same result.
    """

    @property
    def name(self) -> str:
        """What reports call it."""

    def __call__(self, records: Iterable[Record]) -> Iterator[Record | Drop]:
        """Go through the files of one repository."""


@dataclass
class Counts:
    """What went through one stage."""

    stage: str
    files_in: int = 0
    files_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Files dropped, by reason."""

    def take(self, came: Record | Drop, size: int) -> None:
        """Count one file of `size` bytes and what became of it."""
        self.files_in += 1
        self.bytes_in += size
        if isinstance(came, Drop):
            self.reasons[came.reason.value] = self.reasons.get(came.reason.value, 0) + 1
        else:
            self.files_out += 1
            self.bytes_out += came.size
