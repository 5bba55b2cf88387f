"""Records of key presses become the figures that they should."""

from benchmarks.scores import (
    Press,
    Record,
    Work,
    accepting,
    events,
    figures,
    floors,
    is_right,
    is_useful,
    medians,
    of_unlimited,
)


def press(number: int, rest: str = "", *shown: tuple[float, str], gap: float = 0.5) -> Press:
    return Press(0, number, "key", gap, rest, shown=list(shown))


def test_useful_is_the_whole_next_name_or_four_characters() -> None:
    assert is_useful("turn value", "turn x")
    assert not is_useful("turner", "turn")
    assert is_useful("+ a_b", "+ a_c")
    assert not is_useful("+ a", "- a")
    assert not is_useful("", "turn")


def test_right_is_the_whole_line() -> None:
    assert is_right("turn x\nand more", "turn x  ")
    assert not is_right("turn", "turn x")
    assert not is_right("", "")


def test_what_comes_late_or_is_taken_back_is_not_soon() -> None:
    assert press(0, "abcd", (0.3, "abcd")).is_soon is False
    assert press(0, "abcd", (0.1, ""), (0.15, "abcd")).seconds == 0.15
    taken_back = press(0, "abcd", (0.1, "abcd"), (0.18, ""))
    assert taken_back.soon_text == ""


def test_shares_are_of_all_key_presses() -> None:
    pasted = Press(0, 3, "paste", 0.5)
    found = figures(
        Record(
            [
                press(0, "turn x", (0.1, "turn x")),
                press(1, "urn x", (0.4, "urn x")),
                press(2, "rn x", gap=0.1),
                pasted,
            ],
            cpu=3.0,
        )
    )

    assert found["key_presses"] == 3
    assert (found["shown_percent"], found["soon_percent"]) == (66.7, 33.3)
    assert found["shown_in_pause_percent"] == 100.0
    assert (found["useful_percent"], found["right_percent"]) == (33.3, 33.3)
    assert found["p50_ms"] == 400
    assert found["cpu_s_per_100_keys"] == 100.0
    assert "paste" in events(Record([pasted]))


def test_accepting_a_right_line_saves_the_keys_of_its_rest_but_one() -> None:
    line = [press(0, "abc", (0.1, "abc")), press(1, "bc"), press(2, "c"), press(3)]
    enter = Press(0, 4, "enter", 0.5)

    assert accepting([*line, enter, press(5)]) == (2, 3)


def test_accepting_a_right_body_saves_the_keys_of_all_its_lines_but_one() -> None:
    following = "ab\n  cd\n  ef"
    first = Press(0, 0, "key", 0.5, "ab", following=following, shown=[(0.1, "ab\n  cd")])
    keys = [press(number) for number in (1, 2)]
    enters = [Press(0, number, "enter", 0.5) for number in (3, 6)]
    more = [press(number) for number in (4, 5)]

    # The rest of the line, Enter and the next line are not typed; the line after it is.
    assert accepting([first, *keys, enters[0], *more, enters[1], press(7)]) == (5 - 1, 7)


def test_of_a_body_that_is_half_right_the_first_line_is_accepted() -> None:
    first = Press(0, 0, "key", 0.5, "ab", following="ab\n  cd", shown=[(0.1, "ab\n  xy")])
    keys = [press(number) for number in (1, 2)]

    assert accepting([first, *keys, Press(0, 3, "enter", 0.5)]) == (1, 2)


def test_the_floor_is_tokens_times_the_time_of_one() -> None:
    record = Record(work=[Work("key", 1, 10, 130.0), Work("key", 1, 0, 5.0)], token_ms=[10.0])

    assert floors(record) == {"token_ms": 10.0, "floor_ms": 100, "over_floor": 1.3}


def test_the_sample_compares_the_same_places() -> None:
    presses = [press(0, "abcd", (0.1, "abcd")), press(1, "bcde"), press(2, "cdef", (0.1, "x"))]
    found = of_unlimited(presses, {(0, 0): "abcd", (0, 1): "bcde"})

    assert found["places"] == 2
    assert found["useful_of_unlimited_percent"] == 50.0


def test_medians_go_into_every_table() -> None:
    runs = [{"a": value, "b": {"c": None}} for value in (3, 1, 2)]

    assert medians(runs) == {"a": 2, "b": {"c": None}}
