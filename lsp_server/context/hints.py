"""The late tier of context: what the cursor needs right now, in one comment of a few tokens.

Behind a dot the members of what stands before it; inside of a call the parameters of what is
called. Nothing where the definition is in view already, or where nothing is known for certain.
Pure over the repository; knows nothing about prompts.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.context.declarations import Parameter, parameters, result_type
from lsp_server.context.expressions import Receiver
from lsp_server.context.filenames import FileNames, folder_of
from lsp_server.context.meanings import Module, Named
from lsp_server.context.names import CALLABLE, TYPES
from lsp_server.context.place import Place
from lsp_server.context.receiver import SELF, Types
from lsp_server.context.repository import FoundDefinition, Repository
from lsp_server.context.words import words
from lsp_server.syntax.outline import Definition, DefinitionKind

MOST = 40
"""Most parts of a hint."""

LONGEST = 48
"""Code points of the longest part that is written in full."""

_NEAR = 10
"""Lines above and below the cursor whose words speak for a member."""

_PER_SHARED_WORD, _MOST_SHARED = 2.0, 3
"""What a word counts that a member shares with them, against one more doubling of the files that
use it, and the most words that count (measured, see `LOG.md`)."""

NOTHING_VISIBLE = range(0)

_CONSTRUCTORS = ("__init__", "constructor", "__construct", "initialize", "init", "__new__")
_PRIVATE = ("private", "protected", "#", "@")
_OF_SELF = [[name] for name in sorted(SELF)]
_WITH_STATIC = frozenset(
    {"java", "csharp", "javascript", "typescript", "tsx", "php", "cpp", "swift"}
)
_UNSPOKEN = frozenset({*_CONSTRUCTORS, "__post_init__"})


@dataclass(frozen=True, slots=True)
class Part:
    """One member or parameter."""

    short: str
    """The least that is said about it."""
    full: str
    """What is said where there is room."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What stands above the current line."""

    head: str
    """What the parts belong to, such as ``Client: `` or ``connect(``."""
    parts: tuple[Part, ...]
    """Those worth most first; of a call in their order."""
    tail: str = ""
    """What follows when all parts are there."""


def hint_at(
    place: Place,
    repository: Repository,
    files: FileNames,
    visible: range = NOTHING_VISIBLE,
) -> Hint | None:
    """Return what the cursor needs, if it is known and not in view.

    `visible` are the lines of the document that the model sees anyway.
    """
    types = Types(place, repository, files)
    at = types.receiver_text()
    if at is not None:
        hint = _members_hint(types, at, visible)
        if hint is not None or at.partial == "":
            return hint
    return _call_hint(types, visible)


def members_at(place: Place, repository: Repository, files: FileNames) -> tuple[str, ...]:
    """Return the names that may stand behind the dot at the cursor, the likeliest first.

    Empty where the cursor is behind no dot, where it is not known what stands before it, and where
    there are so many that the list would not be whole.
    """
    types = Types(place, repository, files)
    at = types.receiver_text()
    hint = _members_hint(types, at, NOTHING_VISIBLE) if at is not None else None
    if hint is None or len(hint.parts) >= MOST:
        return ()
    return tuple(part.short.removesuffix("()") for part in hint.parts)


def _members_hint(types: Types, at: Receiver, visible: range) -> Hint | None:
    meaning = types.left_of(at)
    if meaning is None:
        return None
    if isinstance(meaning, Module):
        return _module_hint(types, meaning, at)
    owner = types.class_of(meaning, at.operator)
    if owner is None:
        return None
    of_class = isinstance(meaning, Named)
    shown = [item for item in types.members(owner) if not _in_view(types, item, visible)]
    found = [item for item in shown if _fits(types, item, of_class=of_class)]
    return _choice(owner.definition.name, _parts(types, found, at, of_class=of_class), at.partial)


def _module_hint(types: Types, module: Module, at: Receiver) -> Hint | None:
    """Return what a module defines, then what it passes on."""
    found = [item for item in types.exported(module) if _is_exported(types, item)]
    parts = _parts(types, found, at, of_class=False)
    for name in types.passed_on(module):
        parts.setdefault(name, Part(name, name))
    return _choice(module.name, parts, at.partial)


def _choice(owner: str, parts: Mapping[str, Part], partial: str) -> Hint | None:
    """Return a hint of which one part is to be chosen: of those that continue what is typed."""
    typed = partial.lower()
    kept = [part for name, part in parts.items() if name.lower().startswith(typed)]
    kept = kept or list(parts.values())
    return Hint(f"{owner}: ", tuple(kept[:MOST])) if kept else None


def _parts(
    types: Types, found: Sequence[FoundDefinition], at: Receiver, *, of_class: bool
) -> dict[str, Part]:
    """Return what to say of each name, of the likeliest first."""
    parts: dict[str, Part] = {}
    for item in _ranked(types, found, at, of_class=of_class):
        parts.setdefault(item.definition.name, _member_part(types, item))
    return parts


def _ranked(
    types: Types, found: Sequence[FoundDefinition], at: Receiver, *, of_class: bool
) -> list[FoundDefinition]:
    """Return members, those first that are likeliest meant.

    What can stand there comes before what rather does not. Among equals count the words that a
    name shares with the lines around the cursor, and in how many other files it is used: a name
    that its own file alone knows is its own affair.
    """
    uses = _uses(types, found)
    place = types.place
    near = set(words("\n".join((*place.above[-_NEAR:], place.typed, *place.below[:_NEAR]))))
    own = found[0].definition.container if found else ""
    of_self = [link.name for link in at.expression.links] in _OF_SELF

    def worth(number: int) -> tuple[bool, bool, float, bool, int]:
        definition = found[number].definition
        name = definition.name
        strange = of_class and not _belongs_to_class(definition, types.language)
        private = name.startswith("_") or definition.signature.startswith(_PRIVATE)
        shared = min(len(near.intersection(words(name.strip("_")))), _MOST_SHARED)
        score = _PER_SHARED_WORD * shared + math.log2(1 + uses.get(name, 0))
        return strange, private and not of_self, -score, definition.container != own, number

    return [found[number] for number in sorted(range(len(found)), key=worth)]


def _uses(types: Types, found: Sequence[FoundDefinition]) -> dict[str, int]:
    """Return in how many files but the one that defines it each name occurs."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for item in found:
        names[item.path].add(item.definition.name)
    uses: dict[str, int] = {}
    for path in sorted(names):
        uses.update(types.names.uses(names[path], (path,)))
    return uses


def _belongs_to_class(definition: Definition, language: str) -> bool:
    """Return whether a member is one of the class itself, as far as its header tells."""
    before_value, is_set, _ = definition.signature.partition("=")
    if language == "python" and definition.kind in CALLABLE:
        return not definition.signature.partition("(")[2].startswith("self")
    if language == "python":
        return definition.kind in TYPES or bool(is_set and ":" not in before_value)
    if language in _WITH_STATIC:
        return "static " in definition.signature or definition.signature == definition.name
    return True


def _is_exported(types: Types, found: FoundDefinition) -> bool:
    """Return whether another package of Go may use a definition; true of other languages."""
    if types.language != "go" or folder_of(found.path) == folder_of(types.path):
        return True
    return found.definition.name[:1].isupper() and not found.path.endswith("_test.go")


def _in_view(types: Types, found: FoundDefinition, visible: range) -> bool:
    return found.path == types.path and found.definition.first_line in visible


def _fits(types: Types, member: FoundDefinition, *, of_class: bool) -> bool:
    """Return whether a member may stand behind a dot."""
    definition = member.definition
    if definition.name in _UNSPOKEN or definition.name.startswith("__"):
        return False
    if types.language != "rust" or definition.kind is not DefinitionKind.METHOD:
        return definition.name != definition.container.rpartition(".")[2]
    takes_self = "self" in definition.signature.partition("(")[2].partition(")")[0]
    return of_class or takes_self


def _member_part(types: Types, member: FoundDefinition) -> Part:
    definition = member.definition
    if definition.kind not in CALLABLE:
        return Part(definition.name, definition.name)
    read = parameters(definition.signature, definition.name, types.language)
    names = ", ".join(item.name or item.type for item in read)
    full = f"{definition.name}({names})"
    short = f"{definition.name}()"
    return Part(short, full if len(full) <= LONGEST else short)


def _call_hint(types: Types, visible: range) -> Hint | None:
    call = types.call_text()
    found = types.called(call) if call else None
    if found is None or _in_view(types, found, visible):
        return None
    if found.definition.kind in TYPES:
        return _construction(types, found, visible)
    definition = found.definition
    result = result_type(definition.signature, definition.name, types.language)
    tail = f") -> {result}" if result and len(result) <= LONGEST else ")"
    parts = _parameter_parts(parameters(definition.signature, definition.name, types.language))
    owner = definition.container.rpartition(".")[2]
    head = f"{owner}.{definition.name}(" if owner else f"{definition.name}("
    return Hint(head, parts, tail) if parts or result else None


def _construction(types: Types, found: FoundDefinition, visible: range) -> Hint | None:
    """Return what making an object of a class takes."""
    name = found.definition.name
    head = f"{name}("
    for member in types.members(found):
        if member.definition.name in (*_CONSTRUCTORS, name) and member.definition.kind in CALLABLE:
            if _in_view(types, member, visible):
                return None
            read = parameters(member.definition.signature, member.definition.name, types.language)
            return Hint(head, _parameter_parts(read), ")") if read else None
    read = parameters(found.definition.signature, name, types.language)
    if types.language == "python":
        read = _fields(types, found)
    return Hint(head, _parameter_parts(read), ")") if read else None


def _fields(types: Types, found: FoundDefinition) -> tuple[Parameter, ...]:
    """Return the annotated fields of a class that has no constructor of its own."""
    members = types.members(found)
    return tuple(
        Parameter(item.definition.name, "", item.definition.signature)
        for item in members
        if item.definition.kind is DefinitionKind.FIELD and ":" in item.definition.signature
    )


def _parameter_parts(read: Sequence[Parameter]) -> tuple[Part, ...]:
    return tuple(
        Part(item.name or item.type, item.text if len(item.text) <= LONGEST else item.name)
        for item in read[:MOST]
    )


def texts_to_count(hint: Hint, marks: tuple[str, str]) -> list[str]:
    """Return the texts whose token counts `render` may ask for."""
    parts = [f", {text}" for part in hint.parts for text in (part.short, part.full)]
    return list(dict.fromkeys((marks[0] + hint.head, hint.tail + marks[1], *parts)))


def render(
    hint: Hint, marks: tuple[str, str], count_tokens: Callable[[str], int], budget: int
) -> str:
    """Return the hint as a comment of one line, without indentation and line ending.

    As many parts as fit in short, then as many of them in full. Empty if not even one fits.
    """
    room = budget - count_tokens(marks[0] + hint.head) - count_tokens(hint.tail + marks[1])
    texts: list[str] = []
    for part in hint.parts:
        cost = count_tokens(f", {part.short}")
        if cost > room:
            break
        room -= cost
        texts.append(part.short)
    if room < 0 or (hint.parts and not texts):
        return ""
    for number, part in enumerate(hint.parts[: len(texts)]):
        more = count_tokens(f", {part.full}") - count_tokens(f", {part.short}")
        if more <= room:
            room -= more
            texts[number] = part.full
    tail = hint.tail if len(texts) == len(hint.parts) else ""
    return _one_line(f"{marks[0]}{hint.head}{', '.join(texts)}{tail}{marks[1]}")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
