"""Trees that follow a text: the same as if it had been parsed anew, and never surprised."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsp_server.syntax.languages import LANGUAGES, Language
from lsp_server.syntax.outline import Outline
from lsp_server.syntax.tree import MAX_SIZE, SyntaxTree, outline_of, parse
from lsp_server.text import split_lines
from lsp_server.types import Position

FOLDER = Path(__file__).with_name("outlines")
ALL = sorted(LANGUAGES)
PIECES = [
    "", " ", "    ", "\n", "\r\n", "\r", "\f", "\x0b", "\x00", "\u2028", "é", "𝒳", "\ud800",
    "(", ")", "{", "}", "[", "]", '"', "'", "`", '"""', "#", "//", "/*", "*/", "--", "<!--", "-->",
    "```python\n", "$", "\\", ":", ";", "=", ",", ".", "x", "def f():\n    ", "class A", "\ufeff",
    "@", "<", ">", "return x\n", "\t", "0", "${", "#{", "<<EOF\n", "\nEOF\n", "<script>", "fn ",
]  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=25).map("".join)
places = st.floats(min_value=0, max_value=1)
edits = st.lists(st.tuples(places, st.integers(min_value=0, max_value=12), texts), max_size=6)
patient = settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def source_of(language: str) -> str:
    return (FOLDER / f"{language}.txt").read_text(encoding="utf-8").partition("=== outline")[0]


def parsed(language: Language, lines: list[str]) -> SyntaxTree:
    tree = parse(language, lines)
    assert tree
    return tree


def edited(text: str, place: float, removed: int, inserted: str) -> str:
    start = int(place * len(text))
    return text[:start] + inserted + text[start + removed :]


@pytest.mark.parametrize("name", ALL)
@patient
@given(edits=edits, ending=st.sampled_from(["\n", "\r\n", "\r"]))
def test_updated_is_parsed(name: str, edits: list[tuple[float, int, str]], ending: str) -> None:
    language = LANGUAGES[name]
    text = source_of(name).replace("\n", ending)
    tree = parsed(language, split_lines(text))
    for edit in edits:
        text = edited(text, *edit)
        lines = split_lines(text)
        before = tree.expression
        later = tree.updated(lines)
        fresh = parsed(language, lines)
        assert later
        assert tree.expression == before
        assert later.expression == fresh.expression
        assert later.outline() == fresh.outline()
        tree = later


@pytest.mark.parametrize("name", ALL)
@patient
@given(text=texts, place=places)
def test_random_text_never_raises(name: str, text: str, place: float) -> None:
    lines = split_lines(text)
    tree = parsed(LANGUAGES[name], lines)
    outline = tree.outline()
    assert outline == outline_of(LANGUAGES[name], lines)
    line = min(int(place * len(lines)), len(lines) - 1)
    for column in range(len(lines[line]) + 1):
        position = Position(line, column)
        tree.place_at(position)
        tree.language_at(position)
        tree.enclosing(position)
    for one in outline.definitions:
        assert one.name
        assert 0 <= one.first_line <= one.body_line <= one.end_line <= len(lines)
        assert "\n" not in one.signature
        assert len(one.signature) <= 300
        assert len(one.doc) <= 160


def test_rows_are_lines() -> None:
    lines = split_lines("a = 1\r\nb = 2\rc = 3\nd = '\u2028'\x0c\ne = 5")
    outline = outline_of(LANGUAGES["python"], lines)
    assert [(one.name, one.first_line) for one in outline.definitions] == [
        ("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4),
    ]  # fmt: skip


def test_long_text_has_no_tree() -> None:
    lines = ["x = 1\n"] * (MAX_SIZE // 6 + 2)
    assert parse(LANGUAGES["python"], lines) is None
    assert outline_of(LANGUAGES["python"], lines) == Outline()
    assert parsed(LANGUAGES["python"], ["x"]).updated(lines) is None


def test_long_line() -> None:
    line = "x = [" + "'é', " * 5000 + "]\n"
    tree = parsed(LANGUAGES["python"], [line, "y = 1"])
    assert [one.name for one in tree.outline().definitions] == ["x", "y"]
    assert not tree.has_error


def test_parsing_in_threads() -> None:
    texts = {name: split_lines(source_of(name) * 5) for name in ALL}
    expected = {name: outline_of(LANGUAGES[name], texts[name]) for name in ALL}
    found: dict[tuple[int, str], Outline] = {}

    def work(number: int) -> None:
        for name in ALL:
            found[number, name] = outline_of(LANGUAGES[name], texts[name])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 * len(ALL)
    assert all(outline == expected[name] for (_, name), outline in found.items())


def test_absurd_text_has_no_tree() -> None:
    assert parse(LANGUAGES["python"], ["x = " + "([{" * 10_000]) is None
    assert parsed(LANGUAGES["python"], ["x"]).updated(["(" * 600]) is None
    assert parse(LANGUAGES["json"], ["[" * 100 + "]" * 100])


def test_generated_text_has_an_end() -> None:
    keys = "".join(f'"k{number}": 1,\n' for number in range(30_000))
    outline = outline_of(LANGUAGES["json"], split_lines("{" + keys + '"last": 1}'))
    assert [one.name for one in outline.definitions] == [f"k{number}" for number in range(5000)]
