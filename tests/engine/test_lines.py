"""First lines and those that may not come: text in, yes or no out."""

import pytest

from lsp_server.inference.lines import ForbiddenLines, first_line_end


@pytest.mark.parametrize(
    ("text", "has_text", "end"),
    [
        ("a\nb", False, 1),
        ("\n  \n  a\r\nb", False, 7),
        ("\na", True, 0),
        ("a", True, None),
        ("\n \n", False, None),
        ("", True, None),
    ],
)
def test_the_first_line_with_something_in_it_ends(
    text: str, has_text: bool, end: int | None
) -> None:
    assert first_line_end(text, has_text=has_text) == end


@pytest.mark.parametrize(
    ("typed", "answer", "holds", "may_come"),
    [
        ("    ", "return total", True, True),
        ("    ", "return total\n    more", True, True),
        ("", "\n    return total  \n", True, True),
        ("    ret", "urn total", True, True),
        ("    ", "return", False, True),
        ("    ", "", False, True),
        ("    ", "return totals", False, False),
        ("    ", "return total  ", True, True),
        ("    ", "return value\n    return total", False, False),
        ("x = ", "return total", False, False),
        ("", "}", True, True),
    ],
)
def test_a_line_is_known_however_much_of_it_was_typed(
    typed: str, answer: str, holds: bool, may_come: bool
) -> None:
    lines = ForbiddenLines(typed, ["return total", "}"])
    assert lines.hold(answer) is holds
    assert lines.may_come(answer) is may_come


def test_what_holds_might_have_come_at_every_step() -> None:
    lines = ForbiddenLines("    re", ["return a + b"])
    answer = "turn a + b \n"
    assert lines.hold(answer)
    assert all(lines.may_come(answer[:end]) for end in range(len(answer) + 1))


def test_without_lines_nothing_is_forbidden() -> None:
    lines = ForbiddenLines("", ["", ""])
    assert not lines
    assert not lines.hold("")
    assert not lines.may_come("")
