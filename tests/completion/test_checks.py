"""What the filters learn from a document's tree."""

import pytest

from lsp_server.completion.checks import Check, Checks
from lsp_server.completion.outcomes import indent_of, part_of, place_of
from lsp_server.completion.trees import Trees
from lsp_server.postprocess.place import Ended
from lsp_server.syntax.places import PlaceKind
from lsp_server.text import split_lines
from lsp_server.types import (
    CompletionRequest,
    Document,
    Generation,
    Position,
    StopReason,
    Surface,
)


def asked(language: str, marked: str) -> CompletionRequest:
    before, _, after = marked.partition("█")
    above = split_lines(before)
    document = Document("file:///w/x", language, 1, tuple(split_lines(before + after)))
    return CompletionRequest(document, Position(len(above) - 1, len(above[-1])))


async def check(language: str, marked: str) -> Check:
    found = await Checks(Trees()).check(asked(language, marked))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("language", "marked", "text"),
    [
        ("python", "def f(a):\n    █\n", "for b in a:"),
        ("python", "█\n", "try:"),
        ("python", "x = █\n", "f(a,"),
        ("python", "x = █\n", "f("),
        ("javascript", "█\n", "try {"),
        ("javascript", "█\n", "app.get('/', (request, response) => {"),
        ("javascript", "const a = {\n  █\n};\n", "b: [1, 2,"),
        ("java", "class A {\n    █\n}\n", "public int f(int a) {"),
        ("go", "package p\n\nfunc f() {\n\t█\n}\n", "for _, a := range b {"),
        ("rust", "fn f() {\n    █\n}\n", "match a {"),
        ("bash", "█\n", "if [ -f a ]; then"),
        ("bash", "█\n", "while read -r a; do"),
        ("ruby", "class A\n  █\nend\n", "def f(a)"),
        ("ruby", "█\n", "a.each do |b|"),
        ("lua", "█\n", "local function f(a)"),
        ("c", "█\n", "struct a {"),
        ("csharp", "class A {\n    █\n}\n", "public int F() {"),
        ("php", "<?php\n█\n", "foreach ($a as $b) {"),
    ],
)
async def test_what_is_unfinished_by_nature_is_no_error(
    language: str, marked: str, text: str
) -> None:
    assert (await check(language, marked)).errors(text) == 0


@pytest.mark.parametrize(
    ("language", "marked", "text"),
    [
        ("python", "x = █\n", "= 2"),
        ("python", "x = 1\n█\n", ")"),
        ("python", "x = f(a█)\n", "))"),
        ("javascript", "if (a) {\n  b();\n  █\n}\n", "}"),
        ("go", "package p\n\nfunc f() {\n\t█\n}\n", "for for"),
        ("java", "class A {\n    █\n}\n", "public public int;;("),
        ("html", "<p>\n█\n</p>\n", "</div"),
        ("c", "int f(void)\n{\n    █\n}\n", "return 1;}"),
    ],
)
async def test_what_is_wrong_is_an_error(language: str, marked: str, text: str) -> None:
    assert (await check(language, marked)).errors(text) > 0


async def test_errors_that_were_there_do_not_count() -> None:
    assert (await check("python", "x = = 1\ny = █\n")).errors("2") == 0


async def test_a_text_that_mends_the_document_adds_no_errors() -> None:
    broken = await check("javascript", "f(█\n")
    assert broken.errors("1);") == 0
    assert broken.errors("1") == 0
    assert broken.errors("1;") > 0


async def test_a_language_without_a_grammar_is_not_checked() -> None:
    request = asked("fortran", "x = █\n")
    assert await Checks(Trees()).check(request) is None
    place = place_of(request, Surface.LINE)
    assert place.errors("= = =") == 0
    assert place.language.line_comment == "!"


async def test_the_filters_know_what_the_cursor_is_in() -> None:
    request = asked("python", 'x = "a █"\n')
    place = place_of(request, Surface.LINE, await Checks(Trees()).check(request), Ended.LIMIT)
    assert place.kind is PlaceKind.STRING
    assert not place.is_code
    assert place.ended is Ended.LIMIT


def test_lines_around_the_cursor_are_given_without_endings() -> None:
    place = place_of(asked("python", "a\r\nb\r\nc█d\r\ne\r\n"), Surface.MIDDLE)
    assert place.lines_above == ("a", "b")
    assert (place.typed, place.rest_of_line) == ("c", "d")
    assert place.next_lines == ("e", "")


@pytest.mark.parametrize(
    ("lines", "indent"),
    [
        ([], ""),
        (["a", "b"], ""),
        (["a", "    b", "        c"], "    "),
        (["a", "  b", "", "    c", "  d"], "  "),
        (["\ta", "\t\tb"], "\t"),
        (["\ta", "    b"], ""),
        (["/**", " * a", " */", "a", "    b"], "    "),
    ],
)
def test_the_indentation_of_a_document(lines: list[str], indent: str) -> None:
    assert indent_of(lines) == indent


@pytest.mark.parametrize(
    ("marked", "came", "shown"),
    [
        ("x = █\n", "f(a, b", "f(a,"),
        ("x = █\n", "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0", None),
        ("# Close the file.\n█\n", "# Close the fi", None),
        ("█\nreturn total\n", "return to", None),
        ("x = █\n", "1  # TODO: implement th", "1"),
        ("x = █\n", "1 <|fim_", "1"),
        ("f(█)\n", "a, b) + ", "a, b"),
    ],
)
def test_a_part_is_filtered_like_the_whole(marked: str, came: str, shown: str | None) -> None:
    request = asked("python", marked)
    part = part_of(request, request, Generation(came, StopReason.TIME), Surface.LINE)
    assert (part.text if part else None) == shown
