"""Golden cases of the sources; see `sources.toml`."""

import os
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from lsp_server.context.candidate import Candidate, Question
from lsp_server.context.filenames import FileNames
from lsp_server.context.history import Edit, Past, Visit
from lsp_server.context.overlay import Overlay
from lsp_server.context.sources.table import SOURCES
from lsp_server.text import split_lines
from tests.context.memory import MemoryRepository, place_in

GOLDEN = Path(__file__).with_name("sources.toml")
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


def cases() -> list[dict[str, Any]]:
    return list(tomlkit.parse(GOLDEN.read_text(encoding="utf-8")).unwrap()["case"])


def question(case: dict[str, Any]) -> Question:
    place = place_in(case["path"], case["document"])
    # The file on disk has the whole text, as it has when somebody goes on with a saved file.
    texts = {**case["files"], case["path"]: case["document"].replace("█", "")}
    repository = Overlay(MemoryRepository(texts), {}, case["path"])
    edits = tuple(
        Edit(
            f"file:///{path}", "", path, line, tuple(split_lines(before)), tuple(split_lines(after))
        )
        for path, line, before, after in case.get("edits", ())
    )
    visits = tuple(
        Visit(f"file:///{path}", "", path, line) for path, line in case.get("visits", ())
    )
    files = FileNames(repository.paths())
    return Question(place, repository, files, Past(edits, visits), tuple(case.get("tabs", ())))


def shown(candidates: list[Candidate]) -> str:
    return "".join(
        f"== {item.path}:{item.first_line + 1}-{item.end_line} {item.why}\n{item.text}"
        for item in candidates
    )


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case['source']}: {case['name']}")
def test_sources(case: dict[str, Any]) -> None:
    found = shown(SOURCES[case["source"]](question(case)))
    if UPDATE:
        rewrite(case, found)
    else:
        assert found == case["found"]


def rewrite(case: dict[str, Any], found: str) -> None:
    document: Any = tomlkit.parse(GOLDEN.read_text(encoding="utf-8"))
    for row in document["case"]:
        if (row["name"], row["source"]) == (case["name"], case["source"]) and row["found"] != found:
            row["found"] = tomlkit.string(found, multiline=True, literal=True)
    GOLDEN.write_text(tomlkit.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_a_golden_case(source: str) -> None:
    assert any(case["source"] == source and case["found"] for case in cases())


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case['source']}: {case['name']}")
@pytest.mark.parametrize("source", SOURCES)
def test_no_source_shows_the_file_under_completion(source: str, case: dict[str, Any]) -> None:
    assert case["path"] not in {item.path for item in SOURCES[source](question(case))}
