"""Documents against a plain string, in all three encodings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types as lsp

from lsp_server.server.documents import Documents, locate
from lsp_server.server.positions import column_from_units, units_from_column
from lsp_server.text import split_lines, strip_ending

URI = "file:///w/a.py"
ENCODINGS = ("utf-8", "utf-16", "utf-32")

# Line endings of every kind, separators that are none, and characters of one to four bytes.
CHARACTERS = st.sampled_from("ab \t\r\n\x0b\x0c\x1c\x85\u2028é語😀𝔘")
TEXT = st.text(alphabet=CHARACTERS, max_size=30)
EDITS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 40), TEXT), min_size=1, max_size=8)


def units(text: str, encoding: str) -> int:
    """Length of `text` in code units, counted by encoding it: the oracle's own way."""
    codec = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    return len(text.encode(codec)) // width


def lsp_position(text: str, offset: int, encoding: str) -> lsp.Position:
    """The position of `offset` as a client computes it from its own copy."""
    lines = split_lines(text)
    for number, line in enumerate(lines):
        if offset <= len(strip_ending(line)):
            return lsp.Position(number, units(line[:offset], encoding))
        if offset < len(line):
            # Inside of \r\n no position exists; a client puts it before the ending.
            return lsp.Position(number, units(strip_ending(line), encoding))
        offset -= len(line)
    raise AssertionError


def reachable(text: str, offset: int) -> int:
    """`offset`, moved to where a client can place a cursor."""
    offset = min(offset, len(text))
    return offset - 1 if text[offset - 1 : offset + 1] == "\r\n" and offset else offset


@settings(max_examples=2000, deadline=None)
@given(TEXT, EDITS, st.sampled_from(ENCODINGS))
def test_documents_equal_a_plain_string(
    text: str, edits: list[tuple[int, int, str]], encoding: str
) -> None:
    documents = Documents()
    documents.encoding = encoding
    documents.open(lsp.TextDocumentItem(URI, "python", 1, text))
    for version, (at, length, inserted) in enumerate(edits, start=2):
        start = reachable(text, at % (len(text) + 1))
        end = max(start, reachable(text, start + length))
        change = lsp.TextDocumentContentChangePartial(
            range=lsp.Range(lsp_position(text, start, encoding), lsp_position(text, end, encoding)),
            text=inserted,
        )
        text = text[:start] + inserted + text[end:]
        assert documents.change(lsp.VersionedTextDocumentIdentifier(version, URI), [change])
        opened = documents.get(URI)
        assert opened is not None
        snapshot = opened.snapshot()
        assert "".join(snapshot.lines) == text
        assert list(snapshot.lines) == split_lines(text)
        assert snapshot.version == version


@given(TEXT.map(lambda text: text.replace("\r", "").replace("\n", "")), st.integers(0, 40))
def test_columns_survive_the_round_trip(line: str, column: int) -> None:
    column = min(column, len(line))
    for encoding in ENCODINGS:
        there = units_from_column(line, column, encoding)
        assert there == units(line[:column], encoding)
        assert column_from_units(line, there, encoding) == column
        assert column_from_units(line, 10_000, encoding) == len(line)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (lsp.Position(0, 99), "ab|\ncd"),
        (lsp.Position(9, 0), "ab\ncd|"),
        (lsp.Position(1, 0), "ab\n|cd"),
    ],
)
def test_changes_beyond_the_end_land_at_the_end(position: lsp.Position, expected: str) -> None:
    documents = Documents()
    documents.open(lsp.TextDocumentItem(URI, "python", 1, "ab\ncd"))
    change = lsp.TextDocumentContentChangePartial(lsp.Range(position, position), "|")
    documents.change(lsp.VersionedTextDocumentIdentifier(2, URI), [change])
    opened = documents.get(URI)
    assert opened is not None
    assert "".join(opened.snapshot().lines) == expected


def test_halves_of_a_surrogate_pair_become_one_character() -> None:
    documents = Documents()
    documents.open(lsp.TextDocumentItem(URI, "python", 1, "x\ud83d"))
    end = lsp.Position(0, 2)
    change = lsp.TextDocumentContentChangePartial(lsp.Range(end, end), "\ude00y")
    documents.change(lsp.VersionedTextDocumentIdentifier(2, URI), [change])
    opened = documents.get(URI)
    assert opened is not None
    assert opened.snapshot().lines == ("x😀y",)


def test_snapshots_do_not_change() -> None:
    documents = Documents()
    documents.open(lsp.TextDocumentItem(URI, "python", 1, "a\nb"))
    opened = documents.get(URI)
    assert opened is not None
    before = opened.snapshot()
    whole = lsp.TextDocumentContentChangeWholeDocument("c")
    documents.change(lsp.VersionedTextDocumentIdentifier(2, URI), [whole])
    assert before.lines == ("a\n", "b")
    assert opened.snapshot().lines == ("c",)


def test_changes_to_an_unknown_document_are_refused() -> None:
    identifier = lsp.VersionedTextDocumentIdentifier(2, URI)
    assert not Documents().change(identifier, [])


@pytest.mark.parametrize(
    ("uri", "folder", "path"),
    [
        ("file:///w/src/a.py", "/w", "src/a.py"),
        ("file:///w/sp%20ace.py", "/w", "sp ace.py"),
        ("file:///w/inner/src/a.py", "/w/inner", "src/a.py"),
        ("file:///wide/b.py", "", "b.py"),
        ("file:///other/b.py", "", "b.py"),
        ("untitled:Untitled-1", "", ""),
    ],
)
def test_documents_are_placed_in_the_innermost_folder(uri: str, folder: str, path: str) -> None:
    assert locate(uri, ["file:///w", "file:///w/inner/"]) == (folder, path)
