"""Which class the expression at the cursor belongs to, and what its members are.

Reads annotations, constructions, signatures and fields, for a few steps. This is no type
checker: where two readings are possible, or something is computed, nothing is known. Asks the
repository for single names only.
"""

import re
from collections.abc import Sequence

from lsp_server.context import typetexts
from lsp_server.context.bindings import LONGEST_LINE, Binding, BindingKind, local_binding
from lsp_server.context.chains import Chains
from lsp_server.context.declarations import results
from lsp_server.context.expressions import (
    CALL,
    Expression,
    Link,
    OpenCall,
    Receiver,
    open_call,
    parse_expression,
    receiver_at,
)
from lsp_server.context.filenames import FileNames, stem_of
from lsp_server.context.lexing import masked
from lsp_server.context.meanings import Absence, Meaning, Module, Named, Value, value_of
from lsp_server.context.names import CALLABLE, TYPES, Names
from lsp_server.context.place import Place
from lsp_server.context.repository import FoundDefinition, Repository
from lsp_server.context.resolve import top_level
from lsp_server.syntax.outline import Definition, DefinitionKind, Import

DEPTH = 6
"""Steps from a name to its value, to the names in that, and so on."""

ROWS = 200
"""Lines above the cursor that are searched for what a name is bound to."""

HEADER_ROWS = 400
"""Lines above the cursor that are searched for the head of the class around it."""

SELF = frozenset({"self", "this", "$this"})
_OWN_CLASS = frozenset({"cls", "Self", "static"})
_PARENT = frozenset({"super", "base", "parent"})

_FREE_LANGUAGES = frozenset({"java", "csharp", "cpp", "kotlin", "scala", "swift", "ruby"})
"""Languages in which a method names members without ``self``."""

_LOWER_CASE_GLOBALS = frozenset({"go", "c", "cpp", "php"})
"""Languages in which functions of other files are visible under lower-case names."""

_CLASS_HEAD = re.compile(
    r"^(\s*)(?:[\w()]+\s+)*?(?:class|struct|interface|trait|object|record|extension|module|actor"
    r"|impl(?:<[^>]*>)?(?:.*\bfor)?)\s+([^\W\d]\w*)"
)
_FUNCTION_HEAD = re.compile(
    r"^\s*(?:(?:pub(?:\(\w+\))?|async|export|default|static|public|private|protected|internal"
    r"|override|suspend|unsafe|local|open|final)\s+)*(?:def|func|fn|fun|function)\b"
)
_COUNTED = re.compile(r"enumerate\(\s*(.*?)\s*(?:,[^,()]*)?\)\s*$")
_PAIRS = re.compile(r"(.*)\.(?:items|entries|iteritems)\(\)\s*$")


class Types:
    """Answers questions about the expressions at one place."""

    def __init__(self, place: Place, repository: Repository, files: FileNames) -> None:
        self.place = place
        self.language = place.language
        self.path = place.document.path
        self.names = Names(self.path, place.language, place.outline, repository, files)
        self._chains = Chains(self.names)
        self._rows: list[str] | None = None
        self._open: set[str] = set()

    def receiver(self) -> FoundDefinition | None:
        """Return the class of what stands left of the dot before the cursor."""
        at = self.receiver_text()
        meaning = self.left_of(at) if at else None
        return self.class_of(meaning, at.operator) if at and meaning else None

    def left_of(self, at: Receiver) -> Meaning | None:
        """Return what stands left of a dot; a method there is a property."""
        return self._chains.as_property(self.meaning(at.expression))

    def callee(self) -> FoundDefinition | None:
        """Return the function, or the class, whose arguments are written at the cursor."""
        call = self.call_text()
        return self.called(call) if call else None

    def bases(self) -> list[FoundDefinition]:
        """Return the base classes of the class around the cursor that are known."""
        own = self.enclosing_class()
        return self.names.bases_of(own) if own else []

    def members(self, found: FoundDefinition) -> list[FoundDefinition]:
        """Return the members of a class, its own first, then those of its bases."""
        return self.names.members(found)

    def receiver_text(self) -> Receiver | None:
        """Return what stands left of the dot, as text."""
        return receiver_at(self.place.typed, self.language, self.place.above)

    def call_text(self) -> OpenCall | None:
        """Return the call that is open at the cursor, as text."""
        return open_call(self.place.above, self.place.typed, self.language)

    def called(self, call: OpenCall) -> FoundDefinition | None:
        """Return the function or the class that `call` calls."""
        meaning = self.meaning(call.callee)
        if isinstance(meaning, Named) and meaning.found.definition.kind in CALLABLE | TYPES:
            return meaning.found
        return None

    def type_name_of(self, expression: str) -> str:
        """Return the name of the class of an expression at the cursor; empty if unknown."""
        parsed = parse_expression(masked(expression, self.language), self.language)
        meaning = self.meaning(parsed) if parsed else None
        found = self.class_of(meaning) if meaning else None
        return found.definition.name if found else ""

    def class_of(self, meaning: Meaning, operator: str = ".") -> FoundDefinition | None:
        """Return the class whose members `meaning` has."""
        if isinstance(meaning, Value) and meaning.owner is None and meaning.path == self.path:
            name = typetexts.class_name(meaning.type, operator, self.language)
            if name in SELF | _OWN_CLASS:
                return self.enclosing_class()
        return self._chains.class_of(meaning, operator)

    def passed_on(self, module: Module) -> list[str]:
        """Return the names that a module imports so that others can import them from it."""
        names = [
            item.alias
            for path in module.paths
            if stem_of(path) in ("__init__", "index", "mod", "lib")
            for imported in self.names.resolver.outline(path).imports
            if imported.names and self.names.resolver.modules(path, imported)
            for item in imported.names
        ]
        return [name for name in dict.fromkeys(names) if name not in ("*", "annotations")]

    def exported(self, module: Module) -> list[FoundDefinition]:
        """Return what a module defines at its top."""
        return [
            FoundDefinition(path, definition)
            for path in module.paths
            for definition in self.names.resolver.outline(path).definitions
            if not definition.container and definition.kind is not DefinitionKind.SECTION
        ]

    def meaning(self, expression: Expression, depth: int = DEPTH) -> Meaning | None:
        """Return what an expression at the cursor stands for."""
        if depth <= 0:
            return None
        if expression.cast:
            return Value(expression.cast, self.path)
        links: Sequence[Link] = expression.links
        if expression.head is not None:
            current = self.meaning(expression.head, depth - 1)
        else:
            current, links = self._first(links, depth)
        found = self._chains.follow(current, links)
        return self._chains.opened(found) if expression.awaited else found

    def _first(self, links: Sequence[Link], depth: int) -> tuple[Meaning | None, Sequence[Link]]:
        """Return what the begin of a chain means, and the links that remain."""
        path = self._rust_path(links) if self.language == "rust" else self._python_path(links)
        if path is not None:
            return path
        first = links[0]
        current = self._name(first.name, depth, called=CALL in first.after[:1])
        return self._chains.applied(current, first.after, is_last=len(links) == 1), links[1:]

    def _python_path(self, links: Sequence[Link]) -> tuple[Meaning, Sequence[Link]] | None:
        """Return the module that ``import a.b`` makes known as ``a.b``."""
        names = [link.name for link in links]
        for module in self.place.outline.imports if self.language == "python" else ():
            parts = module.module.split(".")
            if not module.names and not module.alias and parts == names[: len(parts)]:
                paths = self.names.resolver.modules(self.path, module)
                if paths:
                    return Module(module.module, paths[:1]), links[len(parts) :]
        return None

    def _rust_path(self, links: Sequence[Link]) -> tuple[Meaning, Sequence[Link]] | None:
        """Return the module that a path such as ``crate::store`` names."""
        if links[0].name not in ("crate", "super", "self") or [link.by for link in links[1:2]] != [
            "::"
        ]:
            return None
        count = 1
        while count < len(links) and _is_module(links[count]):
            count += 1
        text = "::".join(link.name for link in links[:count])
        paths = self.names.resolver.modules(self.path, Import(text, (), 0, 1))
        return (Module(text, paths[:1]), links[count:]) if paths else None

    def _name(self, name: str, depth: int, *, called: bool) -> Meaning | None:
        """Return what a bare name means at the cursor."""
        if name in SELF | _OWN_CLASS | _PARENT:
            special = self._special(name)
            if special is not None:
                return special
        if name in self._open:
            return None
        self._open.add(name)
        bound = self._bound(name, depth)
        self._open.discard(name)
        return self._visible(name, called=called) if bound is Absence.ABSENT else bound

    def _special(self, name: str) -> Meaning | None:
        own = self.enclosing_class()
        if own is None:
            return None
        if name in SELF:
            return value_of(own)
        if name in _OWN_CLASS:
            return Named(own)
        bases = self.names.bases_of(own)
        return Named(bases[0]) if bases else None

    def _bound(self, name: str, depth: int) -> Meaning | Absence | None:
        """Return what the lines above say about a local name, a parameter included."""
        binding = local_binding(name, self._function_rows(), self.language)
        if binding is not None:
            return self._from_binding(binding, depth)
        for definition in reversed(self.place.enclosing):
            if definition.kind in CALLABLE:
                found = self._chains.parameter(definition, name, self.path)
                if found is not None:
                    return found
        return Absence.ABSENT

    def _from_binding(self, binding: Binding, depth: int) -> Meaning | None:
        if binding.kind in (BindingKind.TYPE, BindingKind.NARROWED):
            return Value(binding.text, self.path)
        if binding.kind is BindingKind.UNKNOWN:
            return None
        if binding.kind is BindingKind.ELEMENT:
            return self._element_of(binding, depth)
        expression = parse_expression(binding.text, self.language)
        if expression is None:
            return None
        if binding.number:
            return self._go_result(expression, binding.number, depth)
        found = self.meaning(expression, depth - 1)
        if binding.kind is BindingKind.ENTERED and found is not None:
            return self._entered(found)
        return self._chains.as_property(found) if self.language in ("ruby", "scala") else found

    def _entered(self, meaning: Meaning) -> Meaning | None:
        """Return what ``with`` gives: what ``__enter__`` says, else the same."""
        owner = self.class_of(meaning)
        for name in ("__enter__", "__aenter__"):
            enter = self.names.member(owner, name) if owner else None
            if enter is not None and owner is not None:
                return self._chains.result(Named(enter, owner)) or value_of(owner)
        if owner is None and isinstance(meaning, Value):
            return Value(typetexts.element(meaning.type), meaning.path)
        return meaning

    def _go_result(self, expression: Expression, number: int, depth: int) -> Meaning | None:
        """Return one of several results of a call."""
        *before, last = expression.links
        if last.after[-1:] != (CALL,):
            return None
        callee = Expression((*before, Link(last.name, last.after[:-1], last.by)), expression.head)
        meaning = self.meaning(callee, depth - 1)
        if not isinstance(meaning, Named):
            return None
        definition = meaning.found.definition
        text = results(definition.signature, definition.name, number)
        return Value(text, meaning.found.path) if text else None

    def _element_of(self, binding: Binding, depth: int) -> Meaning | None:
        """Return what a loop gives."""
        text = binding.text.strip()
        counted, pairs = _COUNTED.match(text), _PAIRS.match(text)
        if binding.number == 1 and counted:
            text = counted[1]
        elif binding.number == 1 and pairs:
            text = f"{pairs[1]}.values()"
        elif binding.number >= 0 or counted or pairs:
            return None
        expression = parse_expression(text, self.language)
        found = self.meaning(expression, depth - 1) if expression else None
        if not isinstance(found, Value) or found.owner is not None:
            return None
        read = typetexts.value if self.language == "go" else typetexts.element
        element = read(found.type)
        return Value(element, found.path) if element else None

    def _visible(self, name: str, *, called: bool) -> Meaning | None:
        """Return what a name that no function binds means in the document."""
        own = self.enclosing_class() if self.language in _FREE_LANGUAGES else None
        member = self.names.member(own, name) if own else None
        if member is not None:
            return self._chains.of_member(member, own)
        definition = top_level(self.place.outline, name)
        if definition is not None and definition.kind not in _MEMBERS:
            return self._chains.of_definition(FoundDefinition(self.path, definition))
        imported = self.names.imported(name, self.path)
        if imported is not Absence.ABSENT:
            return self._chains.of_imported(imported)
        if called or name[:1].isupper() or self.language in _LOWER_CASE_GLOBALS:
            found = self.names.unimported(name, self.path)
            return self._chains.of_definition(found) if found else None
        return None

    def _function_rows(self) -> list[str]:
        """Return the lines from the head of the function around the cursor to the cursor."""
        if self._rows is None:
            row = self.place.position.line
            first = max(0, row - ROWS)
            functions = [item for item in self.place.enclosing if item.kind in CALLABLE]
            head = functions[0].first_line if functions else self._head_above(first, row)
            lines = self.place.document.lines
            rows = lines[max(first, head) : row] if head >= 0 else self._rows_at_top(first, row)
            self._rows = [*rows, self.place.typed[-LONGEST_LINE:]]
        return self._rows

    def _head_above(self, first: int, row: int) -> int:
        """Return the line on which a function around the cursor seems to begin, or -1."""
        lines, depth = self.place.document.lines, _indentation(self.place.typed)
        for number in range(row - 1, first - 1, -1):
            line = lines[number]
            if line.strip() and _indentation(line) < depth and _FUNCTION_HEAD.match(line):
                return number
        return -1

    def _rows_at_top(self, first: int, row: int) -> list[str]:
        """Return lines above the cursor, those inside of functions made empty."""
        rows = list(self.place.document.lines[first:row])
        for item in self.place.outline.definitions:
            if item.kind in CALLABLE:
                for number in range(max(item.first_line, first), min(item.end_line, row)):
                    rows[number - first] = ""
        return rows

    def enclosing_class(self) -> FoundDefinition | None:
        """Return the class around the cursor."""
        for definition in reversed(self.place.enclosing):
            if definition.kind is DefinitionKind.CLASS and not _is_namespace(definition):
                return self._main(definition.name, definition)
            if definition.kind is DefinitionKind.METHOD and definition.container:
                return self._main(definition.container.rpartition(".")[2], None)
        name = self._class_above()
        return self._main(name, None) if name else None

    def _main(self, name: str, around: Definition | None) -> FoundDefinition | None:
        """Return the main definition of a class that may stand in several places."""
        own = top_level(self.place.outline, name)
        if around is not None and (own is None or own.container != around.container):
            own = around
        if own is not None and own.kind is DefinitionKind.CLASS:
            return FoundDefinition(self.path, own)
        return self.names.class_named(name, self.path)

    def _class_above(self) -> str:
        """Return the name of the class around the cursor as its head above tells."""
        lines, row = self.place.document.lines, self.place.position.line
        depth = _indentation(self.place.typed)
        for number in range(row - 1, max(-1, row - HEADER_ROWS), -1):
            match = _CLASS_HEAD.match(lines[number])
            if match and len(match[1]) < depth:
                return match[2]
        return ""


_MEMBERS = frozenset({DefinitionKind.METHOD, DefinitionKind.FIELD})


def _is_module(link: Link) -> bool:
    return link.by == "::" and not link.after and link.name[:1].islower()


def _is_namespace(definition: Definition) -> bool:
    return definition.signature.startswith(("namespace", "inline namespace", "extern", "package"))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
