"""What texts say about licences: SPDX tags, licence texts, notices in headers, holders of rights.

What permits is believed only where it is known word by word or by name; what forbids (copyleft,
limits on use) also where it is only mentioned. Knows nothing about repositories or policies.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from licenseclassifier import identify_license

from fimbul_models.corpus import licence_words as words
from fimbul_models.corpus.licence_names import expression_of, known_name
from fimbul_models.corpus.licence_policy import (
    PROPRIETARY,
    PUBLIC_DOMAIN,
    UNKNOWN,
    all_of,
    identifiers,
    licence_table,
)
from fimbul_models.corpus.records import LicenceClass

COVERED = 75.0
"""Percent of a licence file that has to be known word by word; as the detector has it."""

_HEAD_BYTES = 12_000
"""Code points of a header that are looked at; longer ones are licence texts themselves."""

_POINTER_LENGTH = 120
_NAMED_LENGTH = 1_500
"""Code points of the longest licence file that may only name its licence."""

_BRIDGE = 3
"""Paragraphs between two about rights that belong to them; conditions are numbered."""

_NAME_WORDS = 24
_GNU = re.compile(r"[AL]?GPL-")
_WORD = re.compile(r"\w+")
_HOLDER_LINES = 40


@dataclass(frozen=True)
class Said:
    """What one text says."""

    expression: str = ""
    """SPDX expression of all that it says; empty if it says nothing."""
    attributions: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    """Names in its copyright lines, without years."""
    kinds: tuple[str, ...] = field(default=())
    """How it was said: ``tag``, ``text``, ``name``, ``mention``, ``restriction``."""


def said_in_file(text: str, header_lines: int) -> Said:
    """Return what a source file says about its own licence.

    Its header is its first `header_lines`; tags and notices of copyleft count wherever they stand.
    """
    head = "\n".join(text.split("\n", header_lines)[:header_lines])[:_HEAD_BYTES]
    tags = tuple(_tags(text))
    later = _said_later(text, len(head))
    if not tags and not later and not words.ABOUT_RIGHTS.search(head):
        return Said()
    plain = _uncommented(head)
    attributions, holders = _holders(plain)
    # Without names of holders, headers of one project are alike and looked at once.
    expression, kinds = _said_in_notices(_notices(plain), tags)
    if later:
        expression, kinds = _explained(expression, later), (*kinds, "mention")
    return Said(expression, attributions, holders, kinds)


@lru_cache(maxsize=256)
def said_in_licence(text: str) -> Said:
    """Return what a licence file says: texts that are known, names, and what limits them.

    A text that is not known well enough is `UNKNOWN`, together with what it mentions.
    """
    plain = _uncommented(text)
    attributions, holders = _holders(plain)
    tags = tuple(_tags(text))
    found, rest, known = _detected(plain)
    named = "" if found else _named(plain)
    limits = _limits(rest)
    if any(one.startswith(("Python-2", "PSF-2")) for one in found) and "GPL-compatible" in rest:
        # Python's licence begins with its history, which speaks of the GPL at length.
        limits = [one for one in limits if not _GNU.match(one)]
    whole = _explained(all_of((*tags, named)), [*found, *limits])
    if plain.strip() and not known and not tags and not (named and len(plain) < _NAMED_LENGTH):
        whole = all_of((whole, UNKNOWN))
    kinds = ("tag",) * bool(tags) + ("text",) * bool(found) + ("restriction",) * bool(limits)
    return Said(whole, attributions, holders, kinds)


def says_nothing(text: str) -> bool:
    """Say whether a licence file only names another file, or only fills in a template of R."""
    if len(text) < _POINTER_LENGTH and words.POINTER.fullmatch(text):
        return True
    lines = [line for line in text.splitlines() if line.strip()]
    return all(words.TEMPLATE.match(line) for line in lines)


@lru_cache(maxsize=2048)
def _said_in_notices(plain: str, tags: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the expression of what notices and tags say, and how it was said."""
    found, rest, _ = _detected(plain) if words.GRANT.search(plain) else ((), plain, False)
    named = "" if found or tags else _named(plain)
    limits = _limits(rest)
    kinds = (
        ("tag",) * bool(tags)
        + ("text",) * bool(found)
        + ("name",) * bool(named)
        + ("restriction",) * bool(limits)
    )
    return _explained(all_of((*tags, named)), [*found, *limits]), kinds


def _tags(text: str) -> Iterator[str]:
    """Yield the expressions of SPDX tags that stand at the beginning of a line's words."""
    for match in words.TAG.finditer(text):
        begin = text.rfind("\n", 0, match.start()) + 1
        if words.BEFORE_TAG.fullmatch(text, begin, match.start()):
            named = words.COMMENT_END.sub("", match["named"]).strip()
            yield expression_of(named) or UNKNOWN


def _uncommented(text: str) -> str:
    """Return `text` without the signs that make its lines comments, in single blanks."""
    lines = words.COMMENT_BEGIN.sub("", text).splitlines()
    return "\n".join(" ".join(words.COMMENT_END.sub("", line).split()) for line in lines)


def _notices(plain: str) -> str:
    """Return the paragraphs that may be about rights, and short ones between them."""
    paragraphs = re.split(r"\n{2,}", plain)
    about = [n for n, one in enumerate(paragraphs) if words.ABOUT_RIGHTS.search(one)]
    near = {n for a, b in pairwise(about) if b - a <= _BRIDGE + 1 for n in range(a, b)}
    chosen = [paragraphs[number] for number in sorted({*about, *near})]
    lines = "\n\n".join(chosen).split("\n")
    return "\n".join(line for line in lines if not _only_names(line))


def _only_names(line: str) -> bool:
    """Say whether a line names a holder, and says nothing else about rights."""
    if not words.HOLDER.match(line) or not words.IS_HOLDER.search(line):
        return False
    return not words.ABOUT_RIGHTS.search(words.BESIDE_NAME.sub(" ", line))


def _detected(plain: str) -> tuple[tuple[str, ...], str, bool]:
    """Return the licences that are there word by word, the rest, and whether they fill it."""
    matches = identify_license(plain, 0.0)
    rest, end = [], 0
    for match in matches:
        rest.append(plain[end : match.start])
        end = max(end, match.end)
    rest.append(plain[end:])
    table = licence_table()
    found = {table.identifier(match.id) or match.id for match in matches}
    kinds = {table.class_of(one) for one in found}
    if kinds <= {LicenceClass.PERMISSIVE} and words.LIMITS_INSIDE.search(" ".join(plain.split())):
        found |= {PROPRIETARY} if matches else set()
    left = "\n".join(rest)
    # The detector's own measure, which would take a second pass over the text.
    known = bool(matches) and _words(left) <= (1 - COVERED / 100) * _words(plain)
    return tuple(sorted(found)), left, known


def _words(text: str) -> int:
    return len(_WORD.findall(text))


def _named(plain: str) -> str:
    """Return what notices name; `UNKNOWN` where a name is strange."""
    flat = " ".join(plain.split())
    said = [_expression_said(match) for match in words.BY_TERMS.finditer(flat)]
    fields = [expression_of(match["named"]) for match in words.FIELD.finditer(plain)]
    # A line that only begins with the word is no field.
    said += [one for one in fields if UNKNOWN not in one]
    if words.FREE.search(flat):
        said.append(PUBLIC_DOMAIN)
    return all_of(said)


def _expression_said(match: "re.Match[str]") -> str:
    named = match["named"]
    candidate = words.NAME_END.split(named)[0].strip(" ,.\"'()")
    found, rest = _longest_name(candidate)
    if found:
        # `the MIT Enterprise Licence` is not MIT's.
        return UNKNOWN if words.LICENCE_WORD.search(rest) else found
    if words.REFERS.match(named) or not words.LICENCE_WORD.search(candidate):
        return ""
    strong = words.STRONG_VERB.search(match[0]) or re.search(r"licen[cs]e", candidate, re.I)
    return UNKNOWN if strong else ""


def _longest_name(candidate: str) -> tuple[str, str]:
    """Return the expression of the longest beginning that is known as a whole, and the rest."""
    parts = candidate.split()
    for length in range(min(len(parts), _NAME_WORDS), 0, -1):
        start = " ".join(parts[:length]).strip(" ,.\"'()")
        found = known_name(start)
        if not found and re.search(r" or | and |/", start):
            compound = expression_of(start)
            found = "" if UNKNOWN in compound else compound
        if found:
            return found, " ".join(parts[length:])
    return "", candidate


def _limits(rest: str) -> list[str]:
    """Return the licences that `rest` mentions and that forbid something."""
    flat = " ".join(rest.split())
    found = []
    for match in words.MENTIONED.finditer(flat):
        before, after = flat[max(0, match.start() - 24) : match.start()], flat[match.end() :][:14]
        if not (words.NO_MENTION.search(before) or words.COMPATIBLE.match(after)):
            found.append(words.MENTIONS[int((match.lastgroup or "m0")[1:])][0])
    if words.LIMITS.search(flat):
        found.append(PROPRIETARY)
    return list(dict.fromkeys(found))


def _said_later(text: str, begin: int) -> list[str]:
    """Return the copyleft that notices behind the header tell of."""
    found = []
    for match in words.LATER_GATE.finditer(text, begin):
        near = text[max(0, match.start() - 200) : match.end() + 40]
        flat = " ".join(_uncommented(near).split())
        if notice := words.LATER_NOTICE.search(flat):
            found += _limits(flat[notice.start() :])
    return list(dict.fromkeys(found))


def _explained(expression: str, more: Iterable[str]) -> str:
    """Return `expression` and what of `more` it does not speak of by itself."""
    spoken = [_family(key) for key in identifiers(expression)]
    rest = [one for one in more if not (expression and _family(one) in spoken)]
    rest = [one for one in rest if not _is_vaguer(one, rest)]
    return all_of((expression, *rest))


def _is_vaguer(one: str, others: list[str]) -> bool:
    """Say whether `one` is a mention without a version of a licence that is known better."""
    vague = {name for name, _ in words.MENTIONS}
    if one not in vague:
        return False
    better = [other for other in others if other != one and other not in vague]
    if _GNU.match(one):
        return any(_GNU.match(other) for other in better)
    return any(_family(other) == _family(one) for other in better)


def _family(identifier: str) -> str:
    """Return what versions of one licence have in common; what forbids has a family of its own."""
    if licence_table().class_of(identifier) in {LicenceClass.UNKNOWN, LicenceClass.PROPRIETARY}:
        return identifier
    return identifier.partition("-")[0].upper()


def _holders(plain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return lines that name holders and authors, and the holders' names."""
    lines, names = [], []
    for line in plain.split("\n"):
        match = words.HOLDER.match(line)
        if match and words.IS_HOLDER.search(line) and not words.BOILERPLATE.search(line):
            lines.append(match[0].strip())
            name = " ".join(words.BESIDE_NAME.sub(" ", match[0]).split())
            if name:
                names.append(name)
        elif author := words.AUTHOR.match(line):
            lines.append(author[0].strip())
    return tuple(dict.fromkeys(lines))[:_HOLDER_LINES], tuple(dict.fromkeys(names))
