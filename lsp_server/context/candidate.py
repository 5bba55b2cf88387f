"""A piece of another file that the model might see, and the question it answers.

Values only. Knows nothing about how candidates are found or chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lsp_server.context.filenames import FileNames
from lsp_server.context.history import Past
from lsp_server.context.place import Place
from lsp_server.context.repository import Repository
from lsp_server.context.words import WordSets, identifiers, words

QUESTION_LINES = 12
"""Lines above the cursor whose words say what is looked for."""

WIDEST = 200
"""Code points of a line whose words are compared."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Lines of another file, and why the model might want to see them."""

    source: str
    """Name of the source that found it."""
    path: str
    text: str
    """Whole lines, each with an ending, taken from the file or composed from its signatures."""
    first_line: int
    """First of the lines of its file that it stands for."""
    end_line: int
    """Line after the last of them."""
    why: str
    """What speaks for it, for a person: ``imported as Client``."""
    brief: str = ""
    """A shorter text, for where `text` does not fit; empty if there is none."""


@dataclass(frozen=True)
class Question:
    """What a source is asked: a place, and all it may look at."""

    place: Place
    repository: Repository
    """The other files; the one under completion is not among them."""
    files: FileNames
    """The paths of `repository`."""
    past: Past = field(default_factory=Past)
    open_paths: tuple[str, ...] = ()
    """Other open documents, the one used last first."""

    @cached_property
    def mentions(self) -> dict[str, float]:
        """How much each identifier near the cursor counts: more, the nearer it is."""
        place = self.place
        weights: dict[str, float] = {}
        rows: list[tuple[int, str]] = [(0, place.typed)]
        rows += [(number, line) for number, line in enumerate(reversed(place.above), start=1)]
        rows += [(2 * number, line) for number, line in enumerate(place.below, start=1)]
        for distance, line in rows:
            for name in identifiers(line):
                weights[name] = weights.get(name, 0.0) + 1.0 / (1.0 + distance / 4.0)
        return weights

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words just above and left of the cursor, each once, the nearest first."""
        near: Sequence[str] = (*self.place.above[-QUESTION_LINES:], self.place.typed)
        return tuple(dict.fromkeys(word for line in reversed(near) for word in words(line)))

    @cached_property
    def word_set(self) -> frozenset[str]:
        """The same words, to compare with."""
        return frozenset(self.words)

    def words_of(self, path: str, lines: Sequence[str], first: int, end: int) -> frozenset[str]:
        """Return the words of some lines of a file; several sources look into the same files."""
        key = path, first, end
        found = self._word_sets.get(key)
        if found is None:
            found = self._splitter.of(line[:WIDEST] for line in lines[first:end])
            self._word_sets[key] = found
        return found

    @cached_property
    def _word_sets(self) -> dict[tuple[str, int, int], frozenset[str]]:
        return {}

    @cached_property
    def _splitter(self) -> WordSets:
        return WordSets()
