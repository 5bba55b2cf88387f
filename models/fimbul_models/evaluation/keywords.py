"""The reserved words of the languages that items are in, which are no identifiers.

Words that the language itself gives a meaning, by LSP language identifier. A language without a
row has none, so its keywords count as identifiers.
"""

import keyword
from collections.abc import Mapping

_C = (
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while"
)
_CPP = (
    "alignas alignof bool catch class concept consteval constexpr constinit const_cast decltype "
    "delete dynamic_cast explicit export false friend mutable namespace new noexcept nullptr "
    "operator private protected public reinterpret_cast requires static_assert static_cast "
    "template this throw true try typeid typename using virtual wchar_t"
)
_JAVASCRIPT = (
    "async await break case catch class const continue debugger default delete do else export "
    "extends false finally for from function get if import in instanceof let new null of return "
    "set static super switch this throw true try typeof undefined var void while with yield"
)
_TYPESCRIPT = (
    "abstract any as asserts bigint boolean declare enum implements infer interface is keyof "
    "module namespace never number object override private protected public readonly satisfies "
    "string symbol type unique unknown"
)
_GO = (
    "break case chan const continue default defer else fallthrough for func go goto if import "
    "interface map package range return select struct switch type var true false nil iota"
)
_RUST = (
    "as async await break const continue crate dyn else enum extern false fn for if impl in let "
    "loop match mod move mut pub ref return self Self static struct super trait true type unsafe "
    "use where while"
)
_JAVA = (
    "abstract assert boolean break byte case catch char class const continue default do double "
    "else enum extends false final finally float for goto if implements import instanceof int "
    "interface long native new null package private protected public record return sealed short "
    "static strictfp super switch synchronized this throw throws transient true try var void "
    "volatile while yield"
)

_TYPESCRIPT_ALL = frozenset(f"{_JAVASCRIPT} {_TYPESCRIPT}".split())

KEYWORDS: Mapping[str, frozenset[str]] = {
    "python": frozenset(keyword.kwlist),
    "c": frozenset(_C.split()),
    "cpp": frozenset(f"{_C} {_CPP}".split()),
    "javascript": frozenset(_JAVASCRIPT.split()),
    "javascriptreact": frozenset(_JAVASCRIPT.split()),
    "typescript": _TYPESCRIPT_ALL,
    "typescriptreact": _TYPESCRIPT_ALL,
    "go": frozenset(_GO.split()),
    "rust": frozenset(_RUST.split()),
    "java": frozenset(_JAVA.split()),
}
"""Reserved words by LSP language identifier."""
