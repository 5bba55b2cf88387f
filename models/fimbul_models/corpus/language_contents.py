# ruff: noqa: E501  # A language a row is read at a glance, and as several lines is not.
"""What the content of a file tells about its language, where its name may mean several.

One row for each ambiguous ending: its languages with what only they have, tried in order, and what
it is if nothing is found. Knows nothing about other files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

HEAD = 50_000
"""Characters of a file that are looked at."""

UNDECIDED = ""
"""What a row ends in if the content does not tell; the repository's other files may."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What shows a language."""

    language: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """What an ending may mean."""

    marks: tuple[Mark, ...]
    otherwise: str


def _row(otherwise: str, **patterns: str) -> Ambiguous:
    marks = (
        Mark(name.replace("_", "-"), re.compile(pattern, re.MULTILINE))
        for name, pattern in patterns.items()
    )
    return Ambiguous(tuple(marks), otherwise)


_XML = r"\A\s*<(?:\?xml|!DOCTYPE|TS\b|tileset\b|mapper\b|!--)"
_OBJECTIVE_C = (
    r"^[ \t]*(?:@(?:interface|implementation|protocol|property|class|end|import|synthesize)\b"
    r"|#[ \t]*import\b|[-+][ \t]*\([\w *<>]+\)[ \t]*\w+)"
)
_CPP = (
    r"^[ \t]*(?:template[ \t]*<|namespace\b|using[ \t]+(?:namespace\b|\w+[ \t]*=)"
    r"|class[ \t]+\w[\w \t:]*[;{:]?|(?:public|private|protected)[ \t]*(?:\w+[ \t]*)?:"
    r"|#[ \t]*include[ \t]*<(?:\w+|[\w/]+\.hpp)>|(?:inline[ \t]+)?constexpr\b|friend\b|virtual\b"
    r"|explicit[ \t]+\w+)"
    r"|\bstd::\w|\boperator[ \t]*(?:[-+*/=<>!]{1,3}|\(\)|\[\])[ \t]*\(|\bnullptr\b|\bnoexcept\b"
    r"|\b(?:static|dynamic|reinterpret|const)_cast<|=[ \t]*(?:default|delete)[ \t]*;"
)
_MATLAB = (
    r"^[ \t]*(?:%|function\b[^;{\n]*$|end(?:function)?[ \t]*;?$|clear\b|clc\b|(?:el)?if\b[^{;\n]*$)"
)
_PROLOG = r"^(?:[ \t]*:-[ \t]*\w|[a-z]\w*(?:\([^()\n]*\))?[ \t]*:-|\w+\([^)\n]*\)\.[ \t]*$)"
_PERL = (
    r"^[ \t]*(?:use[ \t]+(?:strict|warnings|v?[\d.]+|[A-Z]\w*|utf8|lib|parent|base)\b"
    r"|package[ \t]+[\w:]+[ \t]*[;{]|sub[ \t]+\w+|my[ \t]+[$@%(]|our[ \t]+[$@%(]|require[ \t]+[\"'\w]"
    r"|=(?:head\d|pod|cut|over)\b)"
)

AMBIGUOUS: Mapping[str, Ambiguous] = {
    ".h": _row(UNDECIDED, objective_c=_OBJECTIVE_C, cpp=_CPP),
    ".m": _row(
        UNDECIDED,
        objective_c=_OBJECTIVE_C + r"|^[ \t]*#[ \t]*(?:include|define)\b",
        mercury=r"^:-[ \t]*(?:module|interface)\b",
        wolfram=r"^\(\*|^(?:Begin|End)Package\[|:=[ \t]*Module\[",
        matlab=_MATLAB,
    ),
    ".pl": _row(
        "perl",
        prolog=r"\A(?![\s\S]{0,2000}^\s*use\s+\w)[\s\S]*?" + _PROLOG,
        perl=_PERL,
    ),
    ".pm": _row("perl", xml=_XML, xpm=r"\A\s*/\* XPM \*/"),
    ".pro": _row(
        UNDECIDED,
        prolog=_PROLOG,
        qmake=r"^[ \t]*(?:SOURCES|HEADERS|TEMPLATE|QT|CONFIG|TARGET)[ \t]*[+-]?=",
        idl=r"^[ \t]*(?i:pro|function)[ \t]+\w+[ \t]*,?",
    ),
    ".ts": _row("typescript", xml=_XML),
    ".tsx": _row("tsx", xml=_XML),
    ".t": _row(UNDECIDED, perl=_PERL, turing=r"^[ \t]*%", python=r"^(?:import|from)\s+\w+"),
    ".r": _row("r", rebol=r"\A\s*REBOL\b"),
    ".rs": _row("rust", xml=_XML),
    ".v": _row(
        UNDECIDED,
        verilog=r"^[ \t]*(?:module\b[^=]*[;(]|`(?:define|ifdef|ifndef|include|timescale)|endmodule"
        r"|always[ \t]*@|initial[ \t]+begin|assign\b)",
        coq=r"^[ \t]*(?:Require\b|Proof\b|Qed\.|Theorem\b|Lemma\b|Definition\b|Fixpoint\b|Inductive\b)",
        v=r"^[ \t]*(?:pub[ \t]+)?(?:fn|struct|module)\b",
    ),
    ".d": _row(
        UNDECIDED,
        make_dependencies=r"\A[\w./\\$(){}-]+\.(?:o|lo|d|obj)(?:[ \t]+[\w./\\-]+)*[ \t]*:",
        dtrace=r"^[ \t]*(?:\w*:\w*:\w*:\w*|(?:BEGIN|END)[ \t]*$|provider[ \t]+\w+)|#pragma[ \t]+D\b",
        d=r"^[ \t]*(?:module[ \t]+[\w.]+[ \t]*;|import[ \t]+[\w.]+[ \t]*[;:,]|unittest\b)",
    ),
    ".fs": _row(
        "fsharp",
        glsl=r"^[ \t]*(?:#version[ \t]+\d|(?:precision|uniform|varying|attribute)\b)|\bgl_\w+",
        forth=r"^: \S+",
    ),
    ".f": _row(
        "fortran",
        forth=r"^: \S+",
    ),
    ".sc": _row("scala", supercollider=r"^[ \t]*(?:\^|~\w+[ \t]*=|[+]?[A-Z]\w*[ \t]*:[ \t]*[A-Z]\w*[ \t]*\{|\w+\.ar\()"),
    ".cl": _row("commonlisp", opencl=r"\b(?:__)?kernel[ \t]+void\b|\bget_global_id\("),
    ".cls": _row(
        UNDECIDED,
        latex=r"^[ \t]*\\(?:NeedsTeXFormat|ProvidesClass|DeclareOption|newcommand|LoadClass)",
        vb=r"^VERSION [\d.]+ CLASS|^Attribute VB_|^(?:Private|Public) (?:Sub|Function|Property)\b",
        apex=r"^[ \t]*(?:public|global|private)[ \t]+(?:with |without |abstract |virtual )?(?:sharing )?class\b",
        smalltalk=r"^[ \t]*Class \{",
    ),
    ".inc": _row(
        UNDECIDED,
        php=r"<\?(?:php|=)?",
        pascal=r"(?i:^[ \t]*(?:procedure|unit|interface|implementation|\{\$\w))",
        bitbake=r"^(?:SRC_URI|LICENSE|DEPENDS|PN|PV)[ \t]*[?+:.]?=",
        asm=r"^[ \t]*(?:%macro|%define|\.(?:globl|section|macro)|mov[ \t])",
        cpp=_CPP,
        c=r"^[ \t]*(?:#[ \t]*(?:include|define|if(?:n?def)?)\b|/\*)|;[ \t]*$",
    ),
    ".def": _row(UNDECIDED, c=r"^[ \t]*(?:#[ \t]*(?:include|define|if(?:n?def)?|undef)\b|/\*)|\)[ \t]*$"),
    ".as": _row("actionscript", angelscript=r"^[ \t]*(?:#include|void\b|int\b)"),
    ".md": _row("markdown", gcc_machine=r"^\(define_\w+"),
    ".l": _row(UNDECIDED, lex=r"^%[%{]", commonlisp=r"^\((?:def|in-package)"),
    ".y": _row("yacc"),
    ".mod": _row(
        UNDECIDED,
        go_mod=r"^module[ \t]+[\w./\"-]+$",
        modula_2=r"^(?:IMPLEMENTATION |DEFINITION )?MODULE\b",
        xml=_XML,
    ),
    ".res": _row(UNDECIDED, rescript=r"^[ \t]*(?:let|module|open|type)\b", xml=_XML),
    ".cs": _row("csharp", smalltalk=r"\A![\w\s]+methodsFor:"),
    ".ml": _row("ocaml", sml=r"^[ \t]*(?:structure|signature|functor)\b[^;\n]*="),
    ".st": _row(UNDECIDED, smalltalk=r"^!|subclass:|^[A-Z]\w*[ \t]*(?:class )?extend", stringtemplate=r"^\w+\([\w,= ]*\)[ \t]*::="),
    ".ui": _row("xml", qml=r"^import Qt"),
    ".s": _row("asm"),
    ".bas": _row("vb"),
    ".conf": _row("ini", nginx=r"^[ \t]*(?:server|location|upstream|http)\b[^;\n]*\{"),
    ".e": _row(UNDECIDED, eiffel=r"^[ \t]*(?:class|feature|inherit)\b", euphoria=r"^[ \t]*(?:namespace|export|include)\b"),
    ".ex": _row("elixir", euphoria=r"^[ \t]*include[ \t]+\w+\.e\b"),
}  # fmt: skip
"""Endings that mean several languages."""

_EXTERN_C = re.compile(
    r"^[ \t]*#[ \t]*if(?:def[ \t]+|[ \t]+defined[ \t]*\(?[ \t]*)__cplusplus\b[\s\S]*?^[ \t]*#[ \t]*(?:else|endif)",
    re.MULTILINE,
)
"""What a header of C has for the sake of C++."""

_COMMENT = re.compile(r"/\*[\s\S]*?\*/|//[^\n]*")
_C_LIKE = {".h", ".m", ".inc", ".def"}

_MODELINE = re.compile(
    r"-\*-[ \t]*(?:.*\bmode:[ \t]*)?(?P<emacs>[\w+-]+)[ \t]*(?:;.*)?-\*-"
    r"|\b(?:vim?|ex):.*\b(?:ft|filetype|syntax)=(?P<vim>[\w+-]+)",
    re.IGNORECASE,
)
_MODES: Mapping[str, str] = {
    "c++": "cpp", "cpp": "cpp", "c": "c", "objc": "objective-c", "python": "python", "py": "python",
    "perl": "perl", "cperl": "perl", "ruby": "ruby", "sh": "bash", "bash": "bash", "zsh": "bash",
    "shell-script": "bash", "javascript": "javascript", "js": "javascript", "js2": "javascript",
    "typescript": "typescript", "makefile": "makefile", "make": "makefile", "lisp": "commonlisp",
    "emacs-lisp": "elisp", "scheme": "scheme", "tcl": "tcl", "java": "java", "php": "php",
    "lua": "lua", "sql": "sql", "xml": "xml", "nxml": "xml", "html": "html", "go": "go",
    "rust": "rust", "fortran": "fortran", "f90": "fortran", "matlab": "matlab", "octave": "matlab",
    "prolog": "prolog", "yaml": "yaml", "conf": "ini", "cmake": "cmake", "asm": "asm", "vim": "vim",
    "haskell": "haskell", "ocaml": "ocaml", "tuareg": "ocaml", "erlang": "erlang", "ada": "ada",
}  # fmt: skip
"""Names of modes of Emacs and file types of Vim."""


def language_of_content(path: str, text: str) -> str | None:
    """Return what the content says where the ending is ambiguous: `UNDECIDED` if it does not.

    None if the ending is not.
    """
    ending = PurePosixPath(path).suffix.lower()
    row = AMBIGUOUS.get(ending)
    if row is None:
        return None
    seen = text[:HEAD]
    if ending in _C_LIKE:
        seen = _COMMENT.sub("", _EXTERN_C.sub("", seen))
    for mark in row.marks:
        if mark.pattern.search(seen):
            return mark.language
    return row.otherwise


def language_of_modeline(text: str) -> str:
    """Return the language that a line for editors names, at the begin or the end of a file."""
    for part in (text[:500], text[-500:] if len(text) > 500 else ""):
        for match in _MODELINE.finditer(part):
            mode = (match["emacs"] or match["vim"] or "").lower()
            if language := _MODES.get(mode):
                return language
    return ""


def language_of_head(text: str) -> str:
    """Return the language of a file whose name tells nothing, from how it begins."""
    head = text[:200].lstrip("\ufeff \t\r\n")
    if head.startswith("<?php"):
        return "php"
    if head.startswith("<?xml"):
        return "xml"
    if re.match(r"<!doctype html|<html\b", head, re.IGNORECASE):
        return "html"
    return ""
