"""The stage that says in which language a file is.

By its name, its first line, its content where the name may mean several, and last by what the other
files of its repository are. Knows nothing about what is done with any language.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from fimbul_models.corpus.language_contents import (
    UNDECIDED,
    language_of_content,
    language_of_head,
    language_of_modeline,
)
from fimbul_models.corpus.language_names import language_of_name, language_of_shebang
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record, Role, dropped

_NEIGHBOURS: Mapping[str, tuple[str, ...]] = {
    ".h": ("c", "cpp", "objective-c"),
    ".m": ("objective-c", "matlab"),
    ".inc": ("c", "cpp", "php", "pascal", "asm"),
    ".def": ("c", "cpp"),
    ".v": ("verilog", "coq"),
    ".t": ("perl",),
    ".d": ("d",),
    ".l": ("lex",),
    ".pro": ("prolog", "qmake"),
}
"""What a file may be of which neither name nor content tells: what most of its neighbours are.
If there are none, the first."""

_GUESSED = {".h", ".m", ".l"}
"""Endings whose first language is taken although nothing supports it."""


class LanguageRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which languages are taken."""

    only: tuple[str, ...] = ()
    """If there are any, files in other ones are dropped."""
    without: tuple[str, ...] = ()
    """Files in these are dropped."""


_DEFAULT = LanguageRules()


def language_of(path: str, text: str) -> str:
    """Return the language of one file as far as it tells itself; empty if it does not."""
    from_content = None
    if PurePosixPath(path).stem.lower() != "makefile":
        from_content = language_of_content(path, text)
    if from_content:
        return from_content
    if from_content == UNDECIDED:
        return language_of_modeline(text) or language_of_shebang(text)
    named = language_of_name(path)
    if named:
        return named
    if "." in PurePosixPath(path).name.lstrip("."):
        # An ending that nobody knows; many are of data, and a first line is worth more than it.
        return language_of_shebang(text)
    return language_of_shebang(text) or language_of_modeline(text) or language_of_head(text)


@dataclass(frozen=True)
class Languages:
    """Says which language each file of a repository is in."""

    rules: LanguageRules = _DEFAULT
    name: str = "languages"

    def __call__(self, records: Iterable[Record]) -> Iterator[Record | Drop]:
        """Mark all files; drop those of no known language, but for those that tell licences."""
        kept = list(records)
        found = [language_of(record.path, record.text) for record in kept]
        around = Counter(found)
        for record, language in zip(kept, found, strict=True):
            yield self._marked(record, language or _by_neighbours(record.path, around))

    def _marked(self, record: Record, language: str) -> Record | Drop:
        marked = msgspec.structs.replace(record, language=language)
        if record.role is Role.LEGAL:
            return marked
        ending = PurePosixPath(record.path).suffix
        if not language:
            return dropped(marked, self.name, Reason.UNKNOWN_LANGUAGE, ending or "no ending")
        if language in self.rules.without or (self.rules.only and language not in self.rules.only):
            return dropped(marked, self.name, Reason.UNWANTED_LANGUAGE, language)
        return marked


def _by_neighbours(path: str, around: Mapping[str, int]) -> str:
    ending = PurePosixPath(path).suffix.lower()
    possible = _NEIGHBOURS.get(ending, ())
    if not possible:
        return ""
    most = max(possible, key=lambda language: (around.get(language, 0), -possible.index(language)))
    return most if around.get(most) or ending in _GUESSED else ""
