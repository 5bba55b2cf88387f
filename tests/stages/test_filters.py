"""Golden cases of the filters; see `filters.toml`."""

import os
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from lsp_server.context.window import surface_of
from lsp_server.postprocess.filters import FILTERS, postprocess
from lsp_server.postprocess.place import Place
from lsp_server.types import RejectionReason, Surface

GOLDEN = Path(__file__).with_name("filters.toml")
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


def cases() -> list[dict[str, Any]]:
    return list(tomlkit.parse(GOLDEN.read_text(encoding="utf-8")).unwrap()["case"])


def run(given: str) -> str:
    before, _, more = given.partition("├")
    text, _, after = more.partition("┤")
    rest, *below = after.split("\n")
    typed = before.rpartition("\n")[2]
    result = postprocess(text, Place(typed, rest, tuple(below), surface_of(rest)))
    if isinstance(result, RejectionReason):
        return result.value
    return f"{before}├{result}┤{after}"


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["name"]))
def test_filters(case: dict[str, Any]) -> None:
    if UPDATE:
        rewrite(case["name"], run(case["given"]))
    else:
        assert run(case["given"]) == case["shown"]


def rewrite(name: str, shown: str) -> None:
    document: Any = tomlkit.parse(GOLDEN.read_text(encoding="utf-8"))
    for case in document["case"]:
        if case["name"] == name and case["shown"] != shown:
            case["shown"] = shown
    GOLDEN.write_text(tomlkit.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("apply", FILTERS, ids=lambda apply: apply.__name__)
@pytest.mark.parametrize("text", ["", " ", "\n", ")", "😀", "a\nb\r\n", "\0"])
def test_no_filter_signals_by_an_empty_string_that_had_text(apply: Any, text: str) -> None:
    place = Place("f(", ")", ("a", "b"), Surface.LINE)
    result = apply(text, place)
    if isinstance(result, str) and text.strip() and not result.strip():
        # Only cutting may leave nothing, and the last filter then names the reason.
        assert isinstance(postprocess(text, place), RejectionReason)
