"""The files of an archive, as the project that it was made from.

The one folder that archives put everything into is taken off, and what a wheel keeps in its
``dist-info`` about licences is put where it was: at the top. Knows nothing about which files are
wanted.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fimbul_models.corpus.archives import Member, members_of
from fimbul_models.corpus.listings import Entry, Listing, sorted_by_path
from fimbul_models.corpus.packages import Origin
from fimbul_models.corpus.reasons import Reason
from fimbul_models.errors import SourceError

_BINARY = re.compile(
    r".*\.(png|jpe?g|gif|bmp|ico|icns|webp|tiff?|psd|pdf|woff2?|ttf|otf|eot|mp[34]|ogg|wav|flac"
    r"|avi|mov|webm|zip|gz|tgz|bz2|xz|zst|7z|rar|jar|war|class|whl|so|dylib|dll|exe|lib|a|o"
    r"|py[cod]|wasm|node|bin|dat|mo|gmo|sqlite3?|db|npy|npz|pkl|parquet|onnx|gguf|pt|keystore)",
    re.IGNORECASE,
)
"""Names of files that are no text, so that no memory is spent on them."""

_INFO = re.compile(r"[^/]+\.dist-info/(?:licenses/)?(?P<path>.+)")
_LEGAL_INFO = re.compile(
    r"METADATA|(.*/)?[^/]*(licen[cs]e|copying|notice|authors)[^/]*", re.IGNORECASE
)


@contextmanager
def listed_archive(archive: Path, origin: Origin | None, limit: int) -> Iterator[Listing]:
    """Return the files of `archive`; those over `limit` bytes, and pictures and the like, unread.

    Raises SourceError if it cannot be read, or is made to trick its reader.
    """
    members = members_of(archive, lambda name, size: size <= limit and not _BINARY.fullmatch(name))
    members = _hoisted(members) if origin is Origin.WHEEL else _without_top(members)
    yield Listing(sorted_by_path([_entry(member, limit) for member in members]), _read)


def _entry(member: Member, limit: int) -> Entry:
    problem = None
    if member.content is None and member.size <= limit:
        problem = (Reason.NOT_TEXT, "by its name")
    return Entry(member.name, member.size, member.date, member.content, problem)


def _read(entry: Entry) -> bytes:
    if not isinstance(entry.handle, bytes):
        raise SourceError("it was not read out of the archive")
    return entry.handle


def _without_top(members: list[Member]) -> list[Member]:
    """Take off the folder that all files are in, if there is one."""
    tops = {member.name.partition("/")[0] for member in members}
    if len(tops) != 1 or any("/" not in member.name for member in members):
        return members
    return [replace(member, name=member.name.partition("/")[2]) for member in members]


def _hoisted(members: list[Member]) -> list[Member]:
    """Put the licence files and metadata of a wheel at the top, but for names that are taken."""
    taken = {member.name for member in members}
    moved = []
    for member in members:
        match = _INFO.fullmatch(member.name)
        if match and _LEGAL_INFO.fullmatch(match["path"]) and match["path"] not in taken:
            member = replace(member, name=match["path"])
        moved.append(member)
    return moved
