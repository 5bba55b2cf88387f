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


MOST_TRIALS = 24
"""Texts that are tried at one place; further ones are not shown."""

_MENDING_STEPS = 1_000
"""Steps of the parser after which a document is not mended; most take 100."""

_GOES_ON = (",", "&&", "||", "+", "|")
"""Ends of lines that the next one goes on with."""

_WITHOUT_SEMICOLON = frozenset({"python", "ruby", "lua", "bash", "yaml", "toml", "json", "html"})


@dataclass(frozen=True, slots=True)
class Check:
    """What a tree says about one place."""

    tree: SyntaxTree
    """Of the document, where it has errors with a name at the place that mends as many as one
    can: a line that is being typed is an error, and what is suggested must not make use of it.
    Trials also take less time in a tree with fewer errors."""
    position: Position
    kind: PlaceKind
    language: Language
    """Of the place."""
    before: int
    """Errors that a suggestion may leave: none where a name mends the document, else as many as
    there are, since how many a parser counts around others is not quite certain."""
    name: str = ""
    """The name that was put there."""
    known: dict[str, int | None] = field(default_factory=dict)
    """Errors of the texts that were tried; None of those that took too long."""

    @classmethod
    def of(cls, tree: SyntaxTree, position: Position) -> "Check":
        """Look at a place; with errors around it, that reads the document once or twice anew."""
        kind, language = tree.place_at(position), tree.language_at(position)
        best, name = tree, ""
        for text in _names(tree, position, language):
            if not best.errors:
                break
            mended = tree.with_text(position, text, most_steps=_MENDING_STEPS)
            if mended is not None and mended.errors < best.errors:
                best, name = mended, text
        return cls(best, position, kind, language, tree.errors if best.errors else 0, name)

    def errors(self, text: str) -> int:
        """Return how many parse errors more there would be with `text` at the place.

        An unfinished end is finished in the ways that may follow; the best one counts.
        """
        fewest = MOST_ERRORS
        for ending in self._endings(text):
            found = self._count(text + ending)
            if found is None or found <= self.before:
                # What cannot be found out is no reason to be silent.
                return 0
            fewest = min(fewest, found)
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

    def _count(self, text: str) -> int | None:
        if text not in self.known:
            if len(self.known) >= MOST_TRIALS:
                return MOST_ERRORS
            tried = self.tree.with_text(self.position, text, replaced=len(self.name))
            self.known[text] = None if tried is None else tried.errors
        return self.known[text]


def _names(tree: SyntaxTree, position: Position, language: Language) -> Iterator[str]:
    """Yield the shortest texts that may finish the line at a place."""
    name = f"x{_closers(_typed(tree, position), language)}"
    yield name
    if language.name not in _WITHOUT_SEMICOLON:
        yield f"{name};"


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
