"""Draw repositories from what a code host lists as active.

Each search is a stratum, such as a language. What the host says is kept page by page, so a call
that was interrupted asks for nothing again, and the same answers give the same draw: those come
first whose names have the smallest digests with the seed. Knows nothing about connections.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from fimbul_models.corpus.hosting import Client
from fimbul_models.corpus.units import ListingFields, ListingSource
from fimbul_models.errors import SourceError


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One repository of a host's list."""

    name: str
    address: str
    """Where to clone it from."""
    owner: str = ""
    active: str = ""
    """When it was changed last, as the host says."""
    size: int = 0
    """Kibibytes."""
    fork: bool = False
    archived: bool = False
    licence: str = ""


class _Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One page, as it is kept."""

    query: int
    page: int
    found: tuple[Found, ...]
    next: str = ""
    last: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn."""

    taken: tuple[Found, ...]
    """Sorted by name."""
    refused: tuple[Found, ...]
    """Those that would have been, but for the recipe's rules; sorted by name."""


def sample(
    source: ListingSource,
    client: Client,
    folder: Path,
    refused: Callable[[Found], bool] = lambda _found: False,
) -> Drawn:
    """Return the sample that `source` describes; answers are kept in `folder`.

    Forks, archived, inactive and very large repositories are left out. One that several
    searches find is drawn by the first of them only.

    Raises SourceError if the host does not answer; what it said before is not lost.
    """
    kept = _Kept(folder / _file_name(source))
    seen: set[str] = set()
    taken: list[Found] = []
    left: list[Found] = []
    for number in range(len(source.queries)):
        fitting = [found for found in _listed(source, client, kept, number) if _fits(source, found)]
        drawn = 0
        for found in sorted(fitting, key=lambda found: _rank(source.seed, found.name)):
            if found.name in seen or drawn == source.per_query:
                continue
            seen.add(found.name)
            if refused(found):
                left.append(found)
            else:
                drawn += 1
                taken.append(found)
    return Drawn(
        tuple(sorted(taken, key=lambda found: found.name)),
        tuple(sorted(left, key=lambda found: found.name)),
    )


def _fits(source: ListingSource, found: Found) -> bool:
    return not (
        found.fork
        or found.archived
        or found.size > source.size_limit
        or found.active < source.active_since
    )


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def _listed(source: ListingSource, client: Client, kept: "_Kept", number: int) -> Iterator[Found]:
    """Yield what the search with that number finds, from what is kept or else from the host."""
    following = ""
    for page in range(1, source.pages + 1):
        answered = kept.pages.get((number, page))
        if answered is None:
            answered = _asked(source, client, number, page, following)
            kept.add(answered)
        yield from answered.found
        following = answered.next
        if answered.last:
            return


def _asked(
    source: ListingSource, client: Client, number: int, page: int, following: str
) -> _Answered:
    parameters = dict(source.queries[number])
    parameters[source.size_parameter] = str(source.page_size)
    parameters[source.page_parameter] = str(page)
    # The next page's address is followed only on the host that the recipe names.
    same = urlsplit(following)[:2] == urlsplit(source.address)[:2]
    answer = client.get(following, {}) if same else client.get(source.address, parameters)
    items = _at(answer.value, source.fields.items)
    if not isinstance(items, list):
        raise SourceError(
            f"The answer to the search of {source.name} has no list at"
            f" {source.fields.items or 'its top'}; see the recipe's `fields`."
        )
    found = tuple(entry for item in items if (entry := _found(item, source.fields)))
    return _Answered(
        query=number,
        page=page,
        found=found,
        next=answer.next,
        # Where pages are linked, the one without a link is the last.
        last=not items or (not answer.next and (same or len(items) < source.page_size)),
    )


def _found(item: Any, fields: ListingFields) -> Found | None:
    """Return the repository that `item` describes, None if it has no name or address."""
    name, address = _at(item, fields.name), _at(item, fields.address)
    if not (isinstance(name, str) and name and isinstance(address, str) and address):
        return None
    size = _at(item, fields.size)
    return Found(
        name=name,
        address=address,
        owner=_text(item, fields.owner),
        active=_text(item, fields.active),
        size=size if isinstance(size, int) else 0,
        fork=_at(item, fields.fork) is True,
        archived=_at(item, fields.archived) is True,
        licence=_text(item, fields.licence),
    )


def _text(item: Any, path: str) -> str:
    value = _at(item, path)
    return value if isinstance(value, str) else ""


def _at(value: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _file_name(source: ListingSource) -> str:
    """Return a name that changes with everything that the answers depend on."""
    asked = (source.address, source.queries, source.page_size, source.fields)
    told = hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16]
    name = re.sub(r"[^A-Za-z0-9._-]+", "+", source.name)
    return f"{name}-{told}.jsonl"


class _Kept:
    """The pages that a host has answered, one line of a file each."""

    def __init__(self, path: Path) -> None:
        """Read what there is; a last line that was cut off is forgotten.

        Raises SourceError if the file cannot be read.
        """
        self._path = path
        self.pages: dict[tuple[int, int], _Answered] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_bytes() if path.exists() else b""
            whole = text[: text.rfind(b"\n") + 1]
            if whole != text:
                os.truncate(path, len(whole))
            for line in whole.splitlines():
                answered = msgspec.json.decode(line, type=_Answered)
                self.pages[answered.query, answered.page] = answered
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise SourceError(
                f"What a code host said before, {path}, cannot be read ({error}); remove it."
            ) from error

    def add(self, answered: _Answered) -> None:
        """Keep one page."""
        self.pages[answered.query, answered.page] = answered
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(answered) + b"\n")
