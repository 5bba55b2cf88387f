"""What becomes of suggestions, as the server finds out."""

from collections.abc import Callable

import pytest

from lsp_server.completion.followed import LONGEST
from lsp_server.feedback.records import Fate, Known
from lsp_server.feedback.similarity import share_left
from lsp_server.types import Position, RejectionReason
from tests.completion.typist import URI, Typist


def test_all_of_a_suggestion_in_one_change_was_accepted() -> None:
    typist = Typist("x = █\ny\n")
    typist.sees("total(items)")
    typist.inserts("total(items)")
    assert typist.fate == "whole, inferred"
    assert (typist.row.accepted, typist.row.typed, typist.row.length) == (12, 0, 12)
    assert (typist.row.latency, typist.row.chance, typist.row.language) == (12.5, 0.5, "python")
    assert typist.row.stood == 1.0


def test_what_the_editor_reports_counts_more_than_what_was_inferred() -> None:
    typist = Typist("x = █\n")
    number = typist.sees("total(items)")
    typist.inserts("total(items)")
    typist.following.accepted(number)
    assert [(one.fate, one.accepted) for one in typist.corrections] == [(Fate.WHOLE, 12)]
    typist.following.accepted(number)
    assert len(typist.corrections) == 1
    assert typist.following.recent.recent().accepted == 1


def test_an_acceptance_may_be_reported_before_the_change_comes() -> None:
    typist = Typist("x = █\n")
    number = typist.sees("total(items)")
    typist.following.accepted(number)
    typist.inserts("total(items)")
    assert typist.fate == "whole, reported"
    typist.clock.passes(20)
    assert [share_left(one.text, one.window) for one in typist.samples] == [1.0]


def test_a_report_saves_what_could_not_be_inferred() -> None:
    typist = Typist("x = █\n")
    number = typist.sees("total(items)")
    typist.inserts("total(\n    items\n)")
    typist.following.accepted(number)
    assert typist.fate == "rejected, inferred"
    assert [one.fate for one in typist.corrections] == [Fate.WHOLE]
    typist.clock.passes(15)
    assert [share_left(one.text, one.window) for one in typist.samples] == [1.0]


def test_what_is_typed_by_hand_was_typed() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)")
    typist.types("tot")
    typist.sees("al(items)", kept=True)
    typist.types("al(items)")
    assert typist.fate == "typed, inferred"
    assert (typist.row.accepted, typist.row.typed) == (0, 12)
    assert not typist.samples


def test_up_to_three_characters_in_one_change_are_typed_by_hand() -> None:
    typist = Typist("x = █\n")
    typist.sees("total")
    typist.inserts("tot")
    typist.inserts("al")
    assert typist.fate == "typed, inferred"


def test_typing_a_little_and_accepting_the_rest_is_accepted() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)")
    typist.types("to")
    number = typist.sees("tal(items)", kept=True)
    typist.inserts("tal(items)")
    typist.following.accepted(number)
    assert (typist.row.fate, typist.row.accepted, typist.row.typed) == (Fate.WHOLE, 10, 2)
    assert [one.accepted for one in typist.corrections] == [10]


def test_one_suggestion_is_one_however_often_its_rest_is_sent() -> None:
    typist = Typist("x = █\n")
    for typed in range(6):
        typist.sees("total(items)"[typed:], kept=typed > 0, seconds=0.1)
        typist.types("total("[typed])
    typist.following.closed(URI)
    assert len(typist.rows) == 1


@pytest.mark.parametrize("seconds", [0.1, 1.0])
def test_other_text_rejects(seconds: float) -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)", seconds=seconds)
    typist.types("z")
    # What stood there for less than a quarter of a second nobody has read.
    assert typist.fate == ("rejected, inferred" if seconds > 0.25 else "unseen, inferred")


def test_the_beginning_does_not_save_what_goes_on_otherwise() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)")
    typist.types("too")
    assert typist.fate == "rejected, inferred"
    assert typist.row.typed == 2


def test_deleting_there_rejects() -> None:
    typist = Typist("x = 1█\n")
    typist.sees("total(items)")
    typist.deletes()
    assert typist.fate == "rejected, inferred"


def test_taking_back_a_typed_character_decides_nothing() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)")
    typist.types("to")
    typist.deletes()
    typist.types("otal(items)")
    assert typist.fate == "typed, inferred"
    assert typist.row.typed == 12


def test_dismissing_is_reported() -> None:
    for named in (True, False):
        typist = Typist("x = █\n")
        number = typist.sees("total(items)", seconds=0.1)
        typist.following.dismissed(number + 1)
        assert not typist.rows
        typist.following.dismissed(number if named else None)
        assert typist.fate == "rejected, reported"


@pytest.mark.parametrize(
    ("begin", "end", "text"), [(0, 0, "# up here\n"), (8, 8, "below\n"), (9, 10, "")]
)
def test_changes_elsewhere_decide_nothing(begin: int, end: int, text: str) -> None:
    typist = Typist("a\nx = █\ny\nz\n")
    typist.sees("total(items)")
    typist.changes((begin, end, text))
    typist.inserts("total(items)")
    assert typist.fate == "whole, inferred"


def test_an_import_that_comes_with_an_acceptance_does_not_matter() -> None:
    typist = Typist("import a\n\nx = █\n")
    typist.sees("total(items)")
    at = typist.cursor
    typist.changes((at, at, "total(items)"), (0, 0, "from b import total\n"))
    assert typist.fate == "whole, inferred"


def test_working_to_the_right_or_left_in_the_line_ignores() -> None:
    right = Typist("x = █ # why\n")
    right.sees("total(items) ")
    right.changes((9, 9, "not"))
    left = Typist("x = █\n")
    left.sees("total(items) ")
    left.changes((0, 0, "the_"))
    assert [right.fate, left.fate] == ["ignored, inferred"] * 2


def test_going_away_ignores() -> None:
    ways: tuple[Callable[[Typist], object], ...] = (
        lambda typist: typist.following.visited(URI, Position(2, 0)),
        # Where Neovim's cursor goes when insert mode is left.
        lambda typist: typist.following.visited(URI, Position(0, 3)),
        lambda typist: typist.following.visited("file:///w/b.py", Position(0, 4)),
        lambda typist: typist.following.closed(URI),
        lambda typist: typist.following.close(),
        lambda typist: typist.sees("more", request=typist.request(at=0), seconds=0),
    )
    for leave in ways:
        typist = Typist("x = █\na\nb\n")
        typist.sees("total(items)")
        typist.following.visited(URI, Position(0, 4))
        typist.following.visited(URI, Position(0, 5))
        assert not typist.rows
        leave(typist)
        assert typist.fate == "ignored, inferred"


def test_what_fimbul_takes_back_was_not_rejected() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(", part=True)
    typist.following.withdrawn(typist.request())
    assert typist.fate == "withdrawn, inferred"
    other = Typist("x = █\n")
    other.sees("total(items)")
    other.sees("something_else", seconds=0)
    assert other.fate == "withdrawn, inferred"
    silent = Typist("x = █\n")
    silent.sees("total(items)")
    silent.gets_nothing(RejectionReason.SUPERSEDED)
    assert not silent.rows
    silent.gets_nothing()
    assert silent.fate == "withdrawn, inferred"


def test_the_rest_of_a_part_belongs_to_it() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(", part=True)
    typist.types("total(")
    typist.sees("items)", kept=True)
    typist.inserts("items)")
    assert typist.fate == "whole, inferred"
    assert (typist.row.was_part, typist.row.length) == (True, 12)
    assert (typist.row.typed, typist.row.accepted) == (6, 6)


def test_brackets_that_the_editor_closes_are_not_counted() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items[0])")
    typist.types("total")
    typist.inserts("(", ")")
    typist.sees("items[0]", kept=True)
    typist.types("items")
    typist.inserts("[", "]")
    typist.sees("0", kept=True)
    assert not typist.rows
    typist.types("0")
    assert typist.fate == "typed, inferred"


def test_accepting_inside_a_closed_bracket() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)")
    typist.types("total")
    typist.inserts("(", ")")
    typist.sees("items", kept=True)
    typist.inserts("items")
    assert (typist.row.fate, typist.row.accepted) == (Fate.WHOLE, 5)


def test_a_whole_call_is_not_taken_for_a_bracket_closed_by_itself() -> None:
    typist = Typist("x = █\n")
    typist.sees("total()")
    typist.inserts("total()")
    assert typist.row.accepted == 7


def test_several_lines_with_crlf_and_characters_of_two_units() -> None:
    typist = Typist("s = '😀' + f(█)\r\nnext\r\n")
    typist.sees("a,\n    '語😀',\n    b")
    typist.inserts("a,\r\n    '語😀',\r\n    b")
    assert (typist.row.fate, typist.row.lines) == (Fate.WHOLE, 3)
    assert typist.row.accepted == len("a,\n    '語😀',\n    b")
    typist.changes((0, 0, "# 😀\r\n"), (len(typist.text), len(typist.text), "# end"))
    typist.clock.passes(15)
    assert [share_left(one.text, one.window) for one in typist.samples] == [1.0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_lines_are_followed_in_every_encoding(encoding: str) -> None:
    typist = Typist("def f():\n    s = '😀语'; x = █\n", encoding)
    typist.sees("total\n    return x")
    typist.inserts("total")
    assert not typist.rows
    typist.sees("\n    return x", kept=True)
    typist.types("\n    q")
    assert typist.fate == "line, inferred"


def test_a_word_or_a_line_at_once_is_inferred_as_such() -> None:
    word = Typist("x = █\n")
    word.sees("total(items, names)")
    word.inserts("total")
    word.types("z")
    assert word.fate == "word, inferred"
    assert word.row.accepted == 5
    line = Typist("█\n")
    line.sees("for a in b:\n    pass")
    line.inserts("for a in b:")
    line.types("z")
    assert line.fate == "line, inferred"


@pytest.mark.parametrize("change_first", [True, False])
def test_reported_words_are_counted_once_whichever_comes_first(change_first: bool) -> None:
    typist = Typist("x = █\n")
    number = typist.sees("ab(items)")
    steps: list[Callable[[], None]]
    steps = [lambda: typist.inserts("ab"), lambda: typist.following.took(number, Fate.WORD, 2)]
    for step in steps if change_first else reversed(steps):
        step()
    rest = typist.sees("(items)", kept=True)
    steps = [
        lambda: typist.inserts("(items"),
        lambda: typist.following.took(rest, Fate.WORD, 6),
    ]
    for step in steps if change_first else reversed(steps):
        step()
    typist.types("!")
    assert typist.fate == "word, reported"
    assert (typist.row.accepted, typist.row.typed) == (8, 0)


@pytest.mark.parametrize("change_first", [True, False])
def test_typed_characters_may_come_with_an_accepted_word(change_first: bool) -> None:
    typist = Typist("x = █\n")
    number = typist.sees("total_(items)")
    typist.types("t")
    steps: list[Callable[[], None]]
    steps = [
        lambda: typist.inserts("otal_"),
        lambda: typist.following.took(number, Fate.WORD, 6, 3),
    ]
    for step in steps if change_first else reversed(steps):
        step()
    typist.types("!")
    assert typist.fate == "word, reported"
    assert (typist.row.accepted, typist.row.typed) == (3, 3)


def test_words_up_to_the_end_leave_nothing_open() -> None:
    typist = Typist("x = █\n")
    number = typist.sees("ab cd")
    typist.following.took(number, Fate.WORD, 2)
    typist.inserts("ab")
    typist.following.took(number, Fate.WORD, 5)
    typist.inserts(" cd")
    assert typist.fate == "word, reported"
    assert typist.row.accepted == 5
    assert typist.following.text_of(number) is None


def test_one_step_that_takes_all_took_the_whole() -> None:
    typist = Typist("x = █\n")
    number = typist.sees("total(items)")
    typist.following.took(number, Fate.LINE, 12)
    typist.inserts("total(items)")
    assert typist.fate == "whole, reported"


def test_the_first_line_typed_counts_even_if_the_rest_is_not() -> None:
    typist = Typist("█\n")
    typist.sees("if a:\n    b()")
    typist.types("if a:\n    c")
    assert typist.fate == "typed, inferred"
    below = Typist("a█\n")
    below.sees("\n    b()")
    below.types("\n    c")
    assert below.fate == "rejected, inferred"


def test_a_body_typed_over_blank_lines_that_the_editor_indents() -> None:
    typist = Typist("def f():█\n\n")
    typist.sees("\n    a\n\n    b")
    typist.inserts("\n    ")
    typist.sees("a\n\n    b", kept=True)
    typist.types("a")
    typist.inserts("\n    ")
    typist.sees("\n    b", kept=True)
    typist.inserts("\n    ")
    assert not typist.rows
    typist.sees("b", kept=True)
    typist.types("b")
    assert typist.fate == "typed, inferred"
    assert typist.row.length == len("\n    a\n\n    b")


def test_an_item_that_replaces_what_a_menu_would_insert() -> None:
    typist = Typist("x.it█\n")
    typist.sees("items()", over=2)
    typist.replaces(2, 4, "items()")
    assert typist.fate == "whole, inferred"
    fuzzy = Typist("x.ms█\n")
    fuzzy.sees("items()", over=2)
    fuzzy.changes((5, 5, "below"))
    assert not fuzzy.rows
    fuzzy.replaces(2, 4, "items()")
    assert (fuzzy.row.fate, fuzzy.row.accepted) == (Fate.WHOLE, 7)


def test_an_answer_that_comes_late_is_held_against_what_was_typed_meanwhile() -> None:
    typist = Typist("x = █\n")
    asked = typist.request()
    typist.types("to")
    typist.sees("total(items)", request=asked)
    typist.inserts("tal(items)")
    assert (typist.row.fate, typist.row.accepted) == (Fate.WHOLE, 10)
    late = Typist("x = █\n")
    asked = late.request()
    late.types("no")
    late.sees("total(items)", request=asked)
    late.following.close()
    assert not late.rows


def test_editors_that_send_the_whole_document_are_understood() -> None:
    typist = Typist("a\nx = █\nb\n")
    typist.sees("total(items)")
    typist.sends_all("new\na\nx = \nb\n")
    typist.sends_all("new\na\nx = total(items)\nb\n")
    assert typist.fate == "whole, inferred"


def test_lines_that_are_data_are_not_followed() -> None:
    typist = Typist("x = '" + "a" * LONGEST + "█\n")
    typist.sees("total")
    typist.inserts("total")
    assert not typist.events


def test_what_the_editor_draws_is_known_by_report() -> None:
    typist = Typist("x = █\n")
    number = typist.sees("total(items)")
    typist.following.seen(number)
    typist.types("z")
    assert typist.row.shown_known is Known.REPORTED


# Several to choose from


def test_another_one_of_several_is_accepted() -> None:
    inferred = Typist("x = █\n")
    inferred.sees("total(items)", "count(items)")
    inferred.inserts("count(items)")
    assert inferred.fate == "whole, inferred"
    for change_first in (True, False):
        reported = Typist("x = █\n")
        number = reported.sees("total(items)", "counted")
        if change_first:
            reported.inserts("counted")
        reported.following.accepted(number + 1)
        assert reported.row.accepted == reported.row.length == 7


def test_typing_another_one_of_several() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)", "count(items)")
    typist.types("count(")
    typist.sees("items)", kept=True)
    typist.types("items)")
    assert typist.fate == "typed, inferred"
