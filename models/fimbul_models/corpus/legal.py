"""Which files tell the licence of a repository, by their paths alone.

Knows nothing about what stands in them.
"""

import re

from lsp_server.syntax.languages import language_of_path

_TEXTS = re.compile(
    r"(?:.*[-_.])?(?:licen[cs]es?|licen[cs]ing|\w+licenses|copying|copyright|copyleft|unlicen[cs]e"
    r"|notices?|legal|patents|eula)(?:[-_.].*)?|authors(?:\..*)?"
    r"|(?:[al]?gpl|apache|bsd|mit|mpl)[-_.]?[\d.]*(?:\.(?:txt|md|rst))?",
    re.IGNORECASE,
)
"""Names of licence texts, notices and lists of authors."""

_CODE_ENDINGS = re.compile(r".*\.(hs|ml|mli|pl|pm|r|erl|exs?|clj|el|d|vala|m|po|pot|svg|xml)", re.I)
"""Endings of code that the server does not parse."""

_PROSE = {None, "markdown", "html"}
"""What a text about a licence may be written in."""

_MANIFESTS = re.compile(
    r"pyproject\.toml|setup\.cfg|package\.json|Cargo\.toml|composer\.json|pom\.xml|PKG-INFO"
    r"|METADATA|DESCRIPTION|bower\.json|dune-project|meson\.build|META\.(json|yml)|mix\.exs"
    r"|.*\.(gemspec|nuspec|cabal|opam|rockspec|podspec|csproj)"
)
"""Files that name the licence among other things."""

_REUSE = re.compile(r".*\.license|(.*/)?LICENSES/.*|(.*/)?\.reuse/dep5|(.*/)?REUSE\.toml")
_DEBIAN = re.compile(r"(.*/)?debian/copyright")


def is_legal(path: str) -> bool:
    """Say whether the file at `path` is a licence text, a notice or a manifest."""
    name = path.rpartition("/")[2]
    if _MANIFESTS.fullmatch(name) or _REUSE.fullmatch(path) or _DEBIAN.fullmatch(path):
        return True
    if not _TEXTS.fullmatch(name) or _CODE_ENDINGS.fullmatch(name):
        return False
    language = language_of_path(path)
    return (language.name if language else None) in _PROSE
