"""Where lines are after edits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp

from lsp_server.completion.regions import Gap, LineEdit, Region, first_line, place_of
from lsp_server.server.documents import OpenDocument
from lsp_server.types import Document, Position

MARK = "the marked line"

BITS = st.sampled_from(["a", "\n", "\r\n", "\r", "", "ab\n", "\ncd", "x\r\ny"])
EDITS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 12), st.integers(0, 12), st.text(), BITS), max_size=6
)


def open_document(text: str) -> OpenDocument:
    return OpenDocument(lsp.TextDocumentItem("file:///a", "python", 1, text))


@given(st.lists(BITS, max_size=6), st.lists(BITS, max_size=6), EDITS)
def test_a_line_is_found_again_after_edits_above_and_below(
    above: list[str], below: list[str], edits: list[tuple[bool, int, int, str, str]]
) -> None:
    head, tail = "".join(above) + "\n", "\n" + "".join(below)
    document = open_document(head + MARK + tail)
    lines = [line.rstrip("\r\n") for line in document.snapshot().lines]
    region = Region(lines.index(MARK), lines.index(MARK))
    for is_above, one, other, _, text in edits:
        snapshot = document.snapshot()
        line = region.first
        first, last = (0, line) if is_above else (line + 1, len(snapshot.lines) - 1)
        if is_above:
            # Whole lines end before the marked one, so that its own line is not touched.
            begin, end = sorted((one % (last + 1), other % (last + 1)))
            start, stop = lsp.Position(begin, 0), lsp.Position(end, 0)
            text = text.rstrip("\r\n") + "\n" if text else ""
        else:
            if first > last:
                continue
            begin, end = sorted(
                (first + one % (last - first + 1), first + other % (last - first + 1))
            )
            start, stop = lsp.Position(begin, 0), lsp.Position(end, 99)
        change = lsp.TextDocumentContentChangePartial(lsp.Range(start, stop), text)
        document.change(change, "utf-16")
        (edit,) = document.take_edits()
        moved = region.moved(edit)
        assert moved is not None
        region = moved
        assert document.snapshot().line(region.first) == MARK


@given(st.lists(BITS, max_size=8), st.lists(BITS, max_size=8), st.lists(BITS, max_size=8))
def test_whole_texts_are_told_apart_by_their_lines(
    above: list[str], new: list[str], below: list[str]
) -> None:
    head, tail = "".join(above) + "\n", "\n" + "".join(below)
    document = open_document(head + MARK + tail)
    before = [line.rstrip("\r\n") for line in document.snapshot().lines]
    document.change(
        lsp.TextDocumentContentChangeWholeDocument("".join(new) + "\n" + MARK + tail), "utf-16"
    )
    (edit,) = document.take_edits()
    moved = Region(before.index(MARK), before.index(MARK)).moved(edit)
    assert moved is not None
    assert document.snapshot().line(moved.first) == MARK


def test_an_edit_within_stretches_a_region_and_one_over_its_begin_ends_it() -> None:
    region = Region(3, 5)
    assert region.moved(LineEdit(4, 5, 2)) == Region(3, 7)
    assert region.moved(LineEdit(3, 6, -2)) == Region(3, 3)
    assert region.moved(LineEdit(5, 9, -3)) == Region(3, 3)
    assert region.moved(LineEdit(2, 4, -1)) is None
    assert region.moved(LineEdit(3, 3, 1)) == Region(4, 6)
    assert region.moved(LineEdit(6, 6, 1)) == region


@pytest.mark.parametrize(
    ("start", "end", "text", "edit"),
    [
        (Position(2, 3), Position(2, 3), "x", LineEdit(2, 3, 0)),
        (Position(2, 0), Position(2, 0), "x\n", LineEdit(2, 2, 0)),
        (Position(2, 0), Position(4, 0), "", LineEdit(2, 4, 0)),
        (Position(2, 1), Position(4, 0), "", LineEdit(2, 5, 0)),
        (Position(2, 1), Position(4, 0), "x\r\n", LineEdit(2, 4, 0)),
    ],
)
def test_lines_that_an_edit_touches(
    start: Position, end: Position, text: str, edit: LineEdit
) -> None:
    assert LineEdit.of(start, end, text, 0) == edit


@pytest.mark.parametrize(
    ("found", "standing"),
    [
        ("x = ()", 0),
        ("x = (f)", 1),
        ("x = (f(a, b))", 7),
        ("x = (f(a, b), more)", 7),
        ("x = (f())", 2),
        ("x = (f(a))", 3),
        ("x = (f([))", None),
        ("x = (g)", None),
        ("y = (f)", None),
        ("x = (f]", None),
        ("x = ", None),
    ],
)
def test_how_much_stands_in_a_gap(found: str, standing: int | None) -> None:
    assert Gap("x = (", ")").standing("f(a, b)", found) == standing


BODY = "f() {\n  a\n\n  b\n}"


@pytest.mark.parametrize(
    ("inside", "standing"),
    [
        (BODY, BODY),
        ("f() {\n  a\n    \n  b\n}", BODY),
        (BODY + "\n\nmore }", BODY),
        ("f() {}", "f() {"),
        ("f() {\n  \n}", "f() {\n  "),
        ("f() {\n  a\n\n  \n}", "f() {\n  a\n\n  "),
        ("f() {\n  a\n \t\n}", "f() {\n  a\n"),
        ("f() {\n  a\n\n  c\n}", None),
        ("f() {\n  a\nx\n  b\n}", None),
        ("f() {\n  z\n}", None),
        ("f() {\n  \n)", None),
    ],
)
def test_bodies_with_blank_lines_and_brackets_closed_below(
    inside: str, standing: str | None
) -> None:
    found = Gap("x ", ";").standing(BODY, f"x {inside};")
    assert found == (None if standing is None else len(standing))


def test_a_bracket_that_was_there_and_is_pushed_down_by_enter() -> None:
    gap = Gap("f() {", "}")
    assert gap.standing("\n  a\n", "f() {\n  \n}") == 3
    assert gap.standing("\n  a\n", "f() {\n  z\n}") is None


def test_places_and_first_lines() -> None:
    assert place_of(Region(3, 3), "ab", "cd") == Position(3, 4)
    assert place_of(Region(3, 5), "ab", "cd\n\n  e") == Position(5, 3)
    assert [first_line(text) for text in ("ab", "ab\nc", "\n  ab\nc", "")] == [2, 2, 5, 0]


def test_lines_too_long_to_be_looked_at() -> None:
    document = Document("file:///a", "python", 1, ("a\r\n", "b" * 50))
    assert Region(0, 1).text(document, 100) == "a\n" + "b" * 50
    assert Region(0, 1).text(document, 40) is None
    assert Region(7, 8).text(document, 100) is None
