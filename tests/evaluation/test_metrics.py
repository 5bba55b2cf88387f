import pytest

from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.metrics import (
    body_score,
    edit_similarity,
    exact_match,
    first_nonblank_line,
    identifier_f1,
    same_identifier,
    score,
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("  \n\t\n", ""),
        ("\n\n  x = 1  \ny = 2", "x = 1"),
        ("x\r\ny", "x"),
        ("x\ry", "x"),
        ("x\x0cy", "x\x0cy"),  # A form feed ends no line.
    ],
)
def test_the_first_line_with_something_in_it_is_judged(text: str, line: str) -> None:
    assert first_nonblank_line(text) == line


@pytest.mark.parametrize(
    ("answer", "reference", "same"),
    [
        ("    return x", "return x\n", True),
        ("return x\nreturn y", "return x", True),
        ("return x", "return y", False),
        ("return  x", "return x", False),
        ("", "", False),
        ("", "x", False),
    ],
)
def test_exact_match(answer: str, reference: str, same: bool) -> None:
    assert exact_match(answer, reference) is same


@pytest.mark.parametrize(
    ("answer", "reference", "similarity"),
    [
        ("abcd", "abcd", 1.0),
        ("", "abcd", 0.0),
        ("abcd", "wxyz", 0.0),
        ("ab", "abcd", 2 * 2 / 6),
        ("acbd", "abcd", 2 * 3 / 8),  # The longest common subsequence is abd or acd.
        ("  abcd\nmore", "abcd", 1.0),
    ],
)
def test_edit_similarity(answer: str, reference: str, similarity: float) -> None:
    assert edit_similarity(answer, reference) == pytest.approx(similarity)


@pytest.mark.parametrize(
    ("prefix", "answer", "reference", "same"),
    [
        ("x = ", "foo(1)", "foo.bar", True),
        ("x = ", "fool(1)", "foo.bar", False),
        ("x = fo", "o(1)", "o.bar", True),
        ("x = fo", "ot", "o.bar", False),
        ("x = fo", "o2", "o2 + 1", True),
        ("x = utf", "8_name()", "8_name", True),  # A digit goes on with the word.
        ("x = foo", "(bar)", "(bar, 1)", True),  # The word ends at the cursor.
        ("x = foo", "d(bar)", "(bar)", False),
        ("x = 1", "0 + foo", "2 + foo", True),
        ("x = ", "", "foo", False),
        ("x = ", "foo", "1 + 2", None),
    ],
)
def test_first_identifier(prefix: str, answer: str, reference: str, same: bool | None) -> None:
    assert same_identifier(prefix, answer, reference) is same


@pytest.mark.parametrize(
    ("language", "prefix", "answer", "reference", "f1"),
    [
        ("python", "x = ", "foo(bar)", "foo(bar)", 1.0),
        ("python", "x = ", "foo(baz)", "foo(bar)", 0.5),
        ("python", "x = ", "foo(bar, bar, bar)", "foo(bar)", 1.0),  # Sets, not lists.
        ("python", "x = ", "foo", "foo(bar, qux)", 2 * 1 / (1 + 3)),
        ("python", "x = ", "foo\nbar", "foo", 1.0),  # The first line only.
        ("python", "x = fo", "o(1)", "o.bar", 2 * 1 / (1 + 2)),
        ("python", "x = fo", "r(1)", "o(1)", 0.0),
        ("python", "x = ", "", "foo", 0.0),
        ("python", "", "return foo", "if foo", 1.0),  # Keywords are no identifiers.
        ("go", "", "return foo", "func foo", 1.0),
        ("cobol", "", "return foo", "if foo", 0.5),
        ("python", "x = ", "foo", "1 + 2", None),
        ("python", "x = ", "foo", "not True", None),
    ],
)
def test_identifier_f1(
    language: str, prefix: str, answer: str, reference: str, f1: float | None
) -> None:
    item = Item("t", language, "a", prefix, "\n", reference, "kind")
    assert identifier_f1(item, answer) == (None if f1 is None else pytest.approx(f1))


def test_a_score_joins_the_four() -> None:
    item = Item("t", "python", "a.py", "x = va", "\n", "lue + 1", "in-word")
    judged = score(item, "lue + 2")
    assert (judged.exact, judged.first_identifier) == (False, True)
    assert judged.similarity == pytest.approx(2 * 6 / 14)
    assert judged.identifier_f1 == 1.0


def body(answer: str, expected: str = "if a:\n        b(c)\n    return d") -> Item:
    return Item("t", "python", "a.py", "def f():\n    ", "\n", expected, "function/bare")


@pytest.mark.parametrize(
    ("answer", "exact", "lines"),
    [
        ("if a:\n        b(c)\n    return d", True, 3),
        ("if a:\n\n        b(c)\n    return  d\n", True, 3),  # Blanks make no difference.
        ("if a:\n        b(c)", False, 2),
        ("if a:\n        b(c)\n    return d\n    # more", False, 4),
        ("", False, 0),
    ],
)
def test_a_body_is_judged_from_end_to_end(answer: str, exact: bool, lines: int) -> None:
    judged = score(body(answer), answer)
    assert judged.body is not None
    assert (judged.body.exact, judged.body.lines, judged.body.expected_lines) == (exact, lines, 3)
    assert judged.exact is bool(answer)


def test_all_identifiers_of_a_body_count_and_keywords_do_not() -> None:
    judged = score(body(""), "if a:\n    x(c)").body
    assert judged is not None
    assert judged.identifier_f1 == 2 * 2 / (4 + 3)
    assert score(body("", expected="pass"), "pass").body == body_score(
        body("", expected="pass"), "pass"
    )
    assert body_score(body("", expected="pass"), "pass").identifier_f1 is None


def test_a_line_is_no_body() -> None:
    item = Item("t", "python", "a.py", "x = ", "\n", "1", "line-start")
    assert score(item, "1").body is None


def test_what_an_answer_repeats_of_what_it_replaces_is_not_judged() -> None:
    item = Item("t", "python", "a.py", "f(", ")\n", "a, b", "after-paren")
    assert score(item, "a, b)", 1).exact
    assert not score(item, "a, b)").exact
    parse = score(item, "a, b)", 1).parse
    assert parse is not None
    assert parse.parses


def test_a_score_says_whether_the_program_passed() -> None:
    item = Item("t", "python", "a.py", "x = ", "\n", "1", "line-start")
    assert score(item, "2", passed=True).passed is True
    assert score(item, "2").passed is None
