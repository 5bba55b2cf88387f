"""What the filters ask a document's syntax tree: where the cursor is, and what would not parse.

What is unfinished by nature does not count as an error: a bracket opened at the end of a line, or
a header whose body is still to be written. Runs in threads; knows nothing about models.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from lsp_server.completion.trees import Trees
from lsp_server.postprocess.lexing import CLOSER_OF, open_brackets, open_quote
from lsp_server.syntax.languages import Language
from lsp_server.syntax.places import PlaceKind
from lsp_server.syntax.tree import SyntaxTree
from lsp_server.syntax.trials import MOST_ERRORS
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Position

_ENDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "python": (" pass", " pass\nexcept x: pass"),
        "bash": ("\nx; fi", "\nx; done", "\nx; }", "\nesac"),
        "ruby": ("\nend", "\nend\nend"),
        "lua": ("\nend", "\nend)"),
        "c": (";",),
        "cpp": (";",),
        "java": (" catch (X x) {}",),
        "javascript": (" catch (x) {}",),
        "typescript": (" catch (x) {}",),
        "tsx": (" catch (x) {}",),
        "csharp": (" catch {}",),
        "php": (" catch (X $x) {}",),
        "kotlin": (" catch (x: X) {}",),
    }
)
"""What may follow a line that cannot be the last one, beside the brackets that it leaves open."""


_GOES_ON = (",", "&&", "||", "+", "|")
"""Ends of lines that the next one goes on with."""

_WITHOUT_SEMICOLON = frozenset({"python", "ruby", "lua", "bash", "yaml", "toml", "json", "html"})


@dataclass(frozen=True, slots=True)
class Check:
    """What a tree says about one place."""

    tree: SyntaxTree
    position: Position
    kind: PlaceKind
    language: Language
    """Of the place."""
    before: int
    """Parse errors that there are without a suggestion, and would be with any name."""
    known: dict[str, int] = field(default_factory=dict)
    """Errors of the texts that were tried."""

    @classmethod
    def of(cls, tree: SyntaxTree, position: Position) -> "Check":
        """Look at a place, which takes parts of a millisecond."""
        kind, language = tree.place_at(position), tree.language_at(position)
        before = tree.errors
        if before:
            # A line that is being typed is an error that any name may mend; what is suggested
            # must not make use of it.
            trials = (tree.errors_with(position, text) for text in _names(tree, position, language))
            before = min((found for found in trials if found is not None), default=before)
            before = min(before, tree.errors)
        return cls(tree, position, kind, language, before)

    def errors(self, text: str) -> int:
        """Return how many parse errors more there would be with `text` at the place.

        An unfinished end is finished in the ways that may follow; the best one counts.
        """
        fewest = MOST_ERRORS
        for ending in self._endings(text):
            fewest = min(fewest, self._count(text + ending))
            if fewest <= self.before:
                return 0
        return fewest - self.before

    def _endings(self, text: str) -> Iterator[str]:
        yield ""
        typed = _typed(self.tree, self.position)
        closers = _closers(typed + text, self.language)
        if closers:
            yield closers
            yield f"x{closers}"
        if text.rstrip().endswith(_GOES_ON):
            yield f" x{closers}"
        for ending in _ENDINGS.get(self.language.name, ()):
            yield closers + ending

    def _count(self, text: str) -> int:
        if text not in self.known:
            errors = self.tree.errors_with(self.position, text)
            # What cannot be found out in time is no reason to be silent.
            self.known[text] = 0 if errors is None else errors
        return self.known[text]


def _names(tree: SyntaxTree, position: Position, language: Language) -> Iterator[str]:
    """Yield the shortest texts that may finish the line at a place."""
    yield "x"
    closers = _closers(_typed(tree, position), language)
    if closers:
        yield f"x{closers}"
    if language.name not in _WITHOUT_SEMICOLON:
        yield f"x{closers};"


def _typed(tree: SyntaxTree, position: Position) -> str:
    return tree.lines[position.line][: position.column]


def _closers(text: str, language: Language) -> str:
    """Return what closes the string and the brackets that are open at the end of `text`."""
    last = split_lines(text)[-1]
    brackets = reversed(open_brackets(text, language))
    return open_quote(last) + "".join(CLOSER_OF[one] for one in brackets)


class Checks:
    """Makes checks of places in documents."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees

    async def check(self, asked: CompletionRequest) -> Check | None:
        """Return what the tree says about a place; None if its language has no grammar."""
        tree = await self._trees.tree(asked.document)
        if tree is None:
            return None
        return await asyncio.to_thread(Check.of, tree, asked.position)
