"""What chains such as ``a.b().c[0]`` stand for, link by link.

A member is looked up in the class of what stands before it; a call gives what the signature says.
Knows nothing about the cursor and the names around it.
"""

import re
from collections.abc import Sequence

from lsp_server.context import typetexts
from lsp_server.context.bindings import BindingKind, binding_in
from lsp_server.context.declarations import parameters, result_type
from lsp_server.context.expressions import CALL, INDEX, UNWRAP, Expression, Link, parse_expression
from lsp_server.context.meanings import Absence, Giving, Meaning, Module, Named, Value, value_of
from lsp_server.context.names import CALLABLE, TYPES, Names
from lsp_server.context.repository import FoundDefinition
from lsp_server.context.resolve import top_level
from lsp_server.syntax.outline import Definition, DefinitionKind

LINKS = 6
"""Links of the longest chain that is followed."""

_OPENER_NAMES = (
    "unwrap expect unwrap_or unwrap_or_else unwrap_or_default get orElse orElseThrow orElseGet lock"
    " read write borrow borrow_mut into_inner await result join value Value Result ok upgrade"
)
_OPENERS = frozenset(_OPENER_NAMES.split())
"""Members of wrappers that give what is in them."""

_SAME_NAMES = (
    "clone as_ref as_mut to_owned iter iter_mut into_iter cloned copied stream copy deref filter"
    " sorted reversed skip take rev slice concat reverse sort collect list"
    " ToList ToArray Where OrderBy AsEnumerable asSequence toList unwrap expect lock"
)
_SAME = frozenset(_SAME_NAMES.split())
"""Methods that give something of the same type."""

_SAME_OF_CLASS = frozenset(
    {"clone", "to_owned", "as_ref", "as_mut", "borrow", "borrow_mut", "copy", "unwrap", "expect"}
)
"""Those of them that a single value may have."""

_ONE_NAMES = (
    "get pop first last at find shift next getFirst getLast poll peek back front remove setdefault"
    " First FirstOrDefault Last Single SingleOrDefault getValue firstOrNull lastOrNull single"
    " find_first detect getOrDefault elementAt get_mut"
)
_ONE = frozenset(_ONE_NAMES.split())
"""Methods of collections that give one of what they hold."""

_NOT_NAMED = re.compile(r"^(?:self\.|this\.|@|export\s+(?:default\s+)?)")
"""What may stand before the name of a field or variable in its signature."""

_OWN = frozenset({"Self", "self", "static", "this"})
_MAKERS = frozenset({"new", "default", "constructor"})


class Chains:
    """Follows chains of names."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.language = names.language
        self._depth = 0

    def class_of(self, meaning: Meaning, operator: str = ".") -> FoundDefinition | None:
        """Return the class whose members `meaning` has."""
        if isinstance(meaning, Named):
            is_type = meaning.found.definition.kind in TYPES
            return self.names.dealiased(meaning.found) if is_type else None
        if not isinstance(meaning, Value):
            return None
        if meaning.owner is not None:
            return meaning.owner
        name = typetexts.class_name(meaning.type, operator, self.language)
        return self.names.class_named(name, meaning.path) if name else None

    def follow(self, current: Meaning | None, links: Sequence[Link]) -> Meaning | None:
        """Return what the links behind `current` lead to."""
        if len(links) > LINKS:
            return None
        for number, link in enumerate(links):
            if current is None:
                return None
            stepped = self._step(current, link) if link.name else current
            current = self.applied(stepped, link.after, is_last=number == len(links) - 1)
        return current

    def applied(
        self, current: Meaning | None, after: Sequence[str], *, is_last: bool
    ) -> Meaning | None:
        """Return what calls, indexes and question marks make of `current`."""
        if isinstance(current, Giving):
            after = after[1:] if after[:1] == (CALL,) else after
            current = current.value
        for mark in after:
            if mark == CALL:
                current = self.result(current)
            elif mark == INDEX:
                current = self._indexed(current)
            elif mark == UNWRAP and self.language == "rust":
                current = self.opened(current)
        return current if is_last else self.as_property(current)

    def as_property(self, current: Meaning | None) -> Meaning | None:
        """Return the value of what is used without being called: a method may be a property."""
        if isinstance(current, Named) and current.found.definition.kind is DefinitionKind.METHOD:
            return self.result(current)
        return current

    def of_definition(self, found: FoundDefinition) -> Meaning | None:
        """Return what using a definition means that is no member."""
        definition = found.definition
        if definition.kind in TYPES | CALLABLE:
            return Named(found)
        return self._stored(found)

    def of_imported(self, found: FoundDefinition | Module | None) -> Meaning | None:
        """Return what using an imported name means."""
        return self.of_definition(found) if isinstance(found, FoundDefinition) else found

    def of_member(self, member: FoundDefinition, owner: FoundDefinition | None) -> Meaning | None:
        """Return what using a member of a class means."""
        if member.definition.kind in CALLABLE:
            return Named(member, owner)
        if member.definition.kind in TYPES:
            return Named(member)
        return self._stored(member)

    def result(self, current: Meaning | None) -> Value | None:
        """Return what calling `current` gives."""
        if not isinstance(current, Named):
            return None
        found, owner = current.found, current.owner
        if found.definition.kind in TYPES:
            return value_of(self.names.dealiased(found))
        name = found.definition.name
        text = result_type(found.definition.signature, name, self.language)
        if owner is None:
            return Value(text, found.path) if text else None
        makes = not text and (name in _MAKERS or name == owner.definition.name)
        if makes or typetexts.class_name(text, ".", self.language) in _OWN:
            return value_of(owner)
        if typetexts.class_name(typetexts.opened(text, self.language)) in _OWN:
            text = re.sub(r"\bSelf\b", owner.definition.name, text)
        return Value(text, found.path) if text else None

    def opened(self, current: Meaning | None) -> Meaning | None:
        """Return what is in a promise, a result or the like."""
        if not isinstance(current, Value) or current.owner is not None:
            return current
        return Value(typetexts.opened(current.type, self.language), current.path)

    def parameter(self, function: Definition, name: str, path: str) -> Value | None:
        """Return the value of a parameter, the object of a method in Go included."""
        for parameter in parameters(function.signature, function.name, self.language):
            if parameter.name == name:
                return Value(parameter.type, path) if parameter.type else None
        receiver = re.match(r"func\s*\(\s*(\w+)\s+([^)]*)\)", function.signature)
        if self.language == "go" and receiver and receiver[1] == name:
            return Value(receiver[2], path)
        return None

    def _step(self, current: Meaning, link: Link) -> Meaning | None:
        if isinstance(current, Module):
            return self._in_module(current, link.name)
        if isinstance(current, Value) and current.owner is None:
            given = self._of_container(current, link)
            if given is not None:
                return given
        owner = self.class_of(current, link.by)
        return self._in_class(owner, link, current) if owner else None

    def _in_module(self, module: Module, name: str) -> Meaning | None:
        found = self.names.resolver.definition(module.paths, name)
        if found is not None:
            return self.of_definition(found)
        below = self.names.resolver.below(module.paths[0], name)
        return Module(f"{module.name}.{name}", below) if below else None

    def _in_class(self, owner: FoundDefinition, link: Link, current: Meaning) -> Meaning | None:
        static = isinstance(current, Named)
        member = self.names.member(owner, link.name)
        if member is not None:
            found = self.of_member(member, owner)
            return found or (self._variant(member, owner) if static else None)
        if static and link.name in _MAKERS:
            return Giving(value_of(owner))
        if link.name in _SAME_OF_CLASS and CALL in link.after and not static:
            return Giving(value_of(owner))
        return None

    @staticmethod
    def _variant(member: FoundDefinition, owner: FoundDefinition) -> Meaning | None:
        """Return a member of an enumeration: a value of it."""
        is_field = member.definition.kind is DefinitionKind.FIELD
        enumeration = re.search(r"\benum\b", owner.definition.signature) is not None
        enumeration = enumeration or any("Enum" in base for base in owner.definition.bases)
        return value_of(owner) if is_field and enumeration else None

    def _of_container(self, current: Value, link: Link) -> Giving | None:
        """Return what members of wrappers and collections give, whoever defines them."""
        text = current.type
        if typetexts.is_wrapper(text, self.language):
            opens = link.name in _OPENERS
            return (
                Giving(Value(typetexts.opened(text, self.language), current.path))
                if opens
                else (Giving(current) if link.name in _SAME_OF_CLASS else None)
            )
        if not typetexts.is_collection(text):
            return None
        if link.name in ("values", "Values"):
            return Giving(Value(typetexts.values(text) or text, current.path))
        if link.name in _ONE:
            return Giving(Value(typetexts.value(text), current.path))
        return Giving(current) if link.name in _SAME else None

    def _indexed(self, current: Meaning | None) -> Meaning | None:
        if isinstance(current, Named):
            return current if current.found.definition.kind in TYPES else None
        if not isinstance(current, Value) or current.owner is not None:
            return None
        text = typetexts.value(current.type)
        return Value(text, current.path) if text else None

    def _stored(self, found: FoundDefinition) -> Meaning | None:
        """Return what a field or variable holds: as annotated, as constructed, as it was given."""
        definition = found.definition
        if definition.kind not in (DefinitionKind.FIELD, DefinitionKind.VARIABLE):
            return None
        signature = _NOT_NAMED.sub("", definition.signature)
        name = f"${definition.name}" if self.language == "php" else definition.name
        binding = binding_in(signature, name, self.language)
        if binding is None:
            return None
        if binding.kind is BindingKind.TYPE:
            return Value(binding.text, found.path)
        if binding.kind is not BindingKind.VALUE:
            return None
        given = self._given(found, binding.text.rstrip("; "))
        return given or self._computed(binding.text, found.path)

    def _given(self, field: FoundDefinition, name: str) -> Value | None:
        """Return the parameter `name` of the method in which a field is assigned."""
        if field.definition.kind is not DefinitionKind.FIELD or not re.fullmatch(r"\$?\w+", name):
            return None
        line = field.definition.first_line
        for definition in self.names.resolver.outline(field.path).definitions:
            inside = definition.first_line <= line < definition.end_line
            if inside and definition.kind is DefinitionKind.METHOD:
                return self.parameter(definition, name, field.path)
        return None

    def _computed(self, text: str, path: str) -> Meaning | None:
        """Return what an expression at the top of any file gives."""
        expression = parse_expression(text, self.language)
        if expression is None or expression.head is not None or self._depth > 2:
            return None
        if expression.cast:
            return Value(expression.cast, path)
        self._depth += 1
        found = self._at_top(expression, path)
        self._depth -= 1
        if isinstance(found, Named) and found.found.definition.kind in CALLABLE:
            return None
        return self.opened(found) if expression.awaited else found

    def _at_top(self, expression: Expression, path: str) -> Meaning | None:
        first, *rest = expression.links
        found = self._named_at_top(first.name, path)
        return self.follow(self.applied(found, first.after, is_last=not rest), rest)

    def _named_at_top(self, name: str, path: str) -> Meaning | None:
        definition = top_level(self.names.resolver.outline(path), name)
        if definition is not None and definition.kind in TYPES | CALLABLE:
            return Named(FoundDefinition(path, definition))
        found = self.names.imported(name, path)
        if found is not Absence.ABSENT:
            return self.of_imported(found)
        free = self.names.unimported(name, path) if name[:1].isupper() else None
        return Named(free) if free else None
