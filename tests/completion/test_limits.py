"""Limits of trees: what is beyond them has none, which is said once, and costs no key anything."""

from dataclasses import replace
from typing import Any

import pytest

from lsp_server.completion import trees as module
from lsp_server.completion.reached import Reached
from lsp_server.completion.trees import KEPT, Trees
from lsp_server.config.options import LimitOptions
from lsp_server.text import split_lines
from lsp_server.types import Document


def document(text: str, name: str = "a.py", language: str = "python") -> Document:
    return Document(f"file:///w/{name}", language, 1, tuple(split_lines(text)), name, "/w")


def trees(**limits: int) -> tuple[Trees, list[str]]:
    found, said = Trees(), list[str]()
    found.take(replace(LimitOptions(), **limits))
    found.reached.listen = said.append
    return found, said


async def test_a_long_text_has_no_tree_and_that_is_said_once() -> None:
    found, said = trees(parse_size=1)
    for name in ("long.py", "longer.py"):
        assert await found.tree(document("x = 1\n" * 200, name)) is None
    (message,) = said
    assert message.startswith("long.py is not parsed: it is longer than 1 thousand characters")
    assert "limits.parse_size" in message
    assert found.reached.counts == {"limits.parse_size": 2}
    assert await found.tree(document("x = 1\n")) is not None


async def test_deep_text_is_said_too() -> None:
    found, said = trees()
    assert await found.tree(document("x = " + "[" * 600)) is None
    assert found.reached.counts.total() == len(said) == 1


async def test_a_slow_text_is_given_up_and_not_tried_at_every_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[int] = []

    def parse(*arguments: Any) -> None:
        tried.append(len(arguments[1]))

    monkeypatch.setattr(module, "parse", parse)
    found, said = trees()
    lines = "x = 1\n" * 100
    assert await found.tree(document(lines)) is None
    assert await found.tree(document(lines + "y")) is None
    assert len(tried) == 1
    (message,) = said
    assert "limits.parse_time" in message
    assert "2000 ms" in message
    # Another text, or the same one grown by a tenth, may be easier.
    assert await found.tree(document(lines, "b.py")) is None
    assert await found.tree(document(lines + "y = 2\n" * 20)) is None
    assert len(tried) == 3
    found.forget(document(lines).uri)
    assert await found.tree(document(lines)) is None
    assert len(tried) == 4
    assert len(said) == 1


async def test_processor_time_ends_a_parse() -> None:
    found, said = trees(parse_time=1)
    text = "".join(f"value_{number} = compute(value, [1, 2])\n" for number in range(20_000))
    assert await found.tree(document(text)) is None
    assert "limits.parse_time" in said[0]


async def test_other_limits_hold_at_once() -> None:
    found, _ = trees(parse_size=1)
    long = document("x = 1\n" * 200)
    assert await found.tree(long) is None
    found.take(LimitOptions())
    assert await found.tree(long) is not None


async def test_trees_are_limited_in_number_and_size() -> None:
    found, said = trees(trees_size=1)
    for number in range(KEPT + 10):
        await found.tree(document("x = 1\n", f"{number}.py"))
    assert found.size == KEPT * len("x = 1\n")
    large = "x = 1\n" * 100_000
    for name in ("a.py", "b.py"):
        assert await found.tree(document(large, name)) is not None
        # The one in use stays, whatever its size.
        assert len(large) <= found.size <= 1_000_000
    assert said == []


async def test_outlines_outlast_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = trees()
    documents = [document(f"def f_{number}(): ...\n", f"{number}.py") for number in range(KEPT * 2)]
    for one in documents:
        await found.outline(one)
    monkeypatch.setattr(module, "parse", lambda *_: pytest.fail("it was parsed anew"))
    for number, one in enumerate(documents):
        (definition,) = (await found.outline(one)).definitions
        assert definition.name == f"f_{number}"
    changed = document("def g(): ...\n", "63.py")
    (definition,) = (await found.outline(changed)).definitions
    assert definition.name == "g"


def test_each_limit_is_told_once() -> None:
    reached, said = Reached(), list[str]()
    reached.listen = said.append
    for _ in range(3):
        reached.note("limits.a", "A.")
        reached.note("limits.b", "B.")
    assert said == ["A.", "B."]
    assert reached.counts == {"limits.a": 3, "limits.b": 3}
