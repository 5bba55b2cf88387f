"""What is cut out of files: each kind as it says, never more than allowed, the same every time."""

from random import Random

import pytest

from fimbul_models.corpus.middles import LINE_CHARACTERS, Cutter, Kind, Middle

PYTHON = '''\
"""Areas of shapes."""


def area(width: float, height: float) -> float:
    """Return the area of a rectangle."""
    if width < 0 or height < 0:
        raise ValueError("negative")
    return width * height


class Circle:
    def __init__(self, radius: float) -> None:
        self.radius = radius

    def scaled(self, factor: float) -> "Circle":
        larger = self.radius * factor
        return Circle(larger)
'''

CUT = [kind for kind in Kind if kind is not Kind.PLAIN]


def middles(
    kind: Kind, text: str = PYTHON, language: str = "python", most: int = 200, draws: int = 60
) -> list[str]:
    cutter = Cutter(text, language, most, Random(7))
    found = [cutter.cut(kind) for _ in range(draws)]
    return [text[one.start : one.end] for one in found if one is not None]


@pytest.mark.parametrize("kind", CUT)
def test_the_same_seed_gives_the_same_middles(kind: Kind) -> None:
    assert middles(kind) == middles(kind)
    assert len(set(middles(kind))) > 2


@pytest.mark.parametrize("kind", CUT)
def test_no_middle_is_longer_than_allowed(kind: Kind) -> None:
    found = middles(kind, most=60)
    assert found
    assert all(3 <= len(one) <= 60 for one in found)


def test_a_line_is_cut_to_its_end() -> None:
    ends = {line.rstrip("\n") for line in PYTHON.splitlines()}
    found = middles(Kind.LINE)
    assert all(any(line.endswith(one) for line in ends) for one in found)
    # From the indentation, from a word, and from inside of one.
    assert any(one.startswith(("return", "larger", "def")) for one in found)
    assert any(one.startswith(("eturn", "turn", "idth", "dth", "elf", "oat")) for one in found)


def test_a_body_is_all_that_a_header_opens() -> None:
    assert set(middles(Kind.BODY)) <= {
        'raise ValueError("negative")',
        'if width < 0 or height < 0:\n        raise ValueError("negative")\n'
        "    return width * height",
        "self.radius = radius",
        "larger = self.radius * factor\n        return Circle(larger)",
    }
    assert len(set(middles(Kind.BODY))) == 4


def test_a_node_is_whole() -> None:
    found = set(middles(Kind.NODE))
    assert "return width * height" in found
    assert all(one.count("(") == one.count(")") for one in found)


def test_aligned_stretches_tear_no_word() -> None:
    cutter = Cutter(PYTHON, "python", 200, Random(7))
    found = [one for one in (cutter.cut(Kind.ALIGNED) for _ in range(60)) if one is not None]
    for one in found:
        for place in (one.start, one.end):
            around = PYTHON[place - 1 : place + 1]
            assert len(around) < 2 or not around.isidentifier(), around
    assert any("\n" in PYTHON[one.start : one.end] for one in found)


def test_characters_begin_and_end_anywhere() -> None:
    found = middles(Kind.CHARACTERS)
    assert any(one[0].isalnum() and one[-1].isalnum() for one in found)
    assert any(one.count("(") != one.count(")") for one in found)
    lengths = sorted(map(len, found))
    # Half of them are shorter than the mean of the logarithms' ends.
    assert lengths[len(lengths) // 2] < 60


@pytest.mark.parametrize("kind", [Kind.BODY, Kind.NODE, Kind.ALIGNED])
def test_languages_without_a_grammar_have_no_syntax(kind: Kind) -> None:
    assert middles(kind, "10 PRINT 'A'\n20 GOTO 10\n", "basic") == []


@pytest.mark.parametrize("kind", CUT)
@pytest.mark.parametrize("text", ["", "\n", "x", " \n \n", "}\n", "é", "\r\n\r\n"])
def test_where_nothing_can_be_cut_nothing_is(kind: Kind, text: str) -> None:
    assert middles(kind, text, draws=5) == []


@pytest.mark.parametrize("kind", CUT)
def test_a_notice_at_the_top_is_left_alone(kind: Kind) -> None:
    notice = "# Copyright somebody.\n# All of this is licensed in some way.\n"
    assert not any(
        "licensed" in one or "Copyright" in one for one in middles(kind, notice + PYTHON)
    )
    block = "/* Copyright somebody.\n   Licensed in some way. */\nint main(void) {\n  f(1, 2);\n}\n"
    assert not any("icensed" in one for one in middles(kind, block, "c"))


def test_other_comments_at_the_top_may_be_cut() -> None:
    text = "# What this script does\n# in two lines.\nx = 1\ny = 22\nz = x + y\n"
    assert any("lines" in one for one in middles(Kind.LINE, text))


def test_very_long_lines_are_left_alone() -> None:
    text = f"x = '{'a' * LINE_CHARACTERS}'\ny = 1\n"
    for kind in CUT:
        assert not any("aaa" in one for one in middles(kind, text))


@pytest.mark.parametrize("seed", range(30))
def test_line_breaks_stay_whole(seed: int) -> None:
    text = "a = 1\r\nb = 2\r\n\r\nif a:\r\n    c = 3\r\n" * 3
    cutter = Cutter(text, "python", 40, Random(seed))
    for _ in range(20):
        found = cutter.cut(Kind.CHARACTERS)
        if found is not None:
            left = text[: found.start] + text[found.end :]
            before = text[: found.start].count("\r\n") + text[found.end :].count("\r\n")
            inside = text[found.start : found.end].count("\r\n")
            assert before + inside == text.count("\r\n")
            assert left.count("\r\n") == before


def test_at_most_half_a_file_is_cut_out() -> None:
    text = "def f(a):\n    return a + 1\n"
    assert all(len(one) <= len(text) // 2 for one in middles(Kind.NODE, text))


def test_places_are_lines_and_columns() -> None:
    cutter = Cutter("ab\ncd\n", "python", 3, Random(1))
    assert [(place.line, place.column) for place in map(cutter.position, (0, 2, 3, 5, 6))] == [
        (0, 0),
        (0, 2),
        (1, 0),
        (1, 2),
        (2, 0),
    ]
    assert Middle(Kind.LINE, 3, 5).kind == "line"
