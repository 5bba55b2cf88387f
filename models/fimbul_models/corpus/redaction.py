"""The stage that puts placeholders in the place of secret values and personal data.

Secret values are found by the server's own detectors, so that what a model learns from and what it
is asked about are cleaned by the same rules. Lines stay lines; a placeholder says the kind and
nothing else. Knows nothing about what files are good for.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from fimbul_models.corpus.authors import names_in
from fimbul_models.corpus.breakage import MOST_STEPS
from fimbul_models.corpus.personal import (
    Datum,
    addresses_in,
    machines_in,
    may_hold,
    numbers_in,
)
from fimbul_models.corpus.quality import LEEWAYS
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record, dropped
from lsp_server.privacy.secrets import UNSEEN, find_all
from lsp_server.syntax.languages import LANGUAGES, comment_of
from lsp_server.syntax.places import PlaceKind
from lsp_server.syntax.tree import SyntaxTree, parse
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import Position

PERSONAL = ("email", "ip", "phone", "name")
"""Kinds of personal data."""


class RedactionRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is replaced, and when a file is not worth it."""

    secrets: bool = True
    personal: tuple[str, ...] = PERSONAL
    """Kinds that are replaced."""
    most_secrets: int = 3
    """Different secret values of a file that is kept; one with more is a store of them. A private
    key is one. 0 keeps every file."""


_DEFAULT = RedactionRules()

PLACEHOLDERS = {
    "email": "<EMAIL>",
    "ip": "<IP_ADDRESS>",
    "phone": "<PHONE>",
    "name": "<NAME>",
    "private-key": "<PRIVATE_KEY>",
    UNSEEN: "<DATA>",
}
"""What stands for what, by kind; for all other kinds, which are secrets, `KEY` or `PASSWORD`."""

KEY, PASSWORD = "<KEY>", "<PASSWORD>"  # Placeholders.
_PASSWORDS = ("pass", "pwd")
_PRIVATE_KEY = "private-key"
_BEFORE, _BEHIND = " \t*/#;%!-\"'{(|\\", " \t*/#-\"'{|\r\n"
"""What stands around a line of a comment."""


@dataclass(frozen=True)
class Redaction:
    """Replaces secret values and personal data, or drops files that are full of secrets."""

    rules: RedactionRules = _DEFAULT
    name: str = "redaction"

    def __call__(self, records: Iterable[Record]) -> Iterator[Record | Drop]:
        """Clean each file for itself."""
        for record in records:
            yield self._cleaned(record)

    def _cleaned(self, record: Record) -> Record | Drop:
        lines = split_lines(record.text)
        found = _secrets(lines) if self.rules.secrets else {}
        secrets = count_secrets(lines, found)
        if 0 < self.rules.most_secrets < secrets:
            return dropped(record, self.name, Reason.MANY_SECRETS, f"{secrets} values")
        _add(found, _personal(record.language, lines, self.rules.personal))
        if not found:
            return record
        cleaned = (replaced(line, found.get(number, ())) for number, line in enumerate(lines))
        kinds = Counter(one.kind for spans in found.values() for one in spans)
        return msgspec.structs.replace(
            record,
            text="".join(cleaned),
            redacted={kind: kinds[kind] for kind in sorted(kinds)},
            attributions=(*record.attributions, *_attributions(record, lines, found)),
        )


def _secrets(lines: Sequence[str]) -> dict[int, list[Datum]]:
    return {
        number: [Datum(one.start, one.end, one.kind) for one in spans]
        for number, spans in find_all(lines).items()
    }


def count_secrets(lines: Sequence[str], found: dict[int, list[Datum]]) -> int:
    """Return how many different secret values `found` has; the lines of one private key are one."""
    values: set[str] = set()
    keys = 0
    before = -1
    for number, spans in sorted(found.items()):
        for one in spans:
            if one.kind == _PRIVATE_KEY:
                keys += before < number - 1
                before = number
            elif one.kind != UNSEEN:
                values.add(lines[number][one.start : one.end])
    return len(values) + keys


def _personal(
    language: str, lines: Sequence[str], kinds: Sequence[str]
) -> Iterator[tuple[int, Datum]]:
    """Yield what of `kinds` is found where such things stand, with the numbers of its lines."""
    places = _Places(language, lines)
    for number, line in enumerate(lines):
        if not may_hold(line):
            continue
        shown = strip_ending(line)
        for one in _in_line(shown):
            if one.kind in kinds and places.allows(number, one):
                yield number, one


def _in_line(line: str) -> Iterator[Datum]:
    yield from addresses_in(line)
    yield from machines_in(line)
    yield from numbers_in(line)
    yield from names_in(line)


class _Places:
    """Tells where in a file something stands: in code, a string, or a comment."""

    def __init__(self, language: str, lines: Sequence[str]) -> None:
        self._lines = lines
        leeway = LEEWAYS.get(language)
        self._is_text = leeway is not None and (leeway.is_data or leeway.is_prose)
        self._language = LANGUAGES.get(language)
        self._comment = comment_of(language)[0].strip()
        self._tree: SyntaxTree | None = None
        self._is_parsed = False

    def allows(self, number: int, one: Datum) -> bool:
        """Tell whether a datum of its kind may stand there.

        None stands in code, a telephone number and an author's name in comments or prose only.
        """
        if self._is_text:
            return True
        kind = self._kind(number, one.start)
        if one.kind == "phone":
            return kind is PlaceKind.COMMENT
        if one.kind == "name" and kind is PlaceKind.STRING:
            # Docstrings count, and `__author__`; the keys and values of tables do not.
            line = self._lines[number]
            return "__" in line[: one.start] or "@author" in line or self._is_prose(number)
        return kind is not PlaceKind.CODE

    def _is_prose(self, number: int) -> bool:
        """Tell whether a whole line is inside of a string."""
        line = self._lines[number]
        begin = len(line) - len(line.lstrip())
        kind = self._kind(number, begin)
        return kind is PlaceKind.STRING and line[begin : begin + 1] not in "\"'`"

    def _kind(self, number: int, column: int) -> PlaceKind | None:
        """Return what a place is in; of a language without a grammar only comments are known."""
        if not self._is_parsed and self._language:
            self._tree = parse(self._language, self._lines, most_steps=MOST_STEPS)
        self._is_parsed = True
        if self._tree is not None:
            # Just inside, so that a string's or a comment's first character is in it.
            return self._tree.place_at(Position(number, column))
        before = self._lines[number][:column].lstrip()
        is_comment = self._comment in before or before.startswith(("*", "/*", "#", "//", "--"))
        return PlaceKind.COMMENT if is_comment else None


def _add(found: dict[int, list[Datum]], more: Iterable[tuple[int, Datum]]) -> None:
    """Add what lies over nothing that was found before."""
    for number, one in more:
        there = found.setdefault(number, [])
        if all(one.end <= other.start or other.end <= one.start for other in there):
            there.append(one)
    for number in [number for number, spans in found.items() if not spans]:
        del found[number]


def replaced(line: str, found: Sequence[Datum]) -> str:
    """Return `line` with a placeholder for each of `found`."""
    pieces, at = [], 0
    for one in sorted(found):
        shown = PLACEHOLDERS.get(one.kind) or _secret(line[: one.start])
        if line[one.start - 1 : one.start] == "<" and line[one.end : one.end + 1] == ">":
            shown = shown[1:-1]
        pieces += [line[at : one.start], shown]
        at = one.end
    return "".join([*pieces, line[at:]])


def _secret(before: str) -> str:
    """Return what stands for a secret behind `before`."""
    lowered = before.lower()
    return PASSWORD if any(word in lowered for word in _PASSWORDS) else KEY


def _attributions(
    record: Record, lines: Sequence[str], found: dict[int, list[Datum]]
) -> Iterator[str]:
    """Yield the lines that name authors, which are gone from the text; each once."""
    known = set(record.attributions)
    for number, spans in sorted(found.items()):
        if any(one.kind == "name" for one in spans):
            # A secret in the same line does not get out this way.
            secrets = [one for one in spans if one.kind not in PERSONAL]
            line = replaced(lines[number], secrets).lstrip(_BEFORE).rstrip(_BEHIND)
            if line not in known:
                known.add(line)
                yield line
