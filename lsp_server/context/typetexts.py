"""Reads types as they are written: ``Optional[Foo]``, ``Arc<Mutex<Foo>>``, ``[]*Foo``, ``?Foo``.

No type system: a type is a name with arguments, and a table says which names stand for what is
in them. Pure; knows nothing about where a name is defined.
"""

import re
from dataclasses import dataclass

from lsp_server.context.lexing import matching, split_top

_SEE_THROUGH_NAMES = (
    "Optional Annotated Final ClassVar Required NotRequired Readonly Partial NonNullable Arc Rc Box"
    " Ref RefMut Cow Pin MutexGuard RwLockReadGuard RwLockWriteGuard Type InstanceType type"
    " ReadOnly"
)
_SEE_THROUGH = frozenset(_SEE_THROUGH_NAMES.split())
"""Wrappers that have the members of what they wrap."""

_POINTERS = frozenset({"shared_ptr", "unique_ptr", "weak_ptr", "optional", "scoped_refptr"})
"""Wrappers in C++ that an arrow sees through."""

_WRAPPER_NAMES = (
    "Promise PromiseLike Task ValueTask Future CompletableFuture CompletionStage Awaitable"
    " Coroutine Option Result Deferred Optional Mutex RwLock RefCell Cell OnceCell OnceLock Try"
    " Lazy Mono IO LazyLock Weak"
)
_WRAPPERS = frozenset(_WRAPPER_NAMES.split())
"""Wrappers that have to be opened first."""

_LIST_NAMES = (
    "list List Sequence MutableSequence Iterable Iterator Generator AsyncIterable AsyncIterator"
    " AsyncGenerator set Set frozenset FrozenSet AbstractSet tuple Tuple deque Deque Collection"
    " Array ReadonlyArray ReadonlySet IterableIterator Vec VecDeque HashSet BTreeSet BinaryHeap"
    " ArrayList LinkedList TreeSet LinkedHashSet Stream Queue Flux IEnumerable IList ICollection"
    " IReadOnlyList IReadOnlyCollection IQueryable ConcurrentBag vector array span forward_list Seq"
    " MutableList MutableSet IndexedSeq Flow Channel Stack ArrayDeque PriorityQueue QuerySet"
)
_LISTS = frozenset(_LIST_NAMES.split())

_MAPPING_NAMES = (
    "dict Dict Mapping MutableMapping defaultdict DefaultDict OrderedDict Map ReadonlyMap HashMap"
    " BTreeMap IndexMap DashMap Record Dictionary IDictionary IReadOnlyDictionary"
    " ConcurrentDictionary unordered_map map multimap ConcurrentHashMap TreeMap LinkedHashMap"
    " MutableMap WeakMap"
)
_MAPPINGS = frozenset(_MAPPING_NAMES.split())

_NOTHING = frozenset({"None", "null", "undefined", "nil", "void", "Null", "null_t"})

_MODIFIER_NAMES = (
    "const mut dyn impl ref out in final struct enum class union typename volatile readonly static"
    " unsigned signed extern inline virtual public private protected internal async override"
    " abstract sealed params lateinit open weak unowned inout some any register pub borrowed vararg"
    " final var unique __strong constexpr mutable"
)
_MODIFIER = re.compile(rf"(?:{'|'.join(_MODIFIER_NAMES.split())})\s+|'\w+\s+|[&*@]\s*|\.\.\.|->\s*")
_NAME = re.compile(r"[^\W\d][\w$]*(?:\s*(?:\.|::|\\)\s*[^\W\d][\w$]*)*")
_AFTER = re.compile(r"(?:\s*(?:[?!*&]|\bconst\b))+")
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Shape:
    """A type as far as it is understood."""

    name: str
    """Dotted name; empty if it has none."""
    arguments: tuple[str, ...] = ()

    @property
    def last(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]


def _list_of(element: str) -> Shape:
    return Shape("list", (element.strip(),))


def shape_of(text: str) -> Shape:
    """Read a type."""
    text = _bare(text[:_LONGEST])
    union = [part for part in _alternatives(text) if part not in _NOTHING]
    if len(union) != 1:
        return Shape("")
    text = _bare(union[0])
    if text.startswith(("[", "map[")):
        return _bracketed(text)
    match = _NAME.match(text)
    if match is None:
        return shape_of(text[1:-1]) if text.startswith("(") and text.endswith(")") else Shape("")
    name = re.sub(r"\s*(?:::|\\|\.)\s*", ".", match.group())
    return _with_arguments(name, text[match.end() :].lstrip())


def _bare(text: str) -> str:
    text = text.strip().strip("\"'").strip().lstrip("?\\").strip()
    while match := _MODIFIER.match(text):
        text = text[match.end() :]
    return text


def _alternatives(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{<") - (letter in ")]}>")
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _bracketed(text: str) -> Shape:
    """Read ``[]Foo``, ``[4]Foo``, ``map[K]V`` of Go, ``[Foo]``, ``[K: V]`` of Swift, ``[T; 4]``."""
    start = text.index("[")
    close = matching(text, start)
    inner, rest = text[start + 1 : close].strip(), text[close + 1 :].strip()
    if text.startswith("map["):
        return Shape("dict", (inner, rest))
    if rest and rest[0] not in "?!":
        return _list_of(rest)
    key, colon, value = inner.partition(":")
    if colon:
        return Shape("dict", (key.strip(), value.strip()))
    return _list_of(inner.partition(";")[0])


def _with_arguments(name: str, rest: str) -> Shape:
    arguments: tuple[str, ...] = ()
    if rest.startswith("<"):
        close = _angle_end(rest)
        arguments = tuple(split_top(rest[1:close], angles=True))
        rest = rest[close + 1 :]
    elif rest.startswith("[") and not rest.startswith("[]"):
        close = matching(rest, 0)
        arguments = tuple(split_top(rest[1:close]))
        rest = rest[close + 1 :]
    rest = rest[match.end() :] if (match := _AFTER.match(rest)) else rest.lstrip()
    whole = Shape(name, arguments)
    if rest.startswith(("[]", "[")):
        return _list_of(f"{name}<{', '.join(arguments)}>" if arguments else name)
    return whole if not rest or rest[0] in "{,;=)\0" or rest.startswith("where ") else Shape("")


def _angle_end(text: str) -> int:
    depth = 0
    for index, letter in enumerate(text):
        if letter == "<":
            depth += 1
        elif letter == ">" and text[index - 1] not in "-=":
            depth -= 1
            if depth == 0:
                return index
    return len(text)


def class_name(text: str, operator: str = ".", language: str = "") -> str:
    """Return the name of the class whose members stand behind a value of type `text`."""
    shape = shape_of(seen_through(text, language))
    if operator == "->" and shape.last in _POINTERS and shape.arguments:
        shape = shape_of(shape.arguments[0])
    if shape.last in _LISTS | _MAPPINGS and (shape.arguments or shape.name[:1].islower()):
        return ""
    return "" if shape.arguments and shape.last in _WRAPPERS | _POINTERS else shape.name


def seen_through(text: str, language: str = "") -> str:
    """Return `text` without wrappers that have the members of what they wrap."""
    shape = shape_of(text)
    while shape.last in _SEE_THROUGH and shape.arguments:
        if shape.last == "Optional" and language in ("java", "kotlin", "scala"):
            break
        text = shape.arguments[-1 if shape.last == "Cow" else 0]
        shape = shape_of(text)
    return text


def opened(text: str, language: str = "") -> str:
    """Return what is in a wrapper such as a promise or a result; `text` itself if it is none."""
    shape = shape_of(seen_through(text, language))
    if shape.arguments and shape.last in _WRAPPERS | _POINTERS:
        return shape.arguments[-1 if shape.last in ("Coroutine", "IO") else 0]
    return text


def is_wrapper(text: str, language: str = "") -> bool:
    """Return whether `opened` would open `text`."""
    shape = shape_of(seen_through(text, language))
    return bool(shape.arguments) and shape.last in _WRAPPERS | _POINTERS


def is_collection(text: str) -> bool:
    """Return whether `text` holds many of something."""
    return bool(element(text) or value(text))


def element(text: str) -> str:
    """Return the type that a loop over `text` gives; empty if it is unknown."""
    shape = shape_of(seen_through(text))
    return shape.arguments[0] if shape.last in _LISTS and shape.arguments else ""


def value(text: str) -> str:
    """Return the type of ``text[key]``; empty if it is unknown."""
    shape = shape_of(seen_through(text))
    if shape.last in _MAPPINGS:
        return shape.arguments[1] if len(shape.arguments) > 1 else ""
    return element(text)


def values(text: str) -> str:
    """Return the type of all values of a mapping, as a list; empty if it is none."""
    shape = shape_of(seen_through(text))
    if shape.last in _MAPPINGS and len(shape.arguments) > 1:
        return f"list<{shape.arguments[1]}>"
    return ""
