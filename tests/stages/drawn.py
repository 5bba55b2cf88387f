"""Answers drawn into the document around them: ├ begins what the model said, ┤ ends it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from lsp_server.completion.checks import Check
from lsp_server.completion.outcomes import place_of
from lsp_server.context.window import surface_of
from lsp_server.postprocess.filters import postprocess
from lsp_server.postprocess.place import Ended, Place
from lsp_server.syntax.languages import language_for
from lsp_server.syntax.tree import parse
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position, RejectionReason, Surface


def read_cases(path: Path) -> list[dict[str, Any]]:
    return list(tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()["case"])


def place_in(case: Mapping[str, Any], language: str) -> tuple[str, Place]:
    """Return the answer of a case and its place; with a tree where the language has a grammar."""
    before, _, more = str(case["given"]).partition("├")
    text, _, after = more.partition("┤")
    above = split_lines(before)
    cursor = Position(len(above) - 1, len(above[-1]))
    document = Document("file:///w/x", language, 1, tuple(split_lines(before + after)))
    known = language_for(language)
    tree = parse(known, document.lines) if known else None
    check = Check.of(tree, cursor) if tree else None
    surface = Surface(case["surface"]) if "surface" in case else surface_of(after.split("\n")[0])
    ended = Ended(case.get("ended", "itself"))
    return text, place_of(CompletionRequest(document, cursor), surface, check, ended)


def run(case: Mapping[str, Any], language: str) -> str:
    """Return what the filters make of a case, drawn in again, or the reason for nothing."""
    before, _, more = str(case["given"]).partition("├")
    _, _, after = more.partition("┤")
    text, place = place_in(case, language)
    result = postprocess(text, place)
    if isinstance(result, RejectionReason):
        return result.value
    return f"{before}├{result}┤{after}"


def rewrite(path: Path, name: str, shown: str) -> None:
    document: Any = tomlkit.parse(path.read_text(encoding="utf-8"))
    for case in document["case"]:
        if case["name"] == name and case["shown"] != shown:
            case["shown"] = shown
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
