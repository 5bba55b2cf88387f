"""Real answers of the default model, and what the filters make of them; see `golden/`.

Each file holds one language. A case draws the answer into the document around it: ├ begins it, ┤
ends it. `shown` is the text drawn in again, or the reason for none. UPDATE_GOLDEN=1 rewrites it.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from lsp_server.completion.checks import Check
from lsp_server.completion.outcomes import place_of
from lsp_server.context.window import surface_of
from lsp_server.postprocess.filters import postprocess
from lsp_server.postprocess.place import Ended
from lsp_server.syntax.languages import language_for
from lsp_server.syntax.tree import parse
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position, RejectionReason, Surface

GOLDEN = Path(__file__).with_name("golden")
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


def cases() -> list[tuple[Path, dict[str, Any]]]:
    return [
        (path, case)
        for path in sorted(GOLDEN.glob("*.toml"))
        for case in tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()["case"]
    ]


CASES = cases()


def run(language: str, case: dict[str, Any]) -> str:
    before, _, more = str(case["given"]).partition("├")
    text, _, after = more.partition("┤")
    above = split_lines(before)
    cursor = Position(len(above) - 1, len(above[-1]))
    document = Document("file:///w/x", language, 1, tuple(split_lines(before + after)))
    asked = CompletionRequest(document, cursor)
    known = language_for(language)
    tree = parse(known, document.lines) if known else None
    assert tree is not None
    check = Check.of(tree, cursor)
    named = case.get("surface")
    surface = Surface(named) if named else surface_of(after.split("\n")[0])
    place = place_of(asked, surface, check, Ended(case.get("ended", "itself")))
    result = postprocess(text, place)
    if isinstance(result, RejectionReason):
        return result.value
    return f"{before}├{result}┤{after}"


@pytest.mark.parametrize(
    ("path", "case"), CASES, ids=[f"{path.stem}: {case['name']}" for path, case in CASES]
)
def test_golden(path: Path, case: dict[str, Any]) -> None:
    if UPDATE:
        rewrite(path, case["name"], run(path.stem, case))
    else:
        assert run(path.stem, case) == case["shown"]


def rewrite(path: Path, name: str, shown: str) -> None:
    document: Any = tomlkit.parse(path.read_text(encoding="utf-8"))
    for case in document["case"]:
        if case["name"] == name and case["shown"] != shown:
            case["shown"] = shown
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def is_bad(case: dict[str, Any]) -> bool:
    return bool(case["given"] != case["shown"])


def test_there_are_bad_and_good_answers_in_many_languages() -> None:
    bad = Counter(path.stem for path, case in CASES if is_bad(case))
    good = Counter(path.stem for path, case in CASES if not is_bad(case))
    assert bad.total() >= 60
    assert good.total() >= 60
    assert len(bad) >= 6
    assert len(good) >= 6


def test_every_case_says_where_it_comes_from() -> None:
    assert all(case["from"] for _, case in CASES)
    assert len({(path, case["name"]) for path, case in CASES}) == len(CASES)
