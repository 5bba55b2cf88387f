"""What an expression may stand for: values that the readers of names and chains exchange.

Frozen values only. Knows nothing about how they are found.
"""

import enum
from dataclasses import dataclass

from lsp_server.context.repository import FoundDefinition


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a type."""

    type: str
    """The type as written."""
    path: str
    """File in which it is written."""
    owner: FoundDefinition | None = None
    """The class itself, where it is known already."""


@dataclass(frozen=True, slots=True)
class Named:
    """A definition itself: a class, a function."""

    found: FoundDefinition
    owner: FoundDefinition | None = None
    """The class in which a method was looked for."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module as a whole."""

    name: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Giving:
    """A method or property, of something that need not be in the repository, that gives a value."""

    value: Value


Meaning = Value | Named | Module | Giving


class Absence(enum.Enum):
    """Says that a name is not mentioned, where None says that its meaning is unknown."""

    ABSENT = "absent"


def value_of(found: FoundDefinition) -> Value:
    """Return a value of the class `found`."""
    return Value(found.definition.name, found.path, found)
