"""The languages that are parsed, and how a document's language is recognised.

One table; a language is a row of it. Knows nothing about trees: grammars are loaded elsewhere,
from the module and function that a row names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Language:
    """One language."""

    name: str
    """Our name for it; also that of its query file."""
    module: str
    """Module that holds the grammar."""
    identifiers: tuple[str, ...] = ()
    """LSP identifiers it answers to, beside its name."""
    endings: tuple[str, ...] = ()
    """Ends of file names, with the dot, in lower case."""
    files: tuple[str, ...] = ()
    """Whole file names."""
    function: str = "language"
    """Function of the module that gives the grammar."""
    line_comment: str = ""
    """Mark that makes the rest of a line a comment; empty if there is none."""
    block_comment: tuple[str, str] | None = None
    """Marks around a comment that may span lines."""
    quotes: str = "\"'"
    """Characters that open and close a string within one line."""
    long_quotes: tuple[str, ...] = ()
    """Marks that open and close a string over several lines."""
    indented: bool = False
    """Blocks are made by indentation."""
    ascii_scanner: bool = False
    """Its scanner asks C about single bytes but passes code points. From some code point on that
    reads memory which is not there, and ends the process; so it gets to see ASCII only."""


_C_BLOCK = ("/*", "*/")
_TEXT_BLOCK = ('"""',)
_SGML_BLOCK = ("<!--", "-->")

_ROWS = (
    Language(
        "python",
        "tree_sitter_python",
        endings=(".py", ".pyi", ".pyw"),
        files=("SConstruct", "SConscript", "wscript"),
        line_comment="#",
        long_quotes=('"""', "'''"),
        indented=True,
    ),
    Language(
        "javascript",
        "tree_sitter_javascript",
        identifiers=("javascriptreact", "jsx"),
        endings=(".js", ".jsx", ".mjs", ".cjs"),
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=("`",),
    ),
    Language(
        "typescript",
        "tree_sitter_typescript",
        endings=(".ts", ".mts", ".cts"),
        function="language_typescript",
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=("`",),
    ),
    Language(
        "tsx",
        "tree_sitter_typescript",
        identifiers=("typescriptreact",),
        endings=(".tsx",),
        function="language_tsx",
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=("`",),
    ),
    Language(
        "go",
        "tree_sitter_go",
        endings=(".go",),
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=("`",),
    ),
    Language(
        "rust",
        "tree_sitter_rust",
        endings=(".rs",),
        line_comment="//",
        block_comment=_C_BLOCK,
        quotes='"',
    ),
    Language(
        "java",
        "tree_sitter_java",
        endings=(".java",),
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=_TEXT_BLOCK,
    ),
    Language(
        "c",
        "tree_sitter_c",
        endings=(".c", ".h"),
        line_comment="//",
        block_comment=_C_BLOCK,
    ),
    Language(
        "cpp",
        "tree_sitter_cpp",
        identifiers=("c++", "cuda-cpp"),
        endings=(".cpp", ".cc", ".cxx", ".c++", ".hpp", ".hh", ".hxx", ".h++", ".ipp", ".inl"),
        line_comment="//",
        block_comment=_C_BLOCK,
    ),
    Language(
        "csharp",
        "tree_sitter_c_sharp",
        identifiers=("c#", "cs"),
        endings=(".cs", ".csx"),
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=_TEXT_BLOCK,
    ),
    Language(
        "ruby",
        "tree_sitter_ruby",
        endings=(".rb", ".rake", ".gemspec", ".ru"),
        files=("Gemfile", "Rakefile", "Guardfile", "Podfile", "Vagrantfile"),
        line_comment="#",
        block_comment=("=begin", "=end"),
    ),
    Language(
        "php",
        "tree_sitter_php",
        endings=(".php", ".phtml"),
        function="language_php",
        line_comment="//",
        block_comment=_C_BLOCK,
    ),
    Language(
        "lua",
        "tree_sitter_lua",
        endings=(".lua",),
        line_comment="--",
        block_comment=("--[[", "]]"),
    ),
    Language(
        "bash",
        "tree_sitter_bash",
        identifiers=("shellscript", "shell", "sh", "zsh"),
        endings=(".sh", ".bash", ".zsh", ".ksh", ".bats", ".ebuild"),
        files=(".bashrc", ".bash_profile", ".bash_aliases", ".profile", ".zshrc", "PKGBUILD"),
        line_comment="#",
        ascii_scanner=True,  # `isdigit` behind an opening brace, in tree-sitter-bash 0.25.1.
    ),
    Language(
        "kotlin",
        "tree_sitter_kotlin",
        endings=(".kt", ".kts"),
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=_TEXT_BLOCK,
    ),
    Language(
        "scala",
        "tree_sitter_scala",
        endings=(".scala", ".sc", ".sbt"),
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=_TEXT_BLOCK,
    ),
    Language(
        "swift",
        "tree_sitter_swift",
        endings=(".swift",),
        line_comment="//",
        block_comment=_C_BLOCK,
        long_quotes=_TEXT_BLOCK,
        quotes='"',
    ),
    Language(
        "html",
        "tree_sitter_html",
        identifiers=("xhtml", "vue", "svelte"),
        endings=(".html", ".htm", ".xhtml", ".vue", ".svelte"),
        block_comment=_SGML_BLOCK,
        quotes="",
    ),
    Language(
        "css",
        "tree_sitter_css",
        identifiers=("scss", "less"),
        endings=(".css", ".scss", ".less"),
        block_comment=_C_BLOCK,
    ),
    Language(
        "sql",
        "tree_sitter_sql",
        identifiers=("postgres", "mysql", "sqlite", "plsql"),
        endings=(".sql", ".ddl"),
        line_comment="--",
        block_comment=_C_BLOCK,
    ),
    Language(
        "yaml",
        "tree_sitter_yaml",
        identifiers=("yml", "dockercompose"),
        endings=(".yaml", ".yml"),
        files=(".clang-format", ".clang-tidy"),
        line_comment="#",
    ),
    Language(
        "toml",
        "tree_sitter_toml",
        endings=(".toml",),
        files=("Cargo.lock", "Pipfile", "poetry.lock", "uv.lock"),
        line_comment="#",
    ),
    Language(
        "json",
        "tree_sitter_json",
        identifiers=("jsonc", "json5"),
        endings=(".json", ".jsonc", ".json5", ".geojson", ".webmanifest"),
        files=(".babelrc", ".eslintrc", ".prettierrc"),
        line_comment="//",
        block_comment=_C_BLOCK,
        quotes='"',
    ),
    Language(
        "markdown",
        "tree_sitter_markdown",
        identifiers=("md", "rmd", "quarto"),
        endings=(".md", ".markdown", ".mdown", ".rmd", ".qmd"),
        block_comment=_SGML_BLOCK,
        quotes="",
    ),
)

LANGUAGES: Mapping[str, Language] = MappingProxyType({row.name: row for row in _ROWS})
"""Every language by our name for it."""

_BY_IDENTIFIER = MappingProxyType(
    {identifier: row for row in _ROWS for identifier in (row.name, *row.identifiers)}
)
_BY_ENDING = MappingProxyType({ending: row for row in _ROWS for ending in row.endings})
_BY_FILE = MappingProxyType({file: row for row in _ROWS for file in row.files})

_DASHES = ("-- ", "")
_SLASHES = ("// ", "")
_SEMICOLONS = (";; ", "")
_PERCENT = ("% ", "")
_SGML = ("<!-- ", " -->")

_OTHER_COMMENTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("haskell", "ada", "vhdl", "elm", "agda", "applescript"), _DASHES),
        **dict.fromkeys(("clojure", "lisp", "commonlisp", "scheme", "racket"), _SEMICOLONS),
        **dict.fromkeys(("latex", "tex", "bibtex", "erlang", "prolog", "matlab"), _PERCENT),
        **dict.fromkeys(("xml", "xsl", "svg"), _SGML),
        **dict.fromkeys(
            ("dart", "zig", "objective-c", "objective-cpp", "groovy", "proto", "proto3", "fsharp",
             "verilog", "systemverilog", "solidity", "glsl", "hlsl", "wgsl", "v", "d", "pascal"),
            _SLASHES,
        ),
        "asm": ("; ", ""),
        "ini": ("; ", ""),
        "ocaml": ("(* ", " *)"),
        "vim": ('" ', ""),
        "vb": ("' ", ""),
        "bat": ("REM ", ""),
        "fortran": ("! ", ""),
    }
)  # fmt: skip
"""Marks of a one-line comment for languages that are not parsed, by LSP identifier."""


def language_of_path(path: str) -> Language | None:
    """Return the language that a file's name tells."""
    name = PurePosixPath(path.replace("\\", "/"))
    return _BY_FILE.get(name.name) or _BY_ENDING.get(name.suffix.lower())


def language_for(identifier: str, path: str = "") -> Language | None:
    """Return the language of a document: what the editor says, else what its path tells."""
    return _BY_IDENTIFIER.get(identifier.lower()) or language_of_path(path)


def comment_of(identifier: str, path: str = "") -> tuple[str, str]:
    """Return what to write before and after a one-line comment; of unknown languages a guess."""
    other = _OTHER_COMMENTS.get(identifier.lower())
    language = None if other else language_for(identifier, path)
    return comment_marks(language) if language else other or ("# ", "")


def comment_marks(language: Language) -> tuple[str, str]:
    """Return what to write before and after a one-line comment in `language`."""
    if language.line_comment:
        return f"{language.line_comment} ", ""
    if language.block_comment:
        return f"{language.block_comment[0]} ", f" {language.block_comment[1]}"
    return "# ", ""
