"""Where somebody will be who accepts a suggestion and presses Enter."""

import pytest

from lsp_server.completion.ahead import next_line
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Generation,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
    Surface,
)


def after(
    marked: str,
    text: str | RejectionReason,
    language: str = "python",
    column: int | None = None,
    surface: Surface = Surface.LINE,
) -> str:
    """Return the document with the cursor marked that is foreseen; empty if none is."""
    before, _, rest = marked.partition("█")
    above = split_lines(before)
    document = Document("file:///a", language, 1, tuple(split_lines(before + rest)))
    end = Position(len(above) - 1, len(above[-1]))
    start = Position(end.line, end.column if column is None else column)
    outcome: Outcome
    if isinstance(text, RejectionReason):
        outcome = Rejection(text)
    else:
        generation = Generation(text, StopReason.LINES)
        outcome = Completion(text, start, end, surface, generation)
    target = next_line(CompletionRequest(document, end), outcome)
    if target is None:
        return ""
    row, place = target.position.line, target.position.column
    lines = list(target.document.lines)
    lines[row] = lines[row][:place] + "█" + lines[row][place:]
    return "".join(lines)


@pytest.mark.parametrize(
    ("marked", "text", "foreseen"),
    [
        ("x = █\ny\n", "1", "x = 1\n█\ny\n"),
        ("x = █", "1", "x = 1\n█"),
        ("x = █\r\ny\r\n", "1", "x = 1\r\n█\r\ny\r\n"),
        ("  if █\n", "a:", "  if a:\n    █\n"),
        ("\tif █\n", "a:", "\tif a:\n\t\t█\n"),
        ("    retur█\n", "n x", "    return x\n█\n"),
        ("f(█\n", "[", "f([\n    █\n"),
    ],
)
def test_the_next_line_has_the_indentation_that_editors_give_it(
    marked: str, text: str, foreseen: str
) -> None:
    assert after(marked, text) == foreseen


def test_other_languages_open_blocks_by_brackets_only() -> None:
    assert after("  if (█\n", "a) {", "java") == "  if (a) {\n    █\n"
    assert after("  case █\n", "1:", "java") == "  case 1:\n  █\n"


def test_an_item_of_the_menu_is_taken_to_be_inserted() -> None:
    assert after("x.ap█\n", "append(1)", column=2) == "x.append(1)\n█\n"


@pytest.mark.parametrize(
    ("marked", "text"),
    [("f(█)\n", "1"), ("x = █ \n", "1"), ("█\n", "a\nb"), ("█\n", "  ")],
)
def test_nothing_is_foreseen_where_enter_is_not_what_comes(marked: str, text: str) -> None:
    assert not after(marked, text)


def test_a_line_to_which_the_model_has_nothing_to_add_is_whole() -> None:
    assert after("  if a:█\n", RejectionReason.EMPTY) == "  if a:\n    █\n"
    assert not after("  if a█:\n", RejectionReason.EMPTY)
    assert not after("  █\n", RejectionReason.EMPTY)
    assert not after("  if a:█\n", RejectionReason.REPEATS_NEXT_LINE)


@pytest.mark.parametrize(
    ("marked", "text", "language", "foreseen"),
    [
        (
            "  for a in b:\n    █\n",
            "if a:\n      c()",
            "python",
            "  for a in b:\n    if a:\n      c()\n  █\n",
        ),
        ("for a in b:█\nx\n", "\n    c()", "python", "for a in b:\n    c()\n█\nx\n"),
        ("if a:\n    x = 1\n    if b:\n        █", "c()", "python",
         "if a:\n    x = 1\n    if b:\n        c()\n    █"),
        ("  if (a) {\n    █\n", "b();\n  }", "java", "  if (a) {\n    b();\n  }\n  █\n"),
        ("  if (a) {\n    █\n  }\n", "b();", "java", ""),
    ],
)  # fmt: skip
def test_behind_a_block_comes_what_is_around_it(
    marked: str, text: str, language: str, foreseen: str
) -> None:
    assert after(marked, text, language, surface=Surface.BLOCK) == foreseen


def test_behind_a_function_comes_anything() -> None:
    assert not after("def f():\n    █\n", "return 1", surface=Surface.FUNCTION)
