"""What people call licences, and the SPDX expressions that they mean.

Manifests, headers and copyright files name licences in many ways: ``GPLv2+``, ``The MIT License``,
``BSD 3-Clause``, ``GPL (>= 2) | file LICENSE``. Knows nothing about where a name stood.
"""

import re
from functools import lru_cache

from fimbul_models.corpus.licence_policy import (
    PROPRIETARY,
    PUBLIC_DOMAIN,
    UNKNOWN,
    all_of,
    any_of,
    licence_table,
    parse,
)

_NAMES = {
    "MIT": "mit|expat|mit expat|expat mit|mit x11|x11 mit|mit style|mit like",
    "X11": "x11",
    "MIT-0": "mit no attribution|mit 0",
    # Without the number of clauses it stays open which of them; all of them are permissive.
    "BSD-3-Clause": "bsd|bsd new|new bsd|bsd modified|modified bsd|revised bsd|bsd revised|bsd 3"
    "|bsd3|bsd3c|3 bsd|bsd style|bsd like|bsd new or revised|new bsd 3|bsd 3 new or revised"
    "|bsd 3 new|bsd 3 revised|3 bsd new or revised",
    "BSD-2-Clause": "bsd 2|bsd2|2 bsd|simplified bsd|freebsd|bsd 2 simplified|bsd simplified",
    "BSD-4-Clause": "bsd 4|4 bsd|original bsd|bsd 4 original or old",
    "0BSD": "0bsd|bsd 0|zero bsd|bsd zero",
    "Apache-2.0": "apache|apache 2|apache 2.0|asl 2|asl 2.0|apache2|apache2.0|asl2|al2|asf 2.0"
    "|apache software|apache software 2.0|apache software 2|apache 2.0 apache 2.0|apache2.0 only",
    "Apache-1.1": "apache 1.1|asl 1.1|apache software 1.1",
    "ISC": "isc|iscl|isc iscl|internet systems consortium",
    "Zlib": "zlib|zlib libpng|libpng",
    "BSL-1.0": "boost|boost software 1.0|boost 1.0|bsl 1.0|boost software",
    "PSF-2.0": "psf|psfl|python software foundation|psf 2",
    "Python-2.0": "python|python 2.0",
    "Unlicense": "unlicense|unlicense unlicense",
    "CC0-1.0": "cc0|cc0 1.0|cc0 1.0 universal|creative commons zero v1.0 universal|cc0 1.0 "
    "universal cc0 1.0 public domain dedication|creative commons cc0 1.0 universal",
    "CC-BY-4.0": "cc by|cc by 4.0|creative commons attribution 4.0 international",
    "CC-BY-SA-4.0": "cc by sa|cc by sa 4.0"
    "|creative commons attribution sharealike 4.0 international",
    "CC-BY-NC-4.0": "cc by nc|creative commons attribution noncommercial 4.0 international",
    PUBLIC_DOMAIN: "public domain|pd|public domain dedication",
    "WTFPL": "wtfpl|do what the fuck you want to public",
    "MPL-2.0": "mpl|mpl 2|mpl2|mozilla public 2.0|mpl 2.0|mozilla 2.0|mozilla public 2.0 mpl 2.0"
    "|mozilla public|mozilla public v. 2.0",
    "MPL-1.1": "mpl 1.1|mozilla public 1.1|mozilla public 1.1 mpl 1.1",
    "EPL-1.0": "eclipse public 1.0|epl 1.0|epl|eclipse public|eclipse public 1.0 epl 1.0",
    "EPL-2.0": "eclipse public 2.0|epl 2.0|epl 2|eclipse public 2.0 epl 2.0",
    "CDDL-1.0": "cddl|common development and distribution|common development and distribution 1.0"
    "|cddl 1.0|common development and distribution cddl",
    "EUPL-1.2": "eupl|eupl 1.2|european union public 1.2|european union public 1.2 eupl 1.2",
    "Artistic-1.0-Perl": "artistic perl|artistic|artistic 1.0",
    "Artistic-2.0": "artistic 2|artistic 2.0|artistic2.0",
    "Artistic-1.0-Perl OR GPL-1.0-or-later": "perl|perl5|perl 5|same as perl|perl itself"
    "|same terms as perl|same terms as perl itself|same terms as perl 5|same terms as the perl 5",
    "SSPL-1.0": "sspl|server side public|server side public 1.0|mongodb server side public",
    "BUSL-1.1": "busl|bsl 1.1|business source|business source 1.1|busl 1.1",
    "Elastic-2.0": "elastic|elastic 2.0",
    "CECILL-2.1": "cecill|cecill 2.1",
    "Vim": "vim",
    "OFL-1.1": "ofl|sil open font 1.1|ofl 1.1|sil open font",
    "Ruby": "ruby|ruby's",
    "PHP-3.01": "php",
    "Zend-2.0": "zend",
    "ZPL-2.1": "zpl|zpl 2.1|zope public|zope public 2.1",
    "NCSA": "ncsa|university of illinois ncsa|university of illinois ncsa open source",
    "HPND": "hpnd|historical permission notice and disclaimer",
    "MS-PL": "ms pl|microsoft public",
    "OpenSSL": "openssl",
    "curl": "curl",
    "JSON": "json",
    PROPRIETARY: "proprietary|unlicensed|commercial|other proprietary|closed|closed source"
    "|all rights reserved|confidential|proprietary and confidential|none free|private"
    "|free for non commercial use|free for non-commercial use|noncommercial",
}
"""Spellings after `_plain`, which takes off ``licence``, ``version``, ``clause`` and the like."""

_BY_NAME = {
    spelling: expression
    for expression, spellings in _NAMES.items()
    for spelling in spellings.split("|")
}

_NOISE = re.compile(r"\b(?:the|licen[cs]e[sd]?|version|clauses?|agreement|of|a|an|osi|approved)\b")
_GNU_WORDS = re.compile(
    r"gnu|[al]?gpl|affero|lesser|library|or|general|public|only|any|later|newer|greater|at|your"
    r"|option|v|and|under|terms|\(?[al]?gpl(v|version)?\d?(\.\d)?\+?\)?|(version|v)?\d(\.\d)*\+?|>=|≥|fdl"
    r"|free|documentation|gfdl"
)

_REFERENCE = re.compile(
    r"\s*(?:[+|,]\s*)?(?:see |refer to )?(?:the )?(?:license in |licence in |file:? )?"
    r"\.?/?(?:licen[cs]e|copying|copyright)(?:[.-]\w+)*(?: file)?\s*",
    re.IGNORECASE,
)
"""A hint to look into a file, rather than a licence."""

_ADDRESS = re.compile(r"<?\(?\b(?:https?|ftp)://[^\s<>()]+\)?>?")
_SPLIT = re.compile(
    r"(\(|\)|\s+(?:and/or|and|or|with)\s+|\s*[|/&;]\s*|\s\+\s|\s*,\s*(?:and\s+|or\s+)?)", re.I
)
_CHOICES = {"or": "OR", "|": "OR", "/": "OR", "and/or": "OR", ", or": "OR", ",or": "OR"}

_LONGEST = 400
"""Code points of the longest text that is taken for a name; longer ones are texts."""


@lru_cache(maxsize=4096)
def expression_of(named: str) -> str:
    """Return the SPDX expression that `named` means.

    It is empty if nothing but a file is named; parts that nobody knows are `UNKNOWN`.
    """
    named = " ".join(_ADDRESS.sub(" ", named).split()).strip("\"' .")
    if not named or len(named) > _LONGEST:
        return UNKNOWN if named else ""
    if _REFERENCE.fullmatch(named):
        return ""
    return known_name(named) or _compound(named)


@lru_cache(maxsize=4096)
def known_name(name: str) -> str:
    """Return the SPDX expression of one licence's name or identifier, empty if it is not known."""
    name = " ".join(name.split()).strip("\"' .")
    table = licence_table()
    found = table.identifier(name)
    if found:
        return found
    plain = _plain(name)
    half = plain[: len(plain) // 2]
    if plain == f"{half} {half}":  # As in `The MIT License (MIT)`.
        plain = half
    return _BY_NAME.get(plain) or table.identifier(plain.replace(" ", "-")) or _gnu(name) or ""


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z0-9.+']+", " ", name.lower().replace("licence", "license"))
    plain = re.sub(r"\bv(?:er\.?)? ?(?=\d)", "", plain)
    return " ".join(_NOISE.sub(" ", plain).split()).strip(". ")


def _gnu(name: str) -> str:
    """Return the identifier of one of GNU's licences, by kind, version and ``or later``."""
    plain = re.sub(r"[^a-z0-9.+>=≥]+", " ", name.lower())
    words = [word.strip(".") for word in _NOISE.sub(" ", plain).split()]
    if not any(re.search("gpl|general|gfdl|fdl", word) for word in words):
        return ""
    if re.search(r"\band\b|\bor (?!later|any|newer|greater|at your|above|higher)", plain):
        return ""  # Several licences rather than one.
    if not all(_GNU_WORDS.fullmatch(word) for word in words if word):
        return ""
    kind = _gnu_kind(plain)
    version = re.search(r"\d(?:\.\d)?", plain)
    number = version[0] if version else ""
    later = not number or bool(re.search(r"\+|later|newer|greater|>|≥", plain))
    number = number or {"GPL": "1.0", "LGPL": "2.0", "AGPL": "1.0", "GFDL": "1.1"}[kind]
    number = number if "." in number else number + ".0"
    return licence_table().identifier(f"{kind}-{number}-{'or-later' if later else 'only'}")


def _gnu_kind(plain: str) -> str:
    if "affero" in plain or "agpl" in plain:
        return "AGPL"
    if "lesser" in plain or "library" in plain or "lgpl" in plain:
        return "LGPL"
    return "GFDL" if "fdl" in plain or "documentation" in plain else "GPL"


def _compound(named: str) -> str:
    """Return the expression of several names that are joined by words or signs."""
    pieces = [piece for piece in _SPLIT.split(named) if piece and piece.strip()]
    if len(pieces) == 1:
        return _single(named)
    words = []
    for piece in pieces:
        sign = " ".join(piece.lower().split())
        if sign in "()":
            words.append(sign)
        elif sign in _CHOICES or sign == "with":
            words.append(_CHOICES.get(sign, "WITH"))
        elif _SPLIT.fullmatch(piece):
            words.append("AND")
        else:
            words.append(_operand(piece.strip(), after_with=bool(words) and words[-1] == "WITH"))
    return _written(words)


def _operand(piece: str, *, after_with: bool) -> str:
    if not after_with:
        return expression_of(piece) if _SPLIT.search(piece) is None else UNKNOWN
    table = licence_table()
    for spelling in (piece, piece.replace(" ", "-"), f"{piece.split()[0]}-exception"):
        found = table.identifier(spelling)
        if found and table.is_exception(found):
            return found
    return UNKNOWN


def _written(words: list[str]) -> str:
    """Return the expression of `words`; what only points to a file goes with its operator."""
    kept: list[str] = []
    for word in words:
        if not word:
            if kept and kept[-1] in {"AND", "OR", "WITH"}:
                kept.pop()
        elif word in {"AND", "OR", "WITH"} and (not kept or kept[-1] in {"AND", "OR", "WITH", "("}):
            continue
        else:
            kept.append(f"({word})" if " OR " in word else word)
    tree = parse(" ".join(kept))
    if "OR" in kept and UNKNOWN in kept:
        # Pieces of words may look like a choice where there is none.
        return UNKNOWN
    if tree is None:
        return UNKNOWN if kept else ""
    # A name with an exception that nobody knows is not the licence without it.
    return str(tree.render())


def _single(name: str) -> str:
    if re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+|DocumentRef-[A-Za-z0-9.:-]+", name):
        return name
    if name.lower() in {"none", "noassertion", "unknown", "other", "n/a", "todo"}:
        return ""
    return UNKNOWN


def names_all(names: list[str]) -> str:
    """Return the expression of a list of names that all hold."""
    return all_of(expression_of(name) for name in names)


def names_choice(names: list[str]) -> str:
    """Return the expression of a list of names of which one may choose."""
    return any_of(expression_of(name) for name in names)
