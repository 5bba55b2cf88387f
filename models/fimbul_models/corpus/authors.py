"""Find the names of authors in lines of source text: what stands behind words that say so.

Who holds a copyright stays: most are no persons, and a licence may ask for the line. Works on one
line; where in the file it stands, others look at.
"""

import re
from collections.abc import Iterator

from fimbul_models.corpus.personal import Datum

_CAPITAL = r"(?![a-z\d_])\w[\w'.-]{0,30}"
_PARTICLE = r"(?:(?:van|von|der|den|de|la|le|di|da|del|bin|al)[ \t]+)*"
_PERSON = rf"{_CAPITAL}(?:[ \t]+{_PARTICLE}{_CAPITAL}){{0,4}}"
_HANDLE = r"[a-z][\w-]{1,30}(?!\.?\w|[/:])"

_LEAD = re.compile(
    r"(?<![\w.])(?:(?P<tag>[@\\]authors?\b|__(?:author|maintainer)s?__)[ \t]*[:={]?"
    r"|[\"']?(?:authors?|maintainers?|developers?|created[ _-]by|(?:original|initial)[ ]author)"
    r"(?:\(s\))?[\"']?[ \t]*[:=]"
    r"|(?:originally[ ]|initially[ ])?written[ ]by:?[ ]"
    r"|(?:original|initial)[ ](?:version|code|implementation)[ ]by:?[ ])[ \t]*"
    r"(?:\(c\)[ \t]*|\d{4}[,:]?[ \t]+)?[\"'`\[(]{0,3}",
    re.IGNORECASE,
)
"""What stands in front of a name; behind a tag, such as Javadoc's, it may be a user's."""

_NAME = re.compile(rf"(?P<name>{_PERSON}|{_HANDLE}(?=[ \t]*<[^<>\s]+@))")
_TAGGED = re.compile(rf"(?P<name>{_PERSON}|{_HANDLE})")
_AND = re.compile(
    r"(?:[ \t]*(?:<[^<>\n]{0,80}>|\([^()\n]{0,80}\)))?[\"']?"
    r"(?:[ \t]*[,;&][ \t]*(?:and[ \t]+)?|[ \t]+and[ \t]+)[\"']?"
)
"""What stands between two names, the address of the first included."""

_NO_NAME = re.compile(
    r"the|an?|this|see|all|and|various|unknown|anonymous|contributors?|authors?|maintainers?|team"
    r"|none|null|nil|true|false|undefined|string|str|char\w*|varchar|text|int(?:eger)?|number|object|array"
    r"|list|dict|map|type|any|bool(?:ean)?|user(?:name)?|name|owner|optional|required|models?|foreign\w*"
    r"|new|const|let|var|self|return|function|copyright|license[sd]?|email|https?|todo|fixme",
    re.IGNORECASE,
)
"""First words of what is no name: types, values, and those that speak for many."""


def names_in(line: str) -> Iterator[Datum]:
    """Yield the names of authors in `line`."""
    for lead in _LEAD.finditer(line):
        pattern = _TAGGED if lead["tag"] else _NAME
        at = lead.end()
        while (found := pattern.match(line, at)) and _is_name(found["name"]):
            end = found.start() + len(found["name"].rstrip(".-'"))
            yield Datum(found.start(), end, "name")
            between = _AND.match(line, found.end())
            if between is None:
                break
            at = between.end()


def _is_name(name: str) -> bool:
    first = re.split(r"[\s.]", name, maxsplit=1)[0]
    return len(name) > 1 and _NO_NAME.fullmatch(first) is None
