"""A window placed without a past: within budget, the same for the same text, never raising."""

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.config.options import ContextOptions
from lsp_server.context.window import (
    MAX_LINE,
    MIDDLE_LINES,
    build_context,
    context_of,
    lines_to_count,
    place_window,
    surface_of,
)
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Context, Document, Position, Surface


def count(text: str) -> int:
    return len(re.findall(r"\w+|\W", text))


def request(text: str) -> CompletionRequest:
    before, _, after = text.partition("█")
    lines = split_lines(before)
    document = Document("file:///a.py", "python", 1, tuple(split_lines(before + after)), "a.py")
    return CompletionRequest(document, Position(len(lines) - 1, len(lines[-1])))


def context(text: str, prefix: int = 100, suffix: int = 50) -> Context:
    return build_context(request(text), ContextOptions(prefix, suffix), count)


@pytest.mark.parametrize(
    ("text", "prefix", "suffix", "rest", "surface"),
    [
        ("a\nb█\nc\nd\n", "a\nb", "c\nd\n", "", Surface.LINE),
        ("a\nf(█)\nc\n", "a\nf(", "c\n", ")", Surface.LINE),
        ("a\nf(█, x=1)\nc\n", "a\nf(", ", x=1)\nc\n", ", x=1)", Surface.MIDDLE),
        ("a\r\nf(█y)\r\nc", "a\r\nf(", "y)\r\nc", "y)", Surface.MIDDLE),
        ("█", "", "", "", Surface.LINE),
        ("a\n█", "a\n", "", "", Surface.LINE),
    ],
)
def test_what_is_seen(text: str, prefix: str, suffix: str, rest: str, surface: Surface) -> None:
    found = context(text)
    assert (found.prefix, found.suffix) == (prefix, suffix)
    assert (found.rest_of_line, found.surface) == (rest, surface)


def test_budgets_end_the_window_at_lines() -> None:
    text = "".join(f"x{number} = {number}\n" for number in range(100))
    found = context(text + "y = █\n" + text, prefix=60, suffix=21)
    assert count(found.prefix) <= 60
    assert count(found.suffix) <= 21
    assert found.prefix.startswith("x")
    assert found.suffix == "x0 = 0\nx1 = 1\nx2 = 2\n"


def test_the_begin_is_on_a_grid_that_neighbouring_places_share() -> None:
    text = "".join(f"x{number:03} = {number:03}\n" for number in range(200))
    begins = []
    for extra in range(64):
        asked = request(text + "more = 1\n" * extra + "y = █\n")
        window = place_window(asked, ContextOptions(400), count)
        assert count(context_of(window).prefix) <= 400
        begins.append(window.first)
    assert begins == sorted(begins)
    assert len(set(begins)) <= 5


@pytest.mark.parametrize("lines", [0, 1, 9, 10, 40])
def test_the_middle_begins_ten_lines_up(lines: int) -> None:
    found = context("".join(f"line {number}\n" for number in range(lines)) + "x█", 1000)
    assert found.recent.count("\n") == min(lines, MIDDLE_LINES - 1)
    assert found.older.count("\n") == max(0, lines - MIDDLE_LINES + 1)


def test_typing_only_appends_even_without_a_past() -> None:
    text = "".join(f"x{number:03} = {number:03}\n" for number in range(200))
    line = "result = compute(value)"
    prefixes = [context(f"{text}{line[:end]}█\nend\n").prefix for end in range(len(line) + 1)]
    assert all(b.startswith(a) for a, b in itertools.pairwise(prefixes))


def test_a_long_line_ends_the_window() -> None:
    data = "x" * (MAX_LINE + 1)
    found = context(f"a\n{data}\nb\nc█\nd\n{data}\ne\n")
    assert (found.prefix, found.suffix) == ("b\nc", "d\n")


def test_a_huge_current_line_is_cut_in_jumps() -> None:
    lengths = {
        len("x" * 5000 + "y" * more) - len(context("x" * 5000 + "y" * more + "█").prefix)
        for more in range(0, 500, 50)
    }
    assert len(lengths) <= 2
    assert min(lengths) >= 3000


@pytest.mark.parametrize(
    ("rest", "surface"),
    [
        ("", Surface.LINE),
        (")", Surface.LINE),
        ('"]});  ', Surface.LINE),
        (" + x", Surface.MIDDLE),
        ("_", Surface.MIDDLE),
    ],
)
def test_surfaces(rest: str, surface: Surface) -> None:
    assert surface_of(rest) is surface


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("ab (){}\n\r\t\x0c😀"), max_size=300),
    st.integers(0, 300),
    st.integers(16, 80),
    st.integers(0, 40),
    st.integers(0, 20),
)
def test_any_text_any_place(text: str, at: int, prefix: int, suffix: int, skeleton: int) -> None:
    at = min(at, len(text))
    if text[at - 1 : at + 1] == "\r\n":
        at -= 1
    asked = request(f"{text[:at]}█{text[at:]}")
    options = ContextOptions(prefix, suffix)
    known = {line: count(line) for line in lines_to_count(asked, options)}
    first = build_context(asked, options, known.__getitem__)
    assert build_context(asked, options, known.__getitem__) == first
    typed = split_lines(first.prefix)[-1]
    assert count(first.prefix) <= max(prefix, count(typed))
    below = first.suffix if first.surface is Surface.LINE else ""
    assert count(below) <= suffix
    document = "".join(asked.document.lines)
    assert first.prefix in document
    assert below in document
    window = place_window(asked, options, known.__getitem__, skeleton_tokens=skeleton)
    free = prefix - count("".join(asked.document.lines[window.first : asked.position.line]) + typed)
    assert not window.wants_skeleton or free >= skeleton > 0


def test_a_snapshot_is_enough() -> None:
    asked = request("a\nb█\n")
    moved = replace(asked, position=Position(0, 1))
    assert build_context(moved, ContextOptions(), count).prefix == "a"
