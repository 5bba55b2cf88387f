"""What the process that indexes is told when it starts: how much it may take, what it leaves out.

Other settings need another process, so that no limit is ever changed in the midst of a scan.
"""

import msgspec

from lsp_server.config.options import Settings
from lsp_server.context.index.files import Limits
from lsp_server.syntax.tree import ParseLimits

_MILLION = 1_000_000
_THOUSAND = 1_000


class IndexSettings(msgspec.Struct, frozen=True):
    """Limits, and patterns of what is not looked at."""

    files: int = 20_000
    total_bytes: int = 200_000_000
    file_bytes: int = 512_000
    parse_size: int = 1_000_000
    """Code points."""
    parse_seconds: float = 2.0
    memory: int = 500_000_000
    """Bytes that the process may take."""
    exclude: tuple[tuple[str, ...], ...] = ()
    """Patterns of a ``.gitignore``, from each workspace folder on, in groups kept apart."""

    @classmethod
    def of(cls, settings: Settings, exclude: tuple[tuple[str, ...], ...] = ()) -> "IndexSettings":
        """Return what `settings` say."""
        limits = settings.limits
        return cls(
            files=limits.index_files,
            total_bytes=limits.index_size * _MILLION,
            file_bytes=limits.index_file_size * _THOUSAND,
            parse_size=limits.parse_size * _THOUSAND,
            parse_seconds=limits.parse_time / _THOUSAND,
            memory=limits.index_memory * _MILLION,
            exclude=exclude,
        )

    @property
    def limits(self) -> Limits:
        """How much of one workspace folder is looked at."""
        return Limits(self.files, self.total_bytes, self.file_bytes)

    @property
    def parsing(self) -> ParseLimits:
        """How much of a file is parsed, and for how long."""
        return ParseLimits(self.parse_size, self.parse_seconds)


def as_argument(settings: IndexSettings) -> str:
    """Return `settings` for a command line."""
    return msgspec.json.encode(settings).decode()


def from_argument(text: str) -> IndexSettings:
    """Return what `as_argument` was given. Raises ValueError."""
    return msgspec.json.decode(text.encode(), type=IndexSettings)
