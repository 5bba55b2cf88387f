"""What a file defines and imports: the values that queries over a tree give.

Frozen and free of tree-sitter, so that they travel between processes and into the index. Lines
count from 0; a range of lines ends before its second number.
"""

import enum

import msgspec


class DefinitionKind(enum.Enum):
    """What kind of thing a definition introduces."""

    CLASS = "class"
    """Anything with members: class, struct, trait, interface, enum, impl block, namespace."""
    FUNCTION = "function"
    METHOD = "method"
    FIELD = "field"
    """A member that is no method: attribute, property, enum member."""
    VARIABLE = "variable"
    """A variable or constant outside of functions."""
    TYPE = "type"
    """An alias."""
    SECTION = "section"
    """A heading, table or key of a document that is no program."""


class Definition(msgspec.Struct, frozen=True):
    """One named thing that a file defines outside of function bodies."""

    name: str
    kind: DefinitionKind
    container: str
    """Names of what it is defined in, joined by ``.``; empty at the top. A method of Go, Rust
    or C++ that is written outside of its type has the type's name."""
    first_line: int
    """Line of the header, decorators and attributes included, comments above it not."""
    end_line: int
    """Line after the last one of the whole definition."""
    signature: str
    """The header without its body, on one line, runs of blanks made one."""
    doc: str = ""
    """First sentence or line of the docstring or of the comment above; empty if there is none."""
    bases: tuple[str, ...] = ()
    """Names of what a class extends or implements, as written, without type arguments."""
    body_line: int = 0
    """Line on which the body begins; `end_line` if there is none."""


class ImportedName(msgspec.Struct, frozen=True):
    """One name that an import brings in."""

    name: str
    """As the other file calls it; ``*`` for everything."""
    alias: str
    """As this file calls it."""


class Import(msgspec.Struct, frozen=True):
    """One import, include or use."""

    module: str
    """As written, without quotes: ``..core.types``, ``./util``, ``crate::a::b``, ``stdio.h``."""
    names: tuple[ImportedName, ...]
    """What it names; empty where it brings in the module as a whole under its last part."""
    first_line: int
    end_line: int
    alias: str = ""
    """What the module as a whole is called here; empty if it is not or has no other name."""


class Outline(msgspec.Struct, frozen=True):
    """What one file defines and imports, in the order of the text."""

    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
