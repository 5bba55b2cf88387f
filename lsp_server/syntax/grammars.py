"""Loads grammars and the queries over them, each once and only when it is needed."""

import importlib
from functools import cache
from pathlib import Path

import tree_sitter

from lsp_server.syntax.bodyspans import BODY_QUERY
from lsp_server.syntax.languages import LANGUAGES

_QUERIES = Path(__file__).with_name("queries")
_PART = ";;; "
"""Begins the line that names a part of a query file."""
_BASE = ";;; builds on "
_ERRORS = "[(ERROR) (MISSING)] @error"


@cache
def grammar(name: str) -> tree_sitter.Language | None:
    """Return the grammar of the language called `name`; None where its package is missing."""
    language = LANGUAGES[name]
    try:
        module = importlib.import_module(language.module)
    except ImportError:
        return None
    return tree_sitter.Language(getattr(module, language.function)())


@cache
def query(name: str, part: str) -> tree_sitter.Query | None:
    """Return one part of a language's query file, or what finds its ``errors`` or ``bodies``."""
    language = grammar(name)
    fixed = {"errors": _ERRORS, "bodies": BODY_QUERY.get(name, "")}
    text = fixed[part] if part in fixed else _part_of(name, part, name)
    return tree_sitter.Query(language, text) if language and text.strip() else None


def _part_of(name: str, part: str, asking: str) -> str:
    """Return the text of a part, after that of the language it builds on.

    A part titled ``outline javascript`` is for JavaScript only, not for those that build on it.
    """
    text = (_QUERIES / f"{name}.scm").read_text(encoding="utf-8")
    wanted = (part, f"{part} {asking}")
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(_BASE):
            found.append(_part_of(line.removeprefix(_BASE).strip(), part, asking))
        elif line.startswith(_PART):
            inside = line.removeprefix(_PART).strip() in wanted
        elif inside:
            found.append(line)
    return "\n".join(found)
