"""What a name at one place of a file means, if it is something of another file.

Follows imports, receivers whose type is written down, base classes and keyword arguments;
otherwise only rare names. Where that leaves doubt it says nothing. Knows nothing about cursors.
"""

import builtins
import keyword
import re
from collections.abc import Sequence

from fimbul_models.evaluation.linking import Found, Links, View, enclosing_types, is_rare, last_part
from fimbul_models.evaluation.tokens import Token, TokenKind
from lsp_server.syntax.outline import DefinitionKind
from lsp_server.text import split_lines

_ACCESS = (".", "->", "?.", "::")
_SELVES = frozenset({"self", "cls", "this", "super", "Self"})
_LEAST_LENGTH = 3
_TYPES = (DefinitionKind.CLASS, DefinitionKind.TYPE)
_WORDS = re.findall(
    r"\w+",
    """
    await async break case catch class const continue default delete do else enum export extends
    false final finally fn for func function if impl implements import in instanceof interface let
    loop match mod mut new nil null package private protected pub public range ref return select
    sizeof static struct super switch this throw throws trait true try type typedef typeof
    undefined union unsafe use var void where while with yield string number boolean any never
    object int char bool float double long short byte error None True False self cls Self String
    Object Array Promise Error Map Set Option Some Result Vec Box Integer List Exception
    i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 usize isize str int8 int16 int32 int64 uint uint8 uint16
    uint32 uint64 size_t ssize_t uint8_t uint16_t uint32_t uint64_t int8_t int16_t int32_t int64_t
    __name__ __file__
    """,
)
KNOWN_WORDS = frozenset([*_WORDS, *keyword.kwlist, *dir(builtins)])
"""Keywords and built-in names of all languages together."""

_BINDINGS = (
    r"\b{name}\s*:\s*(?P<type>[^=,)\n;{{]+)",
    r"\b{name}(?:\s*,\s*\w+)?\s*:?=\s*(?:await\s+|new\s+|&)*(?P<made>[\w.:]+)\s*[({{<]",
    r"\b(?P<before>[A-Za-z_]\w*)(?:<[^>\n]*>)?[\s*&]+{name}\b\s*[,;=)]",
    r"[(,]\s*{name}\s+[*\[\]]*(?P<after>[\w.]+)\s*[,)]",
)
"""How a file shows the type of a name: ``x: T``, ``x = T(``, ``T x``, ``(x T)``."""


class Reader:
    """Says what the names of one file mean."""

    def __init__(self, links: Links, view: View, code: Sequence[Token]) -> None:
        """Take the tokens of the file without its comments."""
        self._links = links
        self._view = view
        self._code = code
        self._lines = split_lines(view.file.text)
        self._types: dict[str, list[tuple[int, list[str]]]] = {}

    def meaning(self, index: int) -> Found:
        """Return what token `index` means, nothing if that is not plainly of another file."""
        name = self._code[index].text
        if len(name) < _LEAST_LENGTH or name in KNOWN_WORDS:
            return ()
        if self._text(index - 1) in _ACCESS:
            return self._member(index) if self._is_candidate(name) else ()
        if self._view.file.language == "python" and self._text(index + 1) == "=":
            return self._keyword(index)
        return self._bare(index)

    def mentioned(self, word: str) -> Found:
        """Return what `word` in a comment or string means: rare names of the top only."""
        if not is_rare(word) or not _is_mixed(word) or word in self._view.own:
            return ()
        return self._seen(word) or self._links.top_named(self._view.file, word)

    def _seen(self, name: str) -> Found:
        if name in self._view.visible:
            return self._view.visible[name]
        return self._links.neighbours(self._view.file, name)

    def _text(self, index: int) -> str:
        return self._code[index].text if 0 <= index < len(self._code) else ""

    def _is_candidate(self, name: str) -> bool:
        return name not in self._view.own and bool(self._links.named(self._view.file, name))

    def _bare(self, index: int) -> Found:
        name, after = self._code[index].text, self._text(index + 1)
        found = self._seen(name) if self._is_candidate(name) else ()
        if not found or after in (":", "=", ":="):
            return ()
        if self._text(index - 1) in ("def", "class", "func", "fn", "function", "struct", "enum"):
            return ()
        if name in self._view.visible:
            return found
        particular = after in ("(", "{") or name[0].isupper() or is_rare(name)
        return found if particular and not self._is_bound(name) else ()

    def _is_bound(self, name: str) -> bool:
        return bool(
            re.search(rf"[\w*&>\]] +\*?{name}\s*[,;=)]|\b{name}\s*:?=[^=]", self._view.file.text)
        )

    def _keyword(self, index: int) -> Found:
        """Return the parameter or field that a keyword argument names."""
        opening, name = self._opening(index), self._code[index].text
        callee = self._text(opening - 1)
        found = self._callee(opening - 1) if opening > 0 and callee not in self._view.own else ()
        for one in found:
            if one.definition.kind is DefinitionKind.CLASS:
                type_ = one.definition.name
                fields = self._links.members(self._view.file, type_, name)
                makers = self._links.members(self._view.file, type_, "__init__")
                return _with_parameter(makers, name) or fields
        return _with_parameter(found, name)

    def _callee(self, place: int) -> Found:
        """Return what is called at token `place`, if that is imported or in a module that is."""
        name = self._text(place)
        if self._text(place - 1) not in _ACCESS:
            return self._seen(name)
        files = self._view.modules.get(self._text(place - 2), frozenset())
        inner = self._text(place - 3) in _ACCESS
        found = self._links.top_named(self._view.file, name) if files and not inner else ()
        return tuple(one for one in found if one.path in files)

    def _opening(self, index: int) -> int:
        """Return the place of the bracket that a call's arguments began with; -1 if none."""
        depth = 0
        for place in range(index - 1, max(-1, index - 400), -1):
            text = self._code[place].text
            if text in (")", "]", "}"):
                depth += 1
            elif text in ("(", "[", "{"):
                depth -= 1
                if depth < 0:
                    return place if text == "(" else -1
        return -1

    def _member(self, index: int) -> Found:
        name, receiver = self._code[index].text, self._code[index - 2]
        if self._root(index) in self._view.externals:
            return ()
        found = self._of_receiver(index, receiver, name)
        return found if found is not None else self._rare(name)

    def _root(self, index: int) -> str:
        """Return the name that the chain of accesses before token `index` begins with."""
        place = index
        while self._text(place - 1) in _ACCESS and place > 1:
            place -= 2
            if self._text(place) in (")", "]"):
                place = self._start_of_group(place) - 1
        return self._text(place)

    def _start_of_group(self, place: int) -> int:
        depth = 0
        for number in range(place, max(-1, place - 400), -1):
            text = self._code[number].text
            depth += (text in (")", "]", "}")) - (text in ("(", "[", "{"))
            if depth == 0:
                return number
        return place

    def _of_receiver(self, index: int, receiver: Token, name: str) -> Found | None:
        """Return what a member of a known receiver means; None if the receiver is unknown."""
        text, inner = receiver.text, self._text(index - 3) in _ACCESS
        if text == ")":
            text = self._text(self._start_of_group(index - 2) - 1)
            return (
                self._inherited(receiver.line, name)
                if text == "super"
                else self._typed(text, name, receiver.line)
            )
        if inner:
            return self._typed(text, name, receiver.line)
        if text in _SELVES:
            return self._inherited(receiver.line, name)
        if text in self._view.modules:
            return self._in_module(self._view.modules[text], name)
        if seen := self._seen(text):
            return self._of_seen(seen, name)
        return self._typed(text, name, receiver.line)

    def _in_module(self, files: frozenset[str], name: str) -> Found:
        found = self._links.top_named(self._view.file, name)
        near = tuple(one for one in found if one.path in files)
        return near or found

    def _of_seen(self, seen: Found, name: str) -> Found | None:
        types = [one.definition.name for one in seen if one.definition.kind in _TYPES]
        if types:
            return self._links.members(self._view.file, types[0], name)
        return self._member_of([w for one in seen for w in _words(one.definition.signature)], name)

    def _inherited(self, line: int, name: str) -> Found:
        for holder in enclosing_types(self._view.outline, line):
            for base in holder.bases:
                found = self._links.members(self._view.file, re.split(r"[.:]+", base)[-1], name)
                if found:
                    return found
        return ()

    def _typed(self, text: str, name: str, line: int) -> Found | None:
        """Return what a member means whose receiver's type is shown above `line`."""
        if text not in self._types:
            self._types[text] = self._bindings(text) if text.isidentifier() else []
        above = [words for number, words in self._types[text] if number <= line]
        nearest = above[-1] if above else None
        if nearest is None:
            words = [word for _, words in self._types[text] for word in words] or [text]
            return self._member_of(self._with_results(words), name)
        return self._member_of(self._with_results(nearest), name)

    def _member_of(self, types: Sequence[str], name: str) -> Found | None:
        """Return the member of the first of `types` that has it; None if none is a known type."""
        known = False
        for type_ in types:
            if found := self._links.members(self._view.file, type_, name):
                return found
            known = known or type_ in self._view.own or self._links.is_type(self._view.file, type_)
        return () if known else None

    def _bindings(self, text: str) -> list[tuple[int, list[str]]]:
        """Return the lines that show the type of `text`, and the words that stand for it."""
        patterns = [re.compile(one.format(name=re.escape(text))) for one in _BINDINGS]
        found = []
        for number, line in enumerate(self._lines):
            if text in line:
                words = [word for pattern in patterns for word in _bound_words(pattern, line)]
                found.append((number, [word for word in words if word not in KNOWN_WORDS]))
        return [(number, words) for number, words in found if words]

    def _with_results(self, words: Sequence[str]) -> list[str]:
        """Return `words`, and what the functions among them return."""
        results = [
            word
            for name in words
            for one in self._seen(name)
            if one.definition.kind is DefinitionKind.FUNCTION
            for word in _words(re.split(r"->|\)\s*:|\)", one.definition.signature)[-1])
        ]
        return [*words, *results]

    def _rare(self, name: str) -> Found:
        found = [
            one
            for one in self._links.named(self._view.file, name)
            if one.definition.container and self._is_near(one.path, one.definition.container)
        ]
        containers = {one.definition.container for one in found}
        particular = is_rare(name) and len(containers) == 1
        # A type without a name may hold it, such as `{ name: string }`.
        own = re.search(rf"\b{re.escape(name)}\??\s*[:=][^=]", self._view.file.text)
        return tuple(found) if particular and not own else ()

    def _is_near(self, path: str, container: str) -> bool:
        stem = path.rpartition("/")[2].partition(".")[0]
        return last_part(container) in self._view.words or stem in self._view.words


def code_of(tokens: Sequence[Token]) -> list[Token]:
    """Return `tokens` without comments and directives."""
    kinds = (TokenKind.COMMENT, TokenKind.DIRECTIVE)
    return [token for token in tokens if token.kind not in kinds]


def _bound_words(pattern: re.Pattern[str], line: str) -> list[str]:
    groups = [group for match in pattern.finditer(line) for group in match.groupdict().values()]
    return [word for group in groups for word in _words(group)]


def _words(text: str | None) -> list[str]:
    return re.findall(r"[^\W\d]\w*", text or "")


def _with_parameter(found: Found, name: str) -> Found:
    near = [one for one in found if name in one.definition.signature]
    pattern = rf"\b{re.escape(name)}\s*[:=,)]"
    return tuple(one for one in near if re.search(pattern, one.definition.signature))


def _is_mixed(word: str) -> bool:
    return re.search(r"[a-z\d][A-Z]|[A-Za-z]_[A-Za-z]", word) is not None
