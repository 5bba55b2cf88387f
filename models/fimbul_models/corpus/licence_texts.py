"""What texts say about licences: SPDX tags, licence texts, notices in headers, holders of rights.

What permits is believed only where it is known word by word or by name; what forbids (copyleft,
limits on use) also where it is only mentioned. Knows nothing about repositories or policies.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from licenseclassifier import identify_license

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

_TAG = re.compile(r"SPDX-License-Identifier\s*:\s*(?P<named>[^\n\r]+)", re.IGNORECASE)
_AT_LINE_START = re.compile(r"[\s/*#;%!\"'\-.<>({|:rem@dnl]*", re.IGNORECASE)
"""What may stand before a tag: signs that begin a comment."""

_COMMENT_END = re.compile(r"\s*(?:\*+/|-->|\*\)|-\}|\"\"\"|'''|#\}|%>|\}\}|\]\]|\"|')?\s*$")
_MARKS = re.compile(
    r"^[ \t]*(?:(?:/\*+|\*+/?|//+!?|#+!?|;+|--+|%+|<!--|\(\*|\{-|!|\"\"\"|'''|REM\b|dnl\b|\.\\\"|\|)[ \t]*)+",
    re.M | re.I,
)  # noqa: E501

_GATE = re.compile(
    r"licen[cs]|copyright|permission|redistribut|public domain|propriet|confiden", re.I
)
_GRANT = re.compile(
    r"permission (?:is|to)|redistribution|hereby granted|licen[cs]ed|terms of|free software|as is"
    r"|public licen[cs]e|public domain|distributed under|warrant",
    re.IGNORECASE,
)
"""Words without which there is no notice that the detector could know."""

_BY_TERMS = re.compile(
    r"\b(?P<dual>(?:dual|double|multi|tri|jointly)[- ]?)?"
    r"(?:licen[cs]ed|released|distributed|published|redistribute it|provided|available|usable)"
    r"(?: to [\w ]{1,40}?)?(?: (?:and/or|and|or) modif\w+(?: it)?)?(?: only)? (?:under|by|with|according to) "
    r"(?:the )?(?:terms?(?: and conditions)? of )?(?:either )?(?:the |an? )?"
    r"(?P<named>[^.;:\n][^;:\n]{1,120})",
    re.IGNORECASE,
)
_FREE = re.compile(
    r"(?<!not )(?:(?:placed|released|donated|dedicated|put)[\w ]{0,30} (?:in|into|to)"
    r"|(?:file|code|software|program|work|module) is (?:hereby )?in) the public domain",
    re.IGNORECASE,
)
_STRONG_VERB = re.compile(r"licen[cs]ed", re.IGNORECASE)
_LICENCE_WORD = re.compile(r"licen[cs]e|[al]?gpl|\bterms\b|\bagreement\b", re.IGNORECASE)
_REFERS = re.compile(
    r"(?:the )?(?:same )?(?:terms|licen[cs]es?)?[ ,]*(?:of|as|in|found|described|specified|stated|contained|see|that"
    r"|which|terms|licen[cs]es?|project|file|root|this|these|following|below|above|same|conditions?"
    r"|[\"'(`]*(?:licen[cs]e|copying|copyright)|(?:bsd|mit|apache|x11|isc)[- ](?:style|like|type))\b",
    re.IGNORECASE,
)
"""What a notice says that only points to a licence file, or to what is said beside it."""

_MENTIONS = (
    ("AGPL-3.0-or-later", r"\bAGPL|GNU Affero|Affero General Public"),
    ("LGPL-2.0-or-later", r"\bLGPL|(?:Lesser|Library) General Public|GNU (?:Lesser|Library) "),
    ("GPL-1.0-or-later", r"\bGPL|GNU (?:General )?Public|General Public Licen|\bcopyleft\b"),
    ("MPL-1.1", r"\bMPL[ -]?v?[12]|Mozilla Public"),
    ("EPL-1.0", r"\bEPL[ -]?v?[12]|Eclipse Public"),
    ("CDDL-1.0", r"\bCDDL\b|Common Development and Distribution"),
    ("EUPL-1.2", r"\bEUPL\b|European Union Public"),
    ("CECILL-2.1", r"\bCeCILL"),
    ("OSL-3.0", r"Open Software Licen[cs]e"),
    ("SSPL-1.0", r"\bSSPL\b|Server Side Public"),
    ("BUSL-1.1", r"\bBUSL\b|Business Source Licen"),
    ("Elastic-2.0", r"\bElastic Licen"),
    ("GFDL-1.1-or-later", r"\bGFDL\b|Free Documentation Licen"),
    ("LicenseRef-scancode-commons-clause", r"Commons Clause"),
    ("CC-BY-NC-4.0", r"\bCC[ -]BY[ -]NC|Non-?Commercial (?:\d|International|Licen|Share|No)"),
    ("CC-BY-SA-4.0", r"\bCC[ -]BY[ -]SA|Share-?Alike \d"),
    ("CC-BY-ND-4.0", r"\bCC[ -]BY[ -]ND|No-?Deriv"),
    (PROPRIETARY, r"PolyForm|Functional Source Licen|Fair Source|Sustainable Use Licen"),
)
"""Words that tell a licence which forbids something; the most particular of a family first."""

_GNU = re.compile(r"[AL]?GPL-")

_MENTIONED = re.compile("|".join(f"(?P<m{n}>{how})" for n, (_, how) in enumerate(_MENTIONS)), re.I)
_NO_MENTION = re.compile(
    r"(?:not?|non|without|isn't|replac\w+|in)[- ]?(?:the )?(?:under )?(?:the )?$", re.IGNORECASE
)
_COMPATIBLE = re.compile(r"[- ](?:in)?compatib", re.IGNORECASE)

_FORBIDS = re.compile(
    r"proprietary (?:and|or|&) confidential|confidential (?:and|or|&) proprietary"
    r"|(?:proprietary|confidential) (?:information|property|software|code|material|source)"
    r"|(?:company|strictly|internal) confidential|is proprietary|\bproprietary\b[.:]?$"
    r"|trade secrets?"
    r"|unauthori[sz]ed (?:copying|use|reproduction|distribution|disclosure|duplication|modification)"
    r"|strictly (?:prohibited|forbidden)|without (?:the )?(?:express|explicit|written|prior)[\w, ]*"
    r"(?:permission|consent|authori[sz]ation)(?! of (?:the )?(?:copyright|author))"
    r"|(?<!commercial or )(?<!commercial and )(?<!commercial/)(?<!commercial, )non-?commercial"
    r"|(?:for|only|solely)[\w ]* (?:evaluation|internal|personal|educational|academic|research)"
    r"[\w ]*(?:only|purposes|use\b)"
    r"|(?:no|not)[\w ]{0,20} commercial(?:ly)?\b|commercial (?:use|redistribution)[\w ]* (?:not|prohibited|forbidden"
    r"|requires|needs|is only)|must (?:purchase|buy|obtain) a|subscription agreement|end[- ]user licen[cs]e"
    r"|no (?:licen[cs]e|rights?|permission) (?:is|are) granted|(?:may|must|shall|can) not (?:be )?(?:sell|sold"
    r"|copied|copy|redistribute|reproduce|modif|disclose|use(?:d)? (?:this|the|it|for|in|by))"
    r"|good,? not evil|for good and not|no (?:redistribution|modification)|do not (?:copy|distribute|share)"
    r"|(?:additional|further|other) (?:restriction|condition)s? appl|provided (?:further )?that (?:you|the user|no)",
    re.IGNORECASE | re.MULTILINE,
)
"""What limits use, where it does not stand in a text that is known word by word."""

_FORBIDS_LATER = re.compile(
    r"(?:terms of|licen[cs]ed under|released under|distributed under|governed by)[ ]the (?:[\w.]+ ){0,4}?"
    r"(?:GNU|Affero|Lesser|Library|Mozilla Public|Eclipse Public|[AL]?GPL)",
    re.IGNORECASE,
)
"""Notices of copyleft that count in the middle of a file, too."""

_HOLDER = re.compile(
    r"(?:SPDX-FileCopyrightText\s*:|(?:portions |parts )?(?:copyright|copr\.?|©|\(c\))(?=\W)).{0,200}",
    re.IGNORECASE,
)
_AUTHOR = re.compile(
    r"@?(?:__)?(?:original )?authors?(?:__)?\s*[:=]\s*\S.{0,120}|@author\s+\S.{0,120}", re.I
)
_IS_HOLDER = re.compile(r"\d{4}|\(c\)|©|FileCopyrightText|copyright(?: by)? [A-Z]")
_BOILERPLATE = re.compile(
    r"copyright (?:notices?|holders?|owners?|licen[cs]e|law|statement|and |or |in |is |interest|"
    r"disclaimer|patent|act|treat|status|year|header|protect)|[\[<{](?:yyyy|year|name)|\(c\) (?:the|a|any|in|if|you|under|do|to|must)\b",
    re.IGNORECASE,
)
_NAME_ONLY = re.compile(
    r"SPDX-FileCopyrightText|portions|parts|copyright|copr|all rights reserved|©|\(c\)|\d{4}|present|now"
    r"|\bby\b|\band\b|[,.:;–—*/-]|\bits affiliates\b|\bor its\b|\baffiliates\b",
    re.IGNORECASE,
)


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
    if not tags and not later and not _GATE.search(head):
        return Said()
    plain = _uncommented(head)
    said = _said_in_head(_around_notices(plain), tags)
    if not later:
        return said
    whole = _explained(said.expression, later)
    return Said(whole, said.attributions, said.holders, (*said.kinds, "mention"))


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
    whole = _explained(all_of((*tags, named)), [*found, *limits])
    if plain.strip() and not known and not tags and not (named and len(plain) < 1_500):
        whole = all_of((whole, UNKNOWN))
    kinds = ("tag",) * bool(tags) + ("text",) * bool(found) + ("restriction",) * bool(limits)
    return Said(whole, attributions, holders, kinds)


def only_points(text: str) -> bool:
    """Say whether a licence file only names another file, as a link that became a text does."""
    return len(text) < 120 and bool(re.fullmatch(r"\s*[\w./-]+\s*", text)) and "/" in text + "/"


@lru_cache(maxsize=2048)
def _said_in_head(plain: str, tags: tuple[str, ...]) -> Said:
    attributions, holders = _holders(plain)
    found, rest, _ = _detected(plain) if _GRANT.search(plain) else ((), plain, False)
    named = "" if found or tags else _named(plain)
    limits = _limits(rest)
    whole = _explained(all_of((*tags, named)), [*found, *limits])
    kinds = (
        ("tag",) * bool(tags)
        + ("text",) * bool(found)
        + ("name",) * bool(named)
        + ("restriction",) * bool(limits)
    )
    return Said(whole, attributions, holders, kinds)


def _tags(text: str) -> Iterator[str]:
    """Yield the expressions of SPDX tags that stand at the beginning of a line's words."""
    for match in _TAG.finditer(text):
        begin = text.rfind("\n", 0, match.start()) + 1
        if _AT_LINE_START.fullmatch(text, begin, match.start()):
            named = _COMMENT_END.sub("", match["named"]).strip()
            yield expression_of(named) or UNKNOWN


def _uncommented(text: str) -> str:
    """Return `text` without the signs that make its lines comments, in single blanks."""
    lines = _MARKS.sub("", text).splitlines()
    return "\n".join(" ".join(_COMMENT_END.sub("", line).split()) for line in lines)


def _around_notices(plain: str) -> str:
    """Return the lines from the first that may be about rights to some after the last."""
    lines = plain.split("\n")
    about = [number for number, line in enumerate(lines) if _GATE.search(line)]
    if not about:
        return ""
    return "\n".join(lines[max(0, about[0] - 3) : about[-1] + 12])


def _detected(plain: str) -> tuple[tuple[str, ...], str, bool]:
    """Return the licences that are there word by word, the rest of the text, and if they fill it."""
    matches = identify_license(plain, 0.0)
    rest, end = [], 0
    for match in matches:
        rest.append(plain[end : match.start])
        end = max(end, match.end)
    rest.append(plain[end:])
    table = licence_table()
    found = {table.identifier(match.id) or match.id for match in matches}
    known = bool(matches) and bool(identify_license(plain, COVERED))
    return tuple(sorted(found)), "\n".join(rest), known


def _named(plain: str) -> str:
    """Return the expression of what is said to be licensed under a name; `UNKNOWN` for a strange one."""
    flat = " ".join(plain.split())
    said = [_expression_said(match) for match in _BY_TERMS.finditer(flat)]
    if _FREE.search(flat):
        said.append(PUBLIC_DOMAIN)
    return all_of(said)


def _expression_said(match: "re.Match[str]") -> str:
    named = match["named"]
    words = re.split(
        r"(?<=[^\d\s])\.(?=\s|$)|\s(?:see|which|that|as|found|in|for|you|this|at)\s", named
    )
    candidate = words[0].strip(" ,.\"'()")
    found = _longest_name(candidate)
    if found:
        return found
    if _REFERS.match(named) or not _LICENCE_WORD.search(candidate):
        return ""
    strong = _STRONG_VERB.search(match[0]) or re.search(r"licen[cs]e", candidate, re.I)
    return UNKNOWN if strong else ""


def _longest_name(candidate: str) -> str:
    """Return the expression of the longest beginning of `candidate` that is known as a whole."""
    words = candidate.split()
    for length in range(min(len(words), 24), 0, -1):
        start = " ".join(words[:length]).strip(" ,.\"'()")
        found = known_name(start)
        if not found and re.search(r" or | and |/", start):
            compound = expression_of(start)
            found = "" if UNKNOWN in compound else compound
        if found:
            return found
    return ""


def _limits(rest: str) -> list[str]:
    """Return the licences that `rest` mentions and that forbid something."""
    flat = " ".join(rest.split())
    found = []
    for match in _MENTIONED.finditer(flat):
        before, after = flat[max(0, match.start() - 24) : match.start()], flat[match.end() :][:14]
        if not (_NO_MENTION.search(before) or _COMPATIBLE.match(after)):
            found.append(_MENTIONS[int((match.lastgroup or "m0")[1:])][0])
    if _FORBIDS.search(flat):
        found.append(PROPRIETARY)
    return list(dict.fromkeys(found))


def _said_later(text: str, begin: int) -> list[str]:
    """Return the copyleft that notices behind the header tell of."""
    if "ublic Licen" not in text and "GPL" not in text:
        return []
    found = []
    for match in re.finditer(r"ublic Licen|GPL", text[begin:]):
        near = text[begin + max(0, match.start() - 200) : begin + match.end() + 40]
        flat = " ".join(_uncommented(near).split())
        if notice := _FORBIDS_LATER.search(flat):
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
    vague = {name for name, _ in _MENTIONS}
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
        match = _HOLDER.match(line)
        if match and _IS_HOLDER.search(line) and not _BOILERPLATE.search(line):
            lines.append(match[0].strip())
            name = " ".join(_NAME_ONLY.sub(" ", match[0]).split())
            if name:
                names.append(name)
        elif author := _AUTHOR.match(line):
            lines.append(author[0].strip())
    return tuple(dict.fromkeys(lines))[:40], tuple(dict.fromkeys(names))
