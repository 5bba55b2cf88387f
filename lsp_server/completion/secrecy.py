"""The one door by which a document's text reaches the stages: what is secret in it stays outside.

Every document is taken with its secret values replaced, before any stage sees it: windows, trees,
history, caches, filters and what the engine learns know the placeholders only. Line count and
columns stay, so a suggestion for the replaced text fits the real one. A document that is ignored,
or whose name says that it holds secrets, is not used at all. Knows nothing about LSP and engines.
"""

import os
import re
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePath
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from lsp_server.config.options import PrivacyOptions
from lsp_server.context.history import changed_range
from lsp_server.context.index.ignore import RULE_FILES, Ignored, ignored_by
from lsp_server.patience import Patience, Stalled
from lsp_server.privacy.reading import may_read
from lsp_server.privacy.secrets import (
    UNSEEN,
    Find,
    Found,
    begins_key,
    find,
    find_all,
    replaced,
    reveals,
)
from lsp_server.privacy.seen_secrets import LONGEST, SeenSecrets
from lsp_server.types import CompletionRequest, Document, Rejection, RejectionReason

_DOCUMENTS = 64
"""Documents whose replaced lines are kept."""

_LINES = 16_384
"""Lines that are not looked at again in a document with a private key, where all are asked for."""

_FILES = 1024
"""Files of which it is remembered whether they may be used."""

_IGNORED: Mapping[Ignored | None, RejectionReason] = MappingProxyType(
    {Ignored.GIT: RejectionReason.IGNORED_FILE, Ignored.OWN: RejectionReason.EXCLUDED_FILE}
)

_DRIVE = re.compile(r"/([A-Za-z]):")


@dataclass(frozen=True, slots=True)
class _Known:
    raw: tuple[str, ...]
    shown: tuple[str, ...]
    has_keys: bool
    """Whether a private key over several lines is in it, so that lines depend on those above."""
    kinds: Counter[str]
    """How many values of each kind were replaced in it."""


class Secrecy:
    """What is secret in the documents of one session."""

    def __init__(self, patience: Patience | None = None) -> None:
        """`patience` is how long a disk is waited for; by default for as long as it takes."""
        self._patience = patience or Patience()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._remembered = lru_cache(_LINES)(find)
        """`find`, for documents that are looked at as a whole at every key. Others would only fill
        it, with a line a key."""
        self._withheld: dict[tuple[str, str], RejectionReason | None] = {}
        self._seen = SeenSecrets()
        self._kinds: OrderedDict[str, Counter[str]] = OrderedDict()
        """What was replaced in each document, as it stands or stood when it was closed."""

    @property
    def replaced(self) -> Counter[str]:
        """How many values were replaced in the documents of this session, by kind.

        A document that was closed counts as it was then.
        """
        return sum(self._kinds.values(), Counter())

    def document(self, document: Document) -> Document:
        """Return `document` with a placeholder for each secret value; doing so twice does nothing.

        Lines that were looked at before cost nothing.
        """
        known = self._known.get(document.uri)
        if known is not None and document.lines in (known.raw, known.shown):
            lines = known.shown
        else:
            lines = self._shown(document, known)
        return document if lines is document.lines else replace(document, lines=lines)

    def request(self, request: CompletionRequest) -> CompletionRequest:
        """Return `request` about the document as `document` returns it."""
        document = self.document(request.document)
        return request if document is request.document else replace(request, document=document)

    def reveals(self, typed: str, text: str) -> bool:
        """Tell whether a suggestion behind `typed` holds a secret, or a placeholder for one."""
        return reveals(typed, text) or self._seen.is_in(typed[-LONGEST:] + text)

    async def withheld(self, document: Document) -> Rejection | None:
        """Return why a document may not be used at all; None if it may."""
        asked = document.uri, document.folder
        if asked not in self._withheld:
            try:
                about = document.folder or document.uri
                found = await self._patience.wait_for(about, lambda: _reason(document))
            except Stalled:
                return Rejection(RejectionReason.DISK_STALLED)
            if len(self._withheld) >= _FILES:
                self._withheld.clear()
            self._withheld[asked] = found
        reason = self._withheld.get(asked)
        return None if reason is None else Rejection(reason)

    async def refused(self, document: Document, options: PrivacyOptions) -> Rejection | None:
        """Return why nothing may be suggested in a document; None if something may.

        The user may want suggestions in what git ignores, made of the document alone.
        """
        found = await self.withheld(document)
        is_ignored = found is not None and found.reason is RejectionReason.IGNORED_FILE
        return None if is_ignored and options.suggest_in_ignored else found

    def files_changed(self, paths: Sequence[str]) -> bool:
        """Look anew at what is ignored if one of the files that say so has changed; say whether."""
        has_rules = any(PurePath(path).name in (*RULE_FILES, "exclude") for path in paths)
        if has_rules:
            self._withheld.clear()
        return has_rules

    def forget(self, uri: str) -> None:
        """Forget a document."""
        self._known.pop(uri, None)
        for asked in [one for one in self._withheld if one[0] == uri]:
            del self._withheld[asked]

    def _shown(self, document: Document, known: _Known | None) -> tuple[str, ...]:
        base, lines = _base(known, document.lines), document.lines
        if known is None or base is None:
            shown, has_keys, kinds = self._replaced(lines)
        else:
            first, old_end, end = changed_range(base, lines)
            middle, has_keys, kinds = self._replaced(lines[first:end])
            kinds += known.kinds - _kinds(find_all(base[first:old_end]))
            if known.has_keys or has_keys:
                shown, has_keys, kinds = self._replaced(lines, self._remembered)
            elif known.raw is known.shown and middle == lines[first:end]:
                shown = lines
            else:
                shown = (*known.shown[:first], *middle, *known.shown[old_end:])
        if base is None or known is None or base is known.raw:
            # What is made of lines that were replaced already is one of many that may come to be.
            self._keep(document.uri, _Known(lines, shown, has_keys, kinds))
        return shown

    def _replaced(
        self, lines: Sequence[str], look: Find = find
    ) -> tuple[tuple[str, ...], bool, Counter[str]]:
        found = find_all(lines, look)
        for number, here in found.items():
            self._note(lines[number], here)
        if not found:
            return tuple(lines), any(map(begins_key, lines)), Counter()
        shown = tuple(
            replaced(line, found[number]) if number in found else line
            for number, line in enumerate(lines)
        )
        return shown, any(map(begins_key, lines)), _kinds(found)

    def _note(self, line: str, found: Sequence[Found]) -> None:
        for one in found:
            if one.kind != UNSEEN:
                self._seen.note(line[one.start : one.end])

    def _keep(self, uri: str, known: _Known) -> None:
        self._known[uri] = known
        self._known.move_to_end(uri)
        while len(self._known) > _DOCUMENTS:
            self._known.popitem(last=False)
        self._kinds.pop(uri, None)
        if known.kinds:
            self._kinds[uri] = known.kinds
        while len(self._kinds) > _FILES:
            self._kinds.popitem(last=False)


def _kinds(found: Mapping[int, Sequence[Found]]) -> Counter[str]:
    return Counter(one.kind for here in found.values() for one in here)


def _base(known: _Known | None, lines: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the lines that fewest of `lines` differ from: the real ones or the replaced ones."""
    if known is None:
        return None
    if known.raw is known.shown:
        return known.raw
    sizes = [
        end - first + old_end - first
        for first, old_end, end in (
            changed_range(known.raw, lines),
            changed_range(known.shown, lines),
        )
    ]
    return known.raw if sizes[0] <= sizes[1] else known.shown


def _reason(document: Document) -> RejectionReason | None:
    place = file_of(document)
    if place is None:
        return None
    folder, path = place
    try:
        target = (folder / path).resolve()
    except (OSError, RuntimeError):
        target = folder / path
    # The folders that hold the workspace are not the document's matter.
    if not may_read(PurePath(path)) or not may_read(PurePath(target.parent.name, target.name)):
        return RejectionReason.SECRET_FILE
    return _IGNORED.get(ignored_by(folder, path))


def file_of(document: Document) -> tuple[Path, str] | None:
    """Return the folder and the relative name of a document's file; None if it has none."""
    if document.folder and document.path:
        return Path(document.folder), document.path
    try:
        scheme, _, path, *_ = urlsplit(document.uri)
        name = unquote(path)
        # Raises ValueError, as the system does, for a name that no file can have.
        is_possible = b"\0" not in os.fsencode(name)
    except ValueError:
        return None
    if scheme != "file" or not path or not is_possible:
        return None
    file = Path(_DRIVE.sub(r"\1:", name, count=1))
    return file.parent, file.name
