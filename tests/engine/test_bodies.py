"""Where the body of a header ends, as data: text in, text and reason out, token by token."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.inference.bodies import judge, whole_until
from lsp_server.inference.protocol import Complete
from lsp_server.inference.stopping import AnswerText
from lsp_server.types import BodyStop, StopReason

C = {"line_comment": "//", "block_comment": ("/*", "*/")}
TOP = r"(?:def|class|import|function)\b"

LATE = (StopReason.REPETITION, StopReason.TOP_LEVEL, StopReason.FOLLOWING)
"""Reasons that are known only when more was handed out already."""


def run(text: str, body: BodyStop, **more: object) -> tuple[str, StopReason | None, str]:
    values = {"healed": "", "max_tokens": 999, "max_lines": 99, "line_has_text": False, **more}
    answer = AnswerText(Complete(1, [], body=body, **values))  # type: ignore[arg-type]
    handed_out, stop = "", None
    for token in re.findall(r"\w+|[ \t]+|\n|.", text):
        stop = answer.add(token.encode())
        handed_out += answer.fresh()
        if stop is not None:
            break
    return answer.text(), stop, handed_out


def python(indentation: int = 0, typed: str = "    ", **more: object) -> BodyStop:
    return BodyStop(indentation, typed, top_level=TOP, long_quotes=('"""',), **more)  # type: ignore[arg-type]


def braces(indentation: int = 0, typed: str = "    ", **more: object) -> BodyStop:
    values = {"closer": "}", "is_closed": True, "top_level": TOP, **C, **more}
    return BodyStop(indentation, typed, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "body", "expected", "stop"),
    [
        # Indentation
        ("x = 1\n    return x\n\n\ndef g", python(), "x = 1\n    return x", StopReason.TOP_LEVEL),
        ("x = 1\ny = 2\n", python(), "x = 1", StopReason.DEDENTED),
        ("\n    x = 1\ny", python(typed="if a:"), "\n    x = 1", StopReason.DEDENTED),
        (" x = 1\ny", python(typed="if a:"), " x = 1", StopReason.DEDENTED),
        ("if a:\n        b\n    else:\n        c\nelse:", python(), None, StopReason.DEDENTED),
        ("x\n    else:\n", python(4, "        "), "x", StopReason.DEDENTED),
        ("x = [\n        1,\n    ]\nz", python(), "x = [\n        1,\n    ]", StopReason.DEDENTED),
        ("x = [\n1,\n2]\nz", python(), "x = [\n1,\n2]", StopReason.DEDENTED),
        ("x = [\n1,\ndef f():\n", python(), "x = [\n1,", StopReason.TOP_LEVEL),
        ('x = """\ndef f():\n"""\nz', python(), 'x = """\ndef f():\n"""', StopReason.DEDENTED),
        ("x = '['\ny", python(), "x = '['", StopReason.DEDENTED),
        ("x = 1  # (\ny", python(), "x = 1  # (", StopReason.DEDENTED),
        ("x)\n", python(), "x", StopReason.CLOSED),
        ("x = 1\n\n\n    y = 2\n", python(), None, None),
        # Brackets
        ("x();\n}\n", braces(), "x();", StopReason.CLOSED),
        ("x();\n}", braces(is_closed=False), None, None),
        ("x();\n}\ny();", braces(is_closed=False), "x();\n}", StopReason.CLOSED),
        ("x();\n});\ny();", braces(is_closed=False), "x();\n});", StopReason.CLOSED),
        ("x();\n} else {\n", braces(is_closed=False), "x();\n}", StopReason.CLOSED),
        ("if (a) {\n        b();\n    }\n}", braces(), None, StopReason.CLOSED),
        ("x('}');\n    // }\n    /* }\n */ y();\n}", braces(), None, StopReason.CLOSED),
        (' return x; }', braces(typed="f() {"), " return x;", StopReason.CLOSED),
        ("x();\nfunction g() {", braces(), "x();", StopReason.TOP_LEVEL),
        ("f(\nfunction g() {", braces(), "f(", StopReason.TOP_LEVEL),
        ("x();\ny();\n", braces(), "x();", StopReason.DEDENTED),
        ("case 1:\n      x();\n  case 2:\n}", braces(2, "  "), None, StopReason.CLOSED),
        ("A();\n\nprivate:\n  int b;\n}", braces(), None, StopReason.CLOSED),
        ("A();\n\nprivate int b;\n}", braces(), "A();", StopReason.DEDENTED),
        ("#if A\n    x();\n#endif\n}", braces(), None, StopReason.CLOSED),
        ("x])\n", braces(), "x", StopReason.CLOSED),
        # Words
        ("x\nend\n", BodyStop(0, "  ", "end", is_closed=True), "x", StopReason.CLOSED),
        ("x\nend\ny", BodyStop(0, "  ", "end"), "x\nend", StopReason.CLOSED),
        ("x\nend)\ny", BodyStop(0, "  ", "end"), "x\nend)", StopReason.CLOSED),
        ("x\nending = 1\n", BodyStop(0, "  ", "end"), "x", StopReason.DEDENTED),
        ("x\nelse\n", BodyStop(0, "  ", "end"), "x", StopReason.DEDENTED),
        ("if x\n y\n end\nend\n", BodyStop(0, " ", "end", is_closed=True), None, StopReason.CLOSED),
        # What is there below
        (
            "f(a,\n  return done(1)\nx",
            braces(following="  return done(1)"),
            "f(a,",
            StopReason.FOLLOWING,
        ),
        ("if (a) {\n  }\n  x", braces(following="  }"), None, None),
        # Repetition
        ("x += 1\n    x += 1\n    x += 1\n    y", python(), "x += 1", StopReason.REPETITION),
        ("a(1)\n    b(2)\n" + "    a(1)\n    b(2)\n" * 3, python(), "a(1)\n    b(2)",
         StopReason.REPETITION),
        ("}\n" * 3, braces(is_closed=False), "}", StopReason.CLOSED),
        ("x = [0]\n    y = [0]\n    x = [0]\n    z\n", python(), None, None),
    ],
)  # fmt: skip
def test_bodies_end(
    text: str, body: BodyStop, expected: str | None, stop: StopReason | None
) -> None:
    found, reason, handed_out = run(text, body)
    assert reason is stop
    last_line = text.rstrip("\n").rfind("\n") if stop else len(text)
    assert found == (text[:last_line] if expected is None else expected)
    if stop not in LATE:
        assert found.startswith(handed_out)


@pytest.mark.parametrize(
    ("text", "body", "expected"),
    [
        ("x = 1\n    y = 2\n    z = ", python(), "x = 1\n    y = 2"),
        ("x = 1\n    if y:\n", python(), "x = 1"),
        ("x = 1\n    y = [\n        1,\n", python(), "x = 1"),
        ("x = 1\n    # And now\n", python(), "x = 1"),
        ("if a:\n        b()\n        c(", python(), "if a:\n        b()"),
        ("x();\n    if (a) {\n        b();\n        c(", braces(), "x();"),
        ("if (a) {\n        b();\n        c(", braces(), "if (a) {\n        b();"),
        ("i++\n    j++\n    k", braces(), "i++\n    j++"),
        ("x\n  if y\n    z\n    a", BodyStop(0, "  ", "end"), "x"),
        ("if y\n    z\n  end\n  a", BodyStop(0, "  ", "end"), "if y\n    z\n  end"),
    ],
)
def test_what_is_cut_off_ends_behind_a_statement(text: str, body: BodyStop, expected: str) -> None:
    assert text[: whole_until(text, body)] == expected


def test_a_text_without_a_whole_statement_is_not_cut() -> None:
    assert whole_until("x = f(1", python()) is None
    assert run("x = f(1, 2, 3)", python(), max_tokens=5)[:2] == ("x = f", StopReason.TOKENS)


def test_budgets_cut_behind_a_statement() -> None:
    text = "x = 1\n    y = 2\n    z = 3\n    w = (4,\n         5)\n"
    assert run(text, python(), max_lines=3)[:2] == (
        "x = 1\n    y = 2\n    z = 3",
        StopReason.LINES,
    )
    assert run(text, python(), max_lines=4)[:2] == (
        "x = 1\n    y = 2\n    z = 3",
        StopReason.LINES,
    )
    assert run(text, python(), max_tokens=15)[:2] == ("x = 1\n    y = 2", StopReason.TOKENS)


def test_time_cuts_behind_a_statement() -> None:
    answer = AnswerText(Complete(1, [], "", 99, 99, False, body=python()))
    for token in ("x = 1", "\n    y", " = "):
        assert answer.add(token.encode()) is None
    assert answer.out_of_time() is StopReason.TIME
    assert answer.text() == "x = 1"


def test_time_waits_for_the_first_statement() -> None:
    answer = AnswerText(Complete(1, [], "", 99, 99, False, body=python()))
    for token in ("x = (1", ",\n", "         2)"):
        assert answer.add(token.encode()) is None
        assert answer.out_of_time() is None
    assert answer.add(b"\n") is None
    assert answer.out_of_time() is StopReason.TIME
    assert answer.text() == "x = (1,\n         2)"
    line = AnswerText(Complete(1, [], "", 99, 1, True))
    line.add(b"x = ")
    assert (line.out_of_time(), line.text()) == (StopReason.TIME, "x = ")


def test_healed_text_is_no_part_of_the_body() -> None:
    found = run("    x = 1\ny", python(), healed="    ")
    assert found[:2] == ("x = 1", StopReason.DEDENTED)


@pytest.mark.parametrize("text", ["0, " * 40, "ab" * 60, "x = [" + "1.0, " * 30])
def test_a_line_that_goes_round_in_circles_ends(text: str) -> None:
    answer = AnswerText(Complete(1, [], "", 999, 1, True))
    stops = [answer.add(character.encode()) for character in text]
    assert StopReason.REPETITION in stops


@pytest.mark.parametrize("text", ["-" * 79, "a" + "=" * 70, "0x00, " * 8, '"' + ". " * 40 + '"'])
def test_rulers_and_tables_do_not(text: str) -> None:
    answer = AnswerText(Complete(1, [], "", 999, 1, True))
    assert not any(answer.add(character.encode()) for character in text)


PIECES = st.lists(
    st.sampled_from(
        ["x", " = ", "\n", "    ", "        ", "(", ")", "{", "}", "[", "]", '"', "'", '"""', "#",
         "//", "def f():", "return 1", "end", "é", "\t", ",", ":", "\\", "/*", "*/", "\r\n"]
    ),
    max_size=40,
)  # fmt: skip


@given(
    PIECES, st.sampled_from([python(), braces(), braces(is_closed=False), BodyStop(0, "", "end")])
)
def test_any_text_ends_the_same_way_however_it_comes(pieces: list[str], body: BodyStop) -> None:
    text = "".join(pieces)
    answer = AnswerText(Complete(1, [], "", 999, 99, False, body=body))
    handed_out, stop = "", None
    for piece in pieces:
        stop = answer.add(piece.encode())
        handed_out += answer.fresh()
        if stop is not None:
            break
    assert text.startswith(answer.text())
    if stop not in LATE:
        assert answer.text().startswith(handed_out)
    verdict = judge(text, body)
    assert verdict.safe <= len(text)
    whole = whole_until(text, body)
    assert whole is None or 0 < whole <= len(text)
