"""Sources that know what a name means: imports, the same package, names in use, the receiver.

Each gives definitions of other files, written out short. Pure over the repository.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from lsp_server.context.candidate import Candidate, Question
from lsp_server.context.receiver import Types
from lsp_server.context.repository import FoundDefinition
from lsp_server.context.resolve import resolve_imports, same_package
from lsp_server.context.signatures import BRIEF_MEMBERS, render, render_member
from lsp_server.syntax.outline import Definition, DefinitionKind

MOST = 12
"""Most candidates of one source."""

_MODULE_NAMES = 24
"""Most top-level definitions of a module that is imported as a whole."""

_SHORTEST_NAME = 4
"""Code points of the shortest name that is looked up without an import: ``id`` means nothing."""

_Fits = Callable[[FoundDefinition], bool]


def imports(question: Question) -> list[Candidate]:
    """Return what the document's imports bring in from files of the repository.

    Names in use near the cursor come first; then those that are not used anywhere yet, which
    somebody has imported in order to use them; then the rest.
    """
    place, repository = question.place, question.repository
    found = resolve_imports(
        place.document.path, place.language, place.outline, repository, question.files
    )
    unused = _unused(question, [item.alias for item in found])
    ranked: list[tuple[float, int, Candidate]] = []
    for number, item in enumerate(found):
        weight = question.mentions.get(item.alias, 0.0) + (0.5 if item.alias in unused else 0.0)
        why = f"imported as {item.alias}"
        if item.found is not None:
            candidate = _candidate("imports", question, item.found, why)
        else:
            candidate = _module(question, item.path, item.alias)
        if candidate is not None:
            ranked.append((-weight, number, candidate))
    return [candidate for _, _, candidate in sorted(ranked, key=lambda row: row[:2])][:MOST]


def package(question: Question) -> list[Candidate]:
    """Return what is visible without an import because it lies in the same package."""
    place = question.place
    paths = frozenset(same_package(place.document.path, place.language, question.files))
    if not paths:
        return []
    return _named(question, "package", lambda found: found.path in paths, "same package")


def names(question: Question) -> list[Candidate]:
    """Return the only definition in the repository of a name in use near the cursor."""
    return _named(question, "names", lambda _found: True, "only definition of")


def members(question: Question) -> list[Candidate]:
    """Return the type left of the dot before the cursor, and the bases of the class around it."""
    place = question.place
    types = Types(place, question.repository, question.files)
    wanted: list[tuple[str, FoundDefinition]] = []
    receiver = types.receiver()
    if receiver is not None:
        wanted.append(("left of the dot", receiver))
    callee = types.callee()
    if callee is not None:
        wanted.append(("called here", callee))
    wanted += [("base of the class", base) for base in types.bases()]
    return [
        candidate
        for why, found in wanted
        if found.path != place.document.path
        and (candidate := _candidate("members", question, found, why)) is not None
    ][:MOST]


def _unused(question: Question, aliases: Sequence[str]) -> frozenset[str]:
    """Return those of `aliases` that the document mentions nowhere but in its imports."""
    spans = [(item.first_line, item.end_line) for item in question.place.outline.imports]
    inside = {row for first, end in spans for row in range(first, end)}
    lines = question.place.document.lines
    rest = "".join(line for row, line in enumerate(lines) if row not in inside)
    return frozenset(alias for alias in aliases if alias not in rest)


def _named(question: Question, source: str, fits: _Fits, why: str) -> list[Candidate]:
    own = {definition.name for definition in question.place.outline.definitions}
    own |= {name.alias for item in question.place.outline.imports for name in item.names}
    weights = {
        name: weight
        for name, weight in question.mentions.items()
        if len(name) >= _SHORTEST_NAME and name not in own
    }
    by_name: dict[str, list[FoundDefinition]] = {}
    for found in question.repository.definitions_named(sorted(weights), 10 * len(weights)):
        if fits(found) and not _is_document_part(found):
            by_name.setdefault(found.definition.name, []).append(found)
    ranked = sorted(by_name.items(), key=lambda item: (-weights[item[0]], item[0]))
    candidates = [
        _candidate(source, question, found[0], f"{why} {name}".strip())
        for name, found in ranked
        if len(found) == 1
    ]
    return [candidate for candidate in candidates if candidate is not None][:MOST]


def _is_document_part(found: FoundDefinition) -> bool:
    return found.definition.kind is DefinitionKind.SECTION


def _candidate(
    source: str, question: Question, found: FoundDefinition, why: str
) -> Candidate | None:
    if found.path == question.place.document.path:
        return None
    definition, lines = found.definition, question.repository.lines(found.path)
    if definition.container:
        text = brief = render_member(found, lines)
    else:
        shown = _members(question, found)
        text = render(found, shown, lines, question.mentions)
        brief = render(found, shown, None, question.mentions, BRIEF_MEMBERS)
    return Candidate(
        source,
        found.path,
        text,
        definition.first_line,
        definition.end_line,
        why,
        brief if brief != text else "",
    )


def _members(question: Question, found: FoundDefinition) -> list[Definition]:
    if found.definition.kind is not DefinitionKind.CLASS:
        return []
    name = found.definition.name
    outline = question.repository.outline(found.path)
    return [item for item in outline.definitions if item.container.rpartition(".")[2] == name]


def _module(question: Question, path: str, alias: str) -> Candidate | None:
    """Return the headers of a module that is imported as a whole, those in use first."""
    if path == question.place.document.path:
        return None
    top = [item for item in question.repository.outline(path).definitions if not item.container]
    public = [item for item in top if not item.name.startswith("_")]
    used = _attributes(question, alias)
    best = sorted(public, key=lambda item: (item.name not in used, item.first_line))
    kept = sorted(best[:_MODULE_NAMES], key=lambda item: item.first_line)
    if not kept:
        return None
    text = "".join(_of_module(question, FoundDefinition(path, item), used) for item in kept)
    return Candidate(
        "imports", path, text, kept[0].first_line, kept[-1].end_line, f"module imported as {alias}"
    )


def _of_module(question: Question, found: FoundDefinition, used: Collection[str]) -> str:
    shown = _members(question, found) if found.definition.name in used else ()
    return render(found, shown, None, question.mentions)


def _attributes(question: Question, alias: str) -> frozenset[str]:
    place = question.place
    near: Iterable[str] = (*place.above, place.typed, *place.below)
    found: set[str] = set()
    for line in near:
        for part in line.split(f"{alias}.")[1:]:
            name = ""
            for character in part:
                if not (character.isalnum() or character == "_"):
                    break
                name += character
            found.add(name)
    return frozenset(found)
