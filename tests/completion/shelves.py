"""A shelf inside the test's own process: it knows lines, and says what the test tells it to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lsp_server.references.matches import Findings, Likeness, Match, Source

WORD = re.compile(r"\w+|[^\w\s]")

MIT = Source("public", "wheel:a 1.0", "a.py", 3, "MIT", "permissive")
GPL = Source("public", "sdist:b 2.0", "b.py", 4, "GPL-3.0-only", "copyleft")


@dataclass
class Shelf:
    """Finds each of `known` where it stands in a text as it is."""

    known: dict[str, Source] = field(default_factory=dict)
    names: Sequence[str] = ("public",)
    asked: list[str] = field(default_factory=list)
    error: Exception | None = None

    def look(self, text: str, language: str, *, least: int) -> Findings:
        self.asked.append(text)
        if self.error is not None:
            raise self.error
        found = []
        for known, source in self.known.items():
            at = text.find(known)
            if at >= 0:
                end = at + len(known)
                found.append(Match(at, end, least, Likeness.VERBATIM, (source,)))
        return Findings(tuple(sorted(found, key=lambda one: one.start)), ())

    def tokens(self, text: str, language: str) -> list[tuple[int, int]]:
        return [word.span() for word in WORD.finditer(text)]
