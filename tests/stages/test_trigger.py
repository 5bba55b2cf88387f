from dataclasses import replace

import pytest

from lsp_server.config.options import CompletionOptions, Trigger
from lsp_server.text import split_lines
from lsp_server.trigger import check_trigger, is_inside_word
from lsp_server.types import (
    CompletionRequest,
    Document,
    Position,
    RejectionReason,
    SelectedCompletion,
    TriggerKind,
)


def request(text: str, kind: TriggerKind = TriggerKind.AUTOMATIC) -> CompletionRequest:
    before, _, after = text.partition("█")
    document = Document("file:///a.py", "python", 1, tuple(split_lines(before + after)))
    lines = split_lines(before)
    return CompletionRequest(document, Position(len(lines) - 1, len(lines[-1])), kind)


@pytest.mark.parametrize(
    ("options", "kind", "reason"),
    [
        (CompletionOptions(), TriggerKind.AUTOMATIC, None),
        (CompletionOptions(enable=False), TriggerKind.INVOKED, RejectionReason.DISABLED),
        (
            CompletionOptions(disabled_languages=("python",)),
            TriggerKind.INVOKED,
            RejectionReason.LANGUAGE_DISABLED,
        ),
        (CompletionOptions(disabled_languages=("go",)), TriggerKind.AUTOMATIC, None),
        (
            CompletionOptions(trigger=Trigger.MANUAL),
            TriggerKind.AUTOMATIC,
            RejectionReason.MANUAL_ONLY,
        ),
        (CompletionOptions(trigger=Trigger.MANUAL), TriggerKind.INVOKED, None),
    ],
)
def test_options_decide(
    options: CompletionOptions, kind: TriggerKind, reason: RejectionReason | None
) -> None:
    found = check_trigger(request("x = █", kind), options)
    assert (found.reason if found else None) is reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x█\n", None),
        ("x\0█\n", RejectionReason.BINARY_DOCUMENT),
        ("a\nb\nx█\n\n\0\n", RejectionReason.BINARY_DOCUMENT),
        ("\0\n" + "\n" * 20 + "x█", None),
    ],
)
def test_binary_content_near_the_cursor(text: str, reason: RejectionReason | None) -> None:
    found = check_trigger(request(text), CompletionOptions())
    assert (found.reason if found else None) is reason


@pytest.mark.parametrize(
    ("start", "end", "text", "fits"),
    [
        (Position(0, 4), Position(0, 6), "append", True),
        (Position(0, 4), Position(0, 6), "APPEND", True),
        (Position(0, 6), Position(0, 6), "anything", True),
        (Position(0, 4), Position(0, 6), "pop", False),
        (Position(0, 4), Position(0, 5), "append", False),
        (Position(0, 6), Position(0, 4), "append", False),
        (Position(1, 0), Position(0, 6), "append", False),
    ],
)
def test_the_selected_item_has_to_fit(
    start: Position, end: Position, text: str, fits: bool
) -> None:
    selected = SelectedCompletion(start, end, text)
    found = check_trigger(replace(request("one.ap█\n"), selected=selected), CompletionOptions())
    assert (found is None) is fits
    assert fits or (found and found.reason is RejectionReason.SELECTION_DIFFERS)


@pytest.mark.parametrize(
    ("end", "fits"), [(Position(0, 8), True), (Position(0, 5), False), (Position(1, 0), False)]
)
def test_the_selected_item_may_replace_a_whole_word(end: Position, fits: bool) -> None:
    selected = SelectedCompletion(Position(0, 4), end, "append")
    asked = replace(request("one.ap█pl\n\n"), selected=selected)
    assert (check_trigger(asked, CompletionOptions()) is None) is fits


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("na█", True),
        ("x_█", True),
        ("é█", True),
        ("x1█()", True),
        ("x.█", False),
        ("x = █", False),
        ("█na", False),
        ("na\n█", False),
    ],
)
def test_where_a_word_is_being_typed(text: str, inside: bool) -> None:
    assert is_inside_word(request(text)) is inside


@pytest.mark.parametrize(("text", "inside"), [("append", True), ("append(", False), ("", False)])
def test_with_a_selected_item_its_end_counts(text: str, inside: bool) -> None:
    selected = SelectedCompletion(Position(0, 4), Position(0, 6), text)
    assert is_inside_word(replace(request("one.ap█\n"), selected=selected)) is inside


def test_every_reason_is_explained() -> None:
    explanations = [reason.explanation for reason in RejectionReason]
    assert all(text.endswith(".") for text in explanations)
    assert len(set(explanations)) == len(explanations)
