"""How names of files, and first lines that name an interpreter, tell the language.

What the server parses stands in its own table; here is the long tail besides. Our names for
languages are the identifiers that LSP has, where it has one. Knows nothing about contents.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from lsp_server.syntax.languages import LANGUAGES, language_of_path

_ENDINGS: Mapping[str, str] = {
    ending: language
    for language, endings in {
        "ada": ".adb .ads",
        "asm": ".asm .s .nasm",
        "autoconf": ".ac .m4",
        "awk": ".awk .gawk",
        "bat": ".bat .cmd",
        "clojure": ".clj .cljs .cljc .edn",
        "cmake": ".cmake",
        "coffeescript": ".coffee",
        "commonlisp": ".lisp .lsp .asd",
        "cpp": ".tpp .ixx .cppm .cu .cuh .ino",
        "crystal": ".cr",
        "csv": ".csv .tsv",
        "cython": ".pyx .pxd .pxi",
        "dart": ".dart",
        "elisp": ".el",
        "elixir": ".ex .exs",
        "elm": ".elm",
        "erlang": ".erl .hrl .escript",
        "fish": ".fish",
        "fortran": ".f90 .f95 .f03 .f08 .for .ftn",
        "fsharp": ".fsi .fsx",
        "gettext": ".po .pot",
        "glsl": ".glsl .vert .frag .geom .comp",
        "gradle": ".gradle",
        "graphql": ".graphql .gql .graphqls",
        "groovy": ".groovy .gvy",
        "handlebars": ".hbs .handlebars .mustache",
        "haskell": ".hs .lhs .hsc .hs-boot",
        "hcl": ".hcl .tf .tfvars",
        "hlsl": ".hlsl .fx",
        "ini": ".ini .cfg .conf .desktop .service .properties",
        "jinja": ".j2 .jinja .jinja2",
        "julia": ".jl",
        "latex": ".tex .sty .ltx",
        "bibtex": ".bib",
        "makefile": ".mk .mak .am",
        "meson": ".wrap",
        "nim": ".nim .nims",
        "nix": ".nix",
        "objective-cpp": ".mm",
        "ocaml": ".ml .mli .mll .mly .eliom",
        "pascal": ".pas .dpr .lpr",
        "perl": ".pm .pod .psgi .plx .ph",
        "php": ".php3 .php4 .php5 .phpt",
        "powershell": ".ps1 .psm1 .psd1",
        "proto": ".proto",
        "python": ".pyde .smk",
        "qml": ".qml",
        "racket": ".rkt",
        "restructuredtext": ".rst .rest",
        "ruby": ".rbw .podspec .builder .jbuilder .erb",
        "scheme": ".scm .ss .sld",
        "smalltalk": ".st",
        "solidity": ".sol",
        "starlark": ".bzl .star",
        "swift": ".swiftinterface",
        "systemverilog": ".sv .svh",
        "tcl": ".tcl .tm .exp",
        "thrift": ".thrift",
        "vala": ".vala .vapi",
        "vb": ".vb .bas .frm",
        "vhdl": ".vhd .vhdl",
        "vim": ".vim",
        "wgsl": ".wgsl",
        "xml": ".xml .xsd .xsl .xslt .xaml .svg .plist .ui .qrc .resx .csproj .vcxproj"
        " .vbproj .fsproj .props .targets .nuspec .wsdl .xib .storyboard .xlf .glade .dtd",
        "yacc": ".y .yy .ypp",
        "lex": ".l .ll .lpp",
        "zig": ".zig .zon",
    }.items()
    for ending in endings.split()
}  # fmt: skip

_NAMES: Mapping[str, str] = {
    name: language
    for language, names in {
        "autoconf": "configure.in aclocal.m4",
        "bash": "configure .bash_logout .envrc gradlew",
        "bazel": "BUILD BUILD.bazel WORKSPACE WORKSPACE.bazel",
        "cmake": "CMakeLists.txt",
        "dockerfile": "Dockerfile Containerfile",
        "gradle": "settings.gradle build.gradle",
        "groovy": "Jenkinsfile",
        "ini": ".editorconfig .gitconfig .gitmodules .npmrc .pylintrc setup.cfg tox.ini",
        "just": "justfile Justfile",
        "makefile": "Makefile makefile GNUmakefile BSDmakefile Kbuild",
        "meson": "meson.build meson_options.txt meson.options",
        "perl": "Makefile.PL Build.PL cpanfile",
        "python": "SConstruct SConscript wscript Snakefile",
        "r": ".Rprofile",
        "ruby": "Rakefile Gemfile Capfile Brewfile Fastfile Dangerfile config.ru",
        "elixir": "mix.lock",
        "elisp": ".emacs",
        "vim": ".vimrc vimrc",
        "toml": "Pipfile",
    }.items()
    for name in names.split()
}

_INTERPRETERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), language)
    for pattern, language in (
        (r"python[\d.]*|pypy\d*|ipython\d*|cpython", "python"),
        (r"(?:ba|da|k|z|mk|a)?sh|bats|ash|openrc-run", "bash"),
        (r"fish", "fish"),
        (r"node(?:js)?|bun|d8|gjs|cjs|phantomjs|rhino", "javascript"),
        (r"deno|ts-node|tsx", "typescript"),
        (r"j?ruby[\d.]*|rake|macruby|rbx", "ruby"),
        (r"perl[\d.]*|cperl", "perl"),
        (r"raku|perl6", "raku"),
        (r"php[\d.]*", "php"),
        (r"lua(?:jit)?[\d.]*|texlua", "lua"),
        (r"tclsh[\d.]*|wish[\d.]*|expect", "tcl"),
        (r"[gmn]?awk", "awk"),
        (r"g?sed", "sed"),
        (r"g?make", "makefile"),
        (r"Rscript|r", "r"),
        (r"escript", "erlang"),
        (r"elixir", "elixir"),
        (r"runhaskell|runghc|stack", "haskell"),
        (r"ocaml(?:run|script)?", "ocaml"),
        (r"julia", "julia"),
        (r"groovy", "groovy"),
        (r"scala(?:-cli)?|amm", "scala"),
        (r"kotlin[c]?", "kotlin"),
        (r"swift", "swift"),
        (r"guile[\d.]*|scheme|csi|chicken|gosh", "scheme"),
        (r"racket", "racket"),
        (r"sbcl|clisp|ecl|ccl", "commonlisp"),
        (r"emacs", "elisp"),
        (r"pwsh|powershell", "powershell"),
        (r"crystal", "crystal"),
        (r"dart", "dart"),
        (r"swipl|gprolog", "prolog"),
        (r"nix-shell", "nix"),
        (r"osascript", "applescript"),
        (r"bb|clojure", "clojure"),
    )
)

_SHEBANG = re.compile(
    r"#![ \t]*(?P<path>\S+)(?:[ \t]+(?P<rest>[^\r\n]*))?",
)
_ENV_WORD = re.compile(r"-S|--split-string=?|-[a-zA-Z]+|[A-Za-z_]\w*=\S*")
"""What `env` takes in front of the interpreter."""

_EXEC = re.compile(r'exec[ \t]+(?:"?\$\{?\w+[^"\s]*"?|(?P<name>[\w./-]+))')
"""How scripts of the shell's form start another interpreter, as those of Tcl do."""


def language_of_name(path: str) -> str:
    """Return the language that the name of the file at `path` tells; empty if it tells none."""
    name = PurePosixPath(path).name
    if named := _NAMES.get(name):
        return named
    if name.startswith(("Makefile.", "makefile.")):
        return "makefile"
    if name.startswith(("Dockerfile.", "Containerfile.")) or name.endswith(".dockerfile"):
        return "dockerfile"
    if row := language_of_path(path):
        return row.name
    return _ENDINGS.get(PurePosixPath(name).suffix.lower(), "")


def language_of_shebang(text: str) -> str:
    """Return the language that a first line such as ``#!/usr/bin/env python3`` tells."""
    match = _SHEBANG.match(text)
    if match is None:
        return ""
    words = [match["path"], *(match["rest"] or "").split()]
    name = PurePosixPath(words[0]).name
    if name == "env":
        after = [word for word in words[1:] if not _ENV_WORD.fullmatch(word)]
        name = PurePosixPath(after[0]).name if after else ""
    if name in {"sh", "bash"}:
        name = _executed(text) or name
    for pattern, language in _INTERPRETERS:
        if pattern.fullmatch(name):
            return language
    return ""


def _executed(text: str) -> str:
    """Return the interpreter that a script of the shell hands itself over to; empty if none."""
    for line in text[:1000].splitlines()[1:6]:
        match = _EXEC.match(line)
        if match and match["name"] and '"$0"' in line:
            return PurePosixPath(match["name"]).name
    return ""


def is_parsed(language: str) -> bool:
    """Tell whether the server has a grammar for `language`."""
    return language in LANGUAGES
