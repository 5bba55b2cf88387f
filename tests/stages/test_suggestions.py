"""Earlier suggestions, found again while they are typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.cache.suggestions import DOCUMENTS, SUGGESTIONS, Place, Suggestions, without_closed
from lsp_server.text import split_lines
from lsp_server.types import Document, Position

URI = "file:///w/a.py"
TEXT = st.text(alphabet="ab(). é😀\n\r", max_size=12)


def place(text: str) -> Place:
    """The place of █ in a text."""
    before, _, after = text.partition("█")
    lines = split_lines(before)
    position = Position(len(lines) - 1, len(lines[-1]))
    return Place.of(Document(URI, "python", 1, tuple(split_lines(before + after))), position)


def suggested(at: str, text: str) -> Suggestions[str]:
    suggestions: Suggestions[str] = Suggestions()
    suggestions.keep(URI, place(at), text, "value")
    return suggestions


def rest(suggestions: Suggestions[str], at: str) -> str | None:
    found = suggestions.find(URI, place(at))
    return None if found is None else found.rest


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("a = █\nb\n", "self.total(x)"),
        ("a = self.█\nb\n", "total(x)"),
        ("a = self.total(x█\nb\n", ")"),
        # What the editor closed by itself, and what the user typed over it.
        ("a = self.total(█)\nb\n", "x)"),
        ("a = self.total(x)█\nb\n", None),
        # Another text: left, right, in the suggestion, nothing left of it, gone back before it.
        ("c = self.█\nb\n", None),
        ("a = self.█\nc\n", None),
        ("a = self.█]\nb\n", None),
        ("a = this.█\nb\n", None),
        ("a = self.total(x) █\nb\n", None),
        ("a =█\nb\n", None),
        ("a = █self.\nb\n", None),
    ],
)
def test_what_is_typed_as_suggested_leaves_the_rest(now: str, left: str | None) -> None:
    assert rest(suggested("a = █\nb\n", "self.total(x)"), now) == left


@pytest.mark.parametrize(
    ("now", "closed", "left"),
    [
        ('f(█)\n', ")", '{"k": [1]})'),
        ('f({█})\n', "})", '"k": [1]})'),
        ('f({"█"})\n', '"})', 'k": [1]})'),
        ('f({"k█"})\n', '"})', '": [1]})'),
        ('f({"k"█})\n', "})", ": [1]})"),
        ('f({"k": [█]})\n', "]})", "1]})"),
        # An editor that closes braces and nothing else.
        ("f({█}\n", "}", '"k": [1]})'),
    ],
)  # fmt: skip
def test_brackets_that_the_editor_closes(now: str, closed: str, left: str) -> None:
    found = suggested("f█\n", '({"k": [1]})').find(URI, place(now))
    assert found is not None
    assert (found.closed, found.rest) == (closed, left)


def test_lines_of_a_suggestion_are_typed_with_any_line_ending() -> None:
    suggestions = suggested("if a:\r\n    █\r\n", "b = 1\n    c = 2")
    assert rest(suggestions, "if a:\r\n    b = 1\r\n    █\r\n") == "c = 2"


def test_other_options_are_another_question() -> None:
    suggestions: Suggestions[str] = Suggestions()
    suggestions.keep(URI, place("a█"), "bc", "value", depends=("model", 1))
    assert suggestions.find(URI, place("ab█"), depends=("model", 2)) is None
    assert suggestions.find(URI, place("ab█"), depends=("model", 1)) is not None


def test_other_files_count_only_as_long_as_nothing_is_typed() -> None:
    suggestions: Suggestions[str] = Suggestions()
    suggestions.keep(URI, place("a█"), "bc", "value", state=1)
    assert suggestions.find(URI, place("a█"), state=2) is None
    assert suggestions.find(URI, place("a█"), state=1) is not None
    assert suggestions.find(URI, place("ab█"), state=2) is not None


def test_the_latest_suggestion_wins() -> None:
    suggestions = suggested("a█", "bcd")
    suggestions.keep(URI, place("ab█"), "cx", "later")
    assert rest(suggestions, "abc█") == "x"
    assert rest(suggestions, "abcd█") is None
    assert rest(suggestions, "a█") == "bcd"


def test_forgotten_documents() -> None:
    suggestions = suggested("a█", "b")
    suggestions.forget(URI)
    suggestions.forget("file:///never/seen")
    assert rest(suggestions, "a█") is None


def test_the_oldest_go_first() -> None:
    suggestions = suggested("a█", "b")
    for number in range(SUGGESTIONS):
        suggestions.keep(URI, place(f"{number}█"), "c", "other")
    assert rest(suggestions, "a█") is None
    assert rest(suggestions, "0█") == "c"
    for number in range(DOCUMENTS):
        suggestions.keep(f"file:///{number}", place("a█"), "b", "other")
    assert rest(suggestions, "0█") is None


@given(TEXT, TEXT, TEXT, st.integers(0, 12))
def test_any_beginning_leaves_the_rest(left: str, right: str, text: str, typed: int) -> None:
    # A line ending that is typed in two halves is another matter.
    text, left = text.replace("\r", ""), left.rstrip("\r")
    suggestions = suggested(f"{left}█{right}", text)
    found = rest(suggestions, f"{left}{text[:typed]}█{right}")
    assert found == (text[typed:] if typed < len(text) else None)


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_whatever_is_found_continues_what_was_suggested(
    left: str, right: str, text: str, now_left: str, now_right: str
) -> None:
    found = suggested(f"{left}█{right}", text).find(URI, place(f"{now_left}█{now_right}"))
    if found is not None:
        before, now = place(f"{left}█{right}"), place(f"{now_left}█{now_right}")
        assert before.left + found.typed == now.left
        assert found.closed + before.right == now.right
        assert (found.typed + found.rest).replace("\r", "\n") == text.replace("\r\n", "\n").replace(
            "\r", "\n"
        )
        assert found.rest


@pytest.mark.parametrize(
    ("now", "leads_there"),
    [
        ("a = █\nb\n", True),
        ("a = f(█\nb\n", True),
        ("a = f()█\nb\n", True),
        ("a = f(1)█\nb\n", True),
        ("a = g█\nb\n", False),
        ("a = f(1)\n█\nb\n", True),
        ("a = f(1)\n█\nc\n", False),
        ("a =█\nb\n", False),
        ("a█\nb\n", False),
    ],
)
def test_a_place_ahead_is_on_the_way_of_those_who_type_towards_it(
    now: str, *, leads_there: bool
) -> None:
    begin = len(place("a = █").left)
    document = Document(URI, "python", 2, tuple(split_lines(now.replace("█", ""))))
    assert place("a = f(1)\n█\nb\n").is_ahead_of(document, begin) is leads_there


BODY = 'if (a) {\n    b("}");\n\n    c();\n  }'
"""Suggested at two blanks."""


@pytest.mark.parametrize(
    ("now", "left", "closed"),
    [
        ("f {\n  if (a) {█\n}\n", '\n    b("}");\n\n    c();\n  }', ""),
        ("f {\n  if (a) {\n    █\n}\n", 'b("}");\n\n    c();\n  }', ""),
        # The editor has closed the bracket, and put it on a line of its own at Enter.
        ("f {\n  if (a) {█}\n}\n", '\n    b("}");\n\n    c();\n  }', "}"),
        ("f {\n  if (a) {\n    █\n  }\n}\n", 'b("}");\n\n    c();\n  }', "\n  }"),
        ("f {\n  if (a) {\n    b(█)\n  }\n}\n", '"}");\n\n    c();\n  }', ")\n  }"),
        # The indentation of a blank line, which editors put in and take away again.
        ('f {\n  if (a) {\n    b("}");\n    █\n}\n', "\n    c();\n  }", ""),
        ('f {\n  if (a) {\n    b("}");\n    \n    █\n}\n', "c();\n  }", ""),
        ('f {\n  if (a) {\n    b("}");  \n\n    c█\n}\n', "();\n  }", ""),
        # Other text.
        ("f {\n  if (a) {\n    d█\n}\n", None, ""),
        ("f {\n  if (a) {\n      b█\n}\n", None, ""),
        ("f {\n  if (a) {\n    █\n  ]\n}\n", None, ""),
    ],
)
def test_a_body_is_typed_through(now: str, left: str | None, closed: str) -> None:
    found = suggested("f {\n  █\n}\n", BODY).find(URI, place(now))
    assert (found and found.rest) == left
    assert found is None or found.closed == closed


@pytest.mark.parametrize(
    ("rest", "closed", "expected"),
    [
        ("\n    b();\n  }", "\n  }", "\n    b();"),
        ('b({c: "}"});\n  }\n  d();', "\n  }", 'b({c: "}"});'),
        ("x, (y)\n) + 1", ")", "x, (y)\n"),
        ('b" + c', '"', "b"),
        ("never closed\n", "}", "never closed\n"),
    ],
)
def test_what_an_editor_has_closed_is_not_suggested(rest: str, closed: str, expected: str) -> None:
    assert without_closed(rest, closed) == expected


def test_lines_that_an_editor_puts_in_are_not_typed() -> None:
    before = place("f(█\ng\n")
    typed = place("f({\n  █\n})\ng\n")
    assert typed.typed_since(before) is None
    assert place("f({\n  █\n}\ng\n").typed_since(before) == "{\n  "
    there = place("x █\ny\n")
    now = split_lines("x {\n  \n}\ny\n")
    assert there.typed_in(Document(URI, "c", 1, tuple(now))) == "{\n  "
    ahead = place("x {\n  a;\n  █\ny\n")
    assert ahead.is_ahead_of(Document(URI, "c", 1, tuple(now)), 2)
