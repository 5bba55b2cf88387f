"""Write definitions out as a reader of the other file would want to see them: short.

A class becomes its header, its fields and its methods' headers; a function its header, its
first line of documentation and, if it is short, its body. Pure; knows nothing about budgets.
"""

import textwrap
from collections.abc import Collection, Iterator, Sequence

from lsp_server.context.repository import FoundDefinition
from lsp_server.syntax.outline import Definition, DefinitionKind
from lsp_server.text import strip_ending

SHORT_FUNCTION = 6
"""Lines of a function that is shown whole."""

SHORT_CLASS = 6
"""Lines of a class that is shown whole."""

MEMBERS = 12
"""Most members of a class that are shown."""

BRIEF_MEMBERS = 4
"""Most members of a class that are shown where there is little room."""

WIDTH = 160
"""Most code points of one line."""

_BY_INDENTATION = frozenset({".py", ".pyi", ".pyx"})


def render(
    found: FoundDefinition,
    members: Sequence[Definition],
    lines: Sequence[str] | None,
    mentions: Collection[str] = (),
    limit: int = MEMBERS,
) -> str:
    """Return a definition as lines of its own language.

    `members` are those of a class, in the order of the file; where there are more than `limit`,
    those named in `mentions` come first. `lines` are those of its file, None if it cannot be read.
    """
    definition = found.definition
    whole = _whole(definition, lines) if lines is not None else ""
    if definition.kind is not DefinitionKind.CLASS:
        return whole or _function(found)
    # Methods of Go and Rust stand outside of the type they belong to.
    within = range(definition.first_line, definition.end_line)
    outside = [member for member in members if member.first_line not in within]
    if whole:
        rows = [_member(found, member) for member in _chosen(outside, mentions, limit)]
        return whole + "".join(f"{row[:WIDTH]}\n" for row in rows)
    chosen = _chosen(members, mentions, limit)
    rows = list(_class(found, chosen, complete=len(chosen) == len(members)))
    return "".join(f"{row[:WIDTH]}\n" for row in rows)


def _class(
    found: FoundDefinition, chosen: Sequence[Definition], *, complete: bool
) -> Iterator[str]:
    python = _indents(found.path)
    yield _header(found, found.definition) + ("" if python or not chosen else " {")
    if python and found.definition.doc:
        yield f'    """{found.definition.doc}"""'
    yield from (_member(found, member) for member in chosen)
    if not complete:
        yield "    ..."
    if not python and chosen:
        yield "}"


def render_member(found: FoundDefinition, lines: Sequence[str] | None) -> str:
    """Return a method or field below a line that names its class."""
    definition = found.definition
    if not definition.container:
        return render(found, (), lines)
    python = _indents(found.path)
    head = f"class {definition.container}:" if python else f"{definition.container} {{"
    whole = _whole(definition, lines) if lines is not None else ""
    body = textwrap.indent(whole, "    ") or f"{_member(found, definition)[:WIDTH]}\n"
    return f"{head}\n{body}" + ("" if python else "}\n")


def _indents(path: str) -> bool:
    return any(path.endswith(ending) for ending in _BY_INDENTATION)


def _header(found: FoundDefinition, definition: Definition) -> str:
    colon = definition.kind in (DefinitionKind.CLASS, DefinitionKind.FUNCTION)
    colon = colon or definition.kind is DefinitionKind.METHOD
    return definition.signature + (":" if colon and _indents(found.path) else "")


def _member(found: FoundDefinition, member: Definition) -> str:
    callable_ = member.kind in (DefinitionKind.METHOD, DefinitionKind.FUNCTION)
    end = ": ..." if callable_ and _indents(found.path) else ""
    return f"    {member.signature}{end}"


def _function(found: FoundDefinition) -> str:
    definition = found.definition
    header = _header(found, definition)[:WIDTH]
    callable_ = definition.kind in (DefinitionKind.FUNCTION, DefinitionKind.METHOD)
    if not _indents(found.path) or not callable_:
        return f"{header}\n"
    if definition.doc:
        return f'{header}\n    """{definition.doc[:WIDTH]}"""\n'
    return f"{header} ...\n"


def _whole(definition: Definition, lines: Sequence[str]) -> str:
    limit = SHORT_CLASS if definition.kind is DefinitionKind.CLASS else SHORT_FUNCTION
    if not 0 < definition.end_line - definition.first_line <= limit:
        return ""
    rows = [strip_ending(line) for line in lines[definition.first_line : definition.end_line]]
    if any(len(row) > WIDTH for row in rows):
        return ""
    kept = [row for row in rows if row.strip()]
    return textwrap.dedent("".join(f"{row}\n" for row in kept))


def _chosen(
    members: Sequence[Definition], mentions: Collection[str], limit: int
) -> list[Definition]:
    """Return at most `limit` members in file order: constructor, mentioned, public, private."""

    def worth(member: Definition) -> int:
        if member.name in ("__init__", "constructor", "new"):
            return 0
        if member.name in mentions:
            return 1
        return 3 if member.name.startswith(("_", "#")) else 2

    best = sorted(range(len(members)), key=lambda number: (worth(members[number]), number))
    return [members[number] for number in sorted(best[:limit])]
