"""Outlines of one small source per language, as text below the source.

``UPDATE_GOLDEN=1`` rewrites what is expected.
"""

import os
from pathlib import Path

import pytest

from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.outline import Definition, Import, Outline
from lsp_server.syntax.tree import outline_of
from lsp_server.text import split_lines

FOLDER = Path(__file__).with_name("outlines")
MARK = "=== outline\n"


def definition_line(one: Definition) -> str:
    lines = f"{one.first_line}-{one.body_line}-{one.end_line}"
    name = f"{one.container} > {one.name}" if one.container else one.name
    bases = f" ({', '.join(one.bases)})" if one.bases else ""
    doc = f"\n    {one.doc}" if one.doc else ""
    return f"{one.kind.value} {name}{bases} {lines}\n    `{one.signature}`{doc}\n"


def import_line(one: Import) -> str:
    names = ", ".join(
        name.name if name.name == name.alias else f"{name.name} as {name.alias}"
        for name in one.names
    )
    alias = f" as {one.alias}" if one.alias else ""
    shown = f": {names}" if names else ""
    return f"import {one.module}{alias}{shown} {one.first_line}-{one.end_line}\n"


def shown(outline: Outline) -> str:
    return "".join([*map(definition_line, outline.definitions), *map(import_line, outline.imports)])


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_outline(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    source, _, expected = path.read_text(encoding="utf-8").partition(MARK)
    found = shown(outline_of(LANGUAGES[name], split_lines(source)))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(source + MARK + found, encoding="utf-8")
    else:
        assert found == expected
