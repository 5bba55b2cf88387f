"""When to keep quiet: while deleting, and where the same was just turned down."""

import pytest

from lsp_server.completion.restraint import (
    AFTER_DELETING,
    REMEMBERED,
    SEEN,
    Restraint,
    deletion,
)
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
    SelectedCompletion,
    StopReason,
    Surface,
    TriggerKind,
)

URI = "file:///w/a.py"


def asked(
    marked: str, kind: TriggerKind = TriggerKind.AUTOMATIC, uri: str = URI
) -> CompletionRequest:
    before, _, after = marked.partition("█")
    above = split_lines(before)
    document = Document(uri, "python", 1, tuple(split_lines(before + after)))
    return CompletionRequest(document, Position(len(above) - 1, len(above[-1])), kind)


def suggestion(request: CompletionRequest, text: str, *, is_part: bool = False) -> Completion:
    generation = Generation(text, StopReason.LINES)
    place = request.position
    return Completion(text, place, place, Surface.LINE, generation, is_part=is_part)


def reason(outcome: Outcome | None) -> RejectionReason | None:
    return outcome.reason if isinstance(outcome, Rejection) else None


def show(
    restraint: Restraint, marked: str, text: str, now: float, *, is_part: bool = False
) -> CompletionRequest:
    """Let somebody see a suggestion."""
    request = asked(marked)
    restraint.shown(request, suggestion(request, text, is_part=is_part), now)
    return request


def again(restraint: Restraint, marked: str, text: str, now: float) -> RejectionReason | None:
    """Return why a suggestion is not made (again)."""
    request = asked(marked)
    return reason(restraint.judged(request, suggestion(request, text), now))


# What counts as deleting


@pytest.mark.parametrize(
    ("old", "new", "first", "last"),
    [
        ("x = abc\n", "x = ab\n", (0, 6), (0, 6)),
        ("x = abc\n", "x = c\n", (0, 4), (0, 4)),
        # Any of the two may have been deleted.
        ("aab", "ab", (0, 0), (0, 1)),
        ("f()", "f", (0, 1), (0, 1)),
        ("ab\ncd\n", "abcd\n", (0, 2), (0, 2)),
        ("a\nb\nc\n", "a\nc\n", (1, 0), (1, 0)),
        ("ab\r\ncd\r\n", "ab\r\nd\r\n", (1, 0), (1, 0)),
        ("a\rbc\r", "a\rb\r", (1, 1), (1, 1)),
        ("x = \n", "x =\n", (0, 3), (0, 3)),
        ("a\n    \n", "a\n", (1, 0), (1, 0)),
        ("😀😀x", "😀x", (0, 0), (0, 1)),
    ],
)
def test_where_text_was_taken_out(
    old: str, new: str, first: tuple[int, int], last: tuple[int, int]
) -> None:
    found = deletion(tuple(split_lines(old)), tuple(split_lines(new)))
    assert found is not None
    assert (found.first, found.last) == (Position(*first), Position(*last))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x = a", "x = ab"),
        ("x = ab", "x = ab"),
        ("x = ab", "x = c"),
        # Undoing a replacement.
        ("total(a)", "sum(a, b)"),
        # Lines that went while something else came.
        ("a\nb\nc\nd\n", "a\nX\nd\n"),
        ("", ""),
        # The indentation of the next line is taken back.
        ("  a\n        \n", "  a\n    \n"),
        ("\t\tb\n", "\tb\n"),
    ],
)
def test_what_is_no_deletion(old: str, new: str) -> None:
    assert deletion(tuple(split_lines(old)), tuple(split_lines(new))) is None


# While deleting


def deleting() -> Restraint:
    """Somebody who has just taken a letter back, at 10 seconds."""
    restraint = Restraint()
    restraint.opened(asked("x = ab█\n").document)
    restraint.changed(asked("x = a█\n").document, 10.0)
    return restraint


def test_nothing_is_said_right_after_deleting() -> None:
    restraint = deleting()
    assert reason(restraint.check(asked("x = a█\n"), 10.1)) is RejectionReason.DELETING
    assert restraint.check(asked("x = a█\n", TriggerKind.INVOKED), 10.1) is None


def test_it_ends_after_a_pause_and_elsewhere() -> None:
    restraint = deleting()
    assert restraint.check(asked("x = a█\n"), 10.0 + AFTER_DELETING) is None
    assert restraint.check(asked("x = █a\n"), 10.1) is None
    assert restraint.check(asked("x = a█\n", uri="file:///w/b.py"), 10.1) is None


def test_it_ends_with_the_next_key() -> None:
    restraint = deleting()
    restraint.changed(asked("x = at█\n").document, 10.1)
    assert restraint.check(asked("x = at█\n"), 10.1) is None


def test_a_replacement_is_no_deletion() -> None:
    restraint = deleting()
    restraint.changed(asked("y█\n").document, 10.1)
    assert restraint.check(asked("y█\n"), 10.1) is None


def test_opening_and_forgetting_end_it() -> None:
    for end in (Restraint.opened, lambda it, document: it.forget(document.uri)):
        restraint = deleting()
        end(restraint, asked("x = a█\n").document)
        assert restraint.check(asked("x = a█\n"), 10.1) is None


# After a refusal


def test_what_was_sent_away_does_not_come_back_at_once() -> None:
    restraint = Restraint()
    show(restraint, "x = █\n", "total(a)", 1.0)
    restraint.refused(1.1)
    assert again(restraint, "x = █\n", "total(a)", 2.0) is RejectionReason.REJECTED_HERE
    assert again(restraint, "x = █\n", "sum(a)", 2.0) is None
    assert again(restraint, "y = █\n", "total(a)", 2.0) is None
    assert again(restraint, "x = █\n", "total(a)", 1.1 + REMEMBERED) is None


def test_it_comes_back_where_it_is_typed_or_asked_for() -> None:
    restraint = Restraint()
    show(restraint, "x = █\n", "total(a)", 1.0)
    restraint.refused(1.1)
    assert again(restraint, "x = t█\n", "otal(a)", 2.0) is None
    request = asked("x = █\n", TriggerKind.INVOKED)
    completion = suggestion(request, "total(a)")
    assert restraint.judged(request, completion, 2.0) is completion


def test_writing_something_else_turns_it_down() -> None:
    restraint = Restraint()
    request = show(restraint, "x = █\n", "total(a)", 1.0)
    restraint.opened(request.document)
    restraint.changed(asked("x = s█\n").document, 1.0 + SEEN)
    restraint.changed(asked("x = █\n").document, 5.0)
    assert again(restraint, "x = █\n", "total(a)", 9.0) is RejectionReason.REJECTED_HERE


@pytest.mark.parametrize(
    ("text", "now"),
    [
        # A slip in the middle of typing: nobody has read what stood there.
        ("x = s█\n", 1.0 + SEEN / 2),
        # It is being typed.
        ("x = tot█\n", 9.0),
        # It was taken, and more was typed behind it.
        ("x = total(a) + 1█\n", 9.0),
        # Text was deleted; what stood behind it was not what was meant.
        ("x =█\n", 9.0),
        # Something else was changed.
        ("import a\nx = █\n", 9.0),
    ],
)
def test_what_is_no_refusal(text: str, now: float) -> None:
    restraint = Restraint()
    request = show(restraint, "x = █\n", "total(a)", 1.0)
    restraint.opened(request.document)
    restraint.changed(asked(text).document, now)
    restraint.changed(request.document, now + 1)
    assert again(restraint, "x = █\n", "total(a)", now + 2) is None


def test_the_time_on_screen_goes_on_where_it_is_shown_again() -> None:
    restraint = Restraint()
    for now in (1.0, 1.0 + SEEN / 2):
        request = show(restraint, "x = █\n", "total(a)", now)
    restraint.opened(request.document)
    restraint.changed(asked("x = s█\n").document, 1.0 + SEEN)
    assert again(restraint, "x = █\n", "total(a)", 9.0) is RejectionReason.REJECTED_HERE


def test_the_whole_of_a_refused_part_does_not_follow() -> None:
    restraint = Restraint()
    show(restraint, "x = █\n", "total(", 1.0, is_part=True)
    restraint.refused(1.1)
    assert again(restraint, "x = █\n", "total(a)", 2.0) is RejectionReason.REJECTED_HERE


def test_the_beginning_of_a_refused_suggestion_does_not_come_either() -> None:
    restraint = Restraint()
    show(restraint, "x = █\n", "total(a)", 1.0)
    restraint.refused(1.1)
    request = asked("x = █\n")
    part = suggestion(request, "total(", is_part=True)
    assert reason(restraint.judged(request, part, 2.0)) is RejectionReason.REJECTED_HERE


def test_only_what_was_shown_last_is_refused() -> None:
    restraint = Restraint()
    restraint.refused(0.0)
    other = asked("y = █\n", uri="file:///w/b.py")
    restraint.shown(other, suggestion(other, "one"), 1.0)
    show(restraint, "x = █\n", "total(a)", 2.0)
    restraint.refused(2.1)
    assert reason(restraint.judged(other, suggestion(other, "one"), 3.0)) is None
    assert again(restraint, "x = █\n", "total(a)", 3.0) is RejectionReason.REJECTED_HERE
    silent = asked("x = █\n")
    restraint.shown(silent, Rejection(RejectionReason.REJECTED_HERE), 3.0)
    restraint.refused(3.1)
    assert reason(restraint.judged(other, suggestion(other, "one"), 4.0)) is not None


def test_the_selected_item_is_not_part_of_what_is_turned_down() -> None:
    restraint = Restraint()
    request = asked("x.ap█\n")
    chosen = SelectedCompletion(Position(0, 2), Position(0, 4), "append")
    request = CompletionRequest(request.document, request.position, selected=chosen)
    completion = suggestion(request, "append(1)")
    restraint.shown(request, completion, 1.0)
    restraint.refused(1.1)
    assert reason(restraint.judged(request, completion, 2.0)) is RejectionReason.REJECTED_HERE


def test_a_closed_document_is_forgotten() -> None:
    restraint = Restraint()
    show(restraint, "x = █\n", "total(a)", 1.0)
    restraint.refused(1.1)
    restraint.forget(URI)
    assert again(restraint, "x = █\n", "total(a)", 2.0) is None
