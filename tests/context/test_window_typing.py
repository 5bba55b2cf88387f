"""A window that follows an editor: what stays the same from one request to the next.

Each step is the whole document with the cursor drawn in, as the editor has it at one request.
"""

import itertools
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.config.options import ContextOptions
from lsp_server.context.window import (
    FEWEST_MIDDLE_LINES,
    HIDDEN_LINES,
    MIDDLE_JUMP,
    MIDDLE_LINES,
    Window,
    context_of,
    lines_to_count,
    place_window,
)
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Context, Document, Position

LARGE = ContextOptions(2000, 200)
SMALL = ContextOptions(200, 50)
ABOVE = "".join(f"above_{number:03} = {number:03}\n" for number in range(100))
BELOW = "".join(f"below_{number:03} = {number:03}\n" for number in range(100))


def many(line: str, times: int) -> str:
    return f"{line}\n" * times


def count(text: str) -> int:
    return len(re.findall(r"\w+|\W", text))


def request(text: str, uri: str = "file:///a.py") -> CompletionRequest:
    before, mark, after = text.partition("█")
    assert mark
    lines = split_lines(before)
    document = Document(uri, "python", 1, tuple(split_lines(before + after)), "a.py")
    return CompletionRequest(document, Position(len(lines) - 1, len(lines[-1])))


def follow(
    steps: Sequence[str], options: ContextOptions = LARGE, previous: Window | None = None
) -> list[Window]:
    windows = []
    for step in steps:
        asked = request(step)
        counts = {text: count(text) for text in lines_to_count(asked, options, previous)}
        previous = place_window(asked, options, counts.__getitem__, previous)
        windows.append(previous)
    return windows


def seen(steps: Sequence[str], options: ContextOptions = LARGE) -> list[Context]:
    return [context_of(window) for window in follow(steps, options)]


def only_appends(before: Context, after: Context) -> bool:
    same = (before.older, before.suffix) == (after.older, after.suffix)
    return same and after.recent.startswith(before.recent)


def typed(line: str, template: str) -> list[str]:
    """Every state of `template` while `line` is typed where it says LINE."""
    return [template.replace("LINE", f"{line[:end]}█") for end in range(len(line) + 1)]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(typed("value = compute(3)", f"{ABOVE}LINE\n{BELOW}"), id="typing"),
        pytest.param([f"{ABOVE}x = 1█\n{BELOW}", f"{ABOVE}x = 1\n█\n{BELOW}"], id="enter"),
        pytest.param([f"{ABOVE}f█\n{BELOW}", f"{ABOVE}f(█)\n{BELOW}"], id="auto-close"),
        pytest.param([f"{ABOVE}f(█)\n{BELOW}", f"{ABOVE}f()█\n{BELOW}"], id="typed-over closer"),
        pytest.param(
            [f"{ABOVE}f(█)\n{BELOW}", f"{ABOVE}f(\n    █\n)\n{BELOW}"], id="enter in brackets"
        ),
        pytest.param(
            [
                f"{ABOVE}f({{█}})\n{BELOW}",
                f"{ABOVE}f({{\n    █\n}})\n{BELOW}",
                f"{ABOVE}f({{\n    a: [█]\n}})\n{BELOW}",
                f"{ABOVE}f({{\n    a: [\n        █\n    ]\n}})\n{BELOW}",
            ],
            id="enter in brackets in brackets",
        ),
        pytest.param(
            [f"{ABOVE}f(█, a)\n{BELOW}", f"{ABOVE}f(bcd█, a)\n{BELOW}"], id="middle surface"
        ),
        pytest.param([f"{ABOVE}█", f"{ABOVE}x\n█"], id="end of file"),
        pytest.param(["█", "x = 1\n█"], id="empty file"),
        pytest.param(
            [f"{ABOVE}x█\n{BELOW}", f"{ABOVE}x\ny = 2\nz = 3█\n{BELOW}"], id="paste or acceptance"
        ),
        pytest.param(
            [f"{ABOVE}x = nam█\n{BELOW}", f"import name\n{ABOVE}x = name█\n{BELOW}"],
            id="accepted name with its import",
        ),
        pytest.param(
            [f"{ABOVE}x = nam█\n{BELOW}", f"import name\n{ABOVE}x = name\ny█\n{BELOW}"],
            id="accepted lines with an import",
        ),
        pytest.param([f"{ABOVE}x█\n{BELOW}", f"import a\n{ABOVE}x█\n{BELOW}"], id="import alone"),
        pytest.param(
            [f"{ABOVE}x█\n{BELOW}", f"import a\n{ABOVE}x█\n{BELOW}", f"{ABOVE}xy█\n{BELOW}"],
            id="import taken back",
        ),
        pytest.param(
            [
                f"{ABOVE}x█\n{BELOW}",
                f"import a\n{ABOVE}x█\n{BELOW}",
                f"import a\nimport b\n{ABOVE}xy█\n{BELOW}",
                f"import a\nimport c\nimport b\n{ABOVE}xy█\n{BELOW}",
            ],
            id="several imports",
        ),
        pytest.param(
            [
                f"{ABOVE}x█\n{BELOW}",
                f"{ABOVE}xy█\n{BELOW.replace('below_005', 'renamed')}",
            ],
            id="little change below",
        ),
        pytest.param(
            [f"{ABOVE}x█\n{BELOW}", f"{ABOVE}xy█\n{BELOW}new_at_the_end = 1\n"],
            id="change far below",
        ),
    ],
)
@pytest.mark.parametrize("options", [LARGE, SMALL], ids=["whole file", "part of it"])
def test_only_appends(steps: list[str], options: ContextOptions) -> None:
    found = seen(steps, options)
    for number, (before, after) in enumerate(itertools.pairwise(found)):
        assert only_appends(before, after), number


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("x█\nfirst\nsecond\nthird\n", "x\nfirst█\nsecond\nthird\n", id="moved down"),
        pytest.param("a\nx█\nfirst\nsecond\n", "a█\nx\nfirst\nsecond\n", id="moved up"),
        pytest.param("x█\nfirst\nsecond\nthird\n", "x█\nsecond\nthird\n", id="first line deleted"),
        pytest.param("x█\nfirst\nsecond\nthird\n", "x first█\nsecond\nthird\n", id="lines joined"),
        pytest.param("x█\nfirst\nsecond\n", "x█\nnew\nfirst\nsecond\n", id="code put in between"),
        pytest.param("x█\nfirst\nsecond\n", "x█\nchanged\nsecond\n", id="first line changed"),
        pytest.param(f"x█\n{BELOW}", f"x█\n{many('a = 1', 20)}{BELOW}", id="much put in"),
        pytest.param("x█\na\n)\n}\n]\n)\n", "x█\n)\n)\n)\n)\na\n)\n}\n]\n)\n", id="many closers"),
        pytest.param(
            f"x█\nfirst\nmoved_line\n{BELOW}", f"moved_line█\nfirst\n{BELOW}", id="moved up line"
        ),
        pytest.param("x█", "x█\n    pass\n", id="something below at last"),
        pytest.param("x█\nend", f"x█\nend\n{BELOW}", id="much more below at last"),
        pytest.param(f"x█\n{BELOW}", f"x█\n{BELOW.replace('0', '9')}", id="renamed everywhere"),
    ],
)
def test_a_suffix_that_no_longer_holds_is_replaced(before: str, after: str) -> None:
    first, second = seen([before, after])
    assert second.suffix != first.suffix
    assert second.suffix == seen([after])[0].suffix


def test_closing_lines_pushed_below_are_seen_after_the_next_jump() -> None:
    steps = [f"{ABOVE}f(█)\n{BELOW}"]
    steps += [f"{ABOVE}f(\n{many('    a,', lines)}    █\n)\n{BELOW}" for lines in range(20)]
    found = seen(steps)
    assert found[1].suffix == found[0].suffix
    assert found[-1].suffix.startswith(")\nbelow_000")


@pytest.mark.parametrize("options", [LARGE, SMALL], ids=["whole file", "part of it"])
def test_enter_moves_places_in_jumps(options: ContextOptions) -> None:
    steps = [f"{ABOVE}{many('more = 1', lines)}█\n{BELOW}" for lines in range(100)]
    windows = follow(steps, options)
    for window in windows:
        lines = window.position.line - window.middle + 1
        assert MIDDLE_LINES <= lines < MIDDLE_LINES + MIDDLE_JUMP
    kept = [only_appends(*map(context_of, pair)) for pair in itertools.pairwise(windows)]
    assert kept.count(False) <= 100 // MIDDLE_JUMP + (100 * 6 // 100 if options is SMALL else 0)
    firsts = [window.first for window in windows]
    assert firsts == sorted(firsts)


def test_a_jump_leaves_half_of_the_budget() -> None:
    steps = [f"{ABOVE}{many('more = 1', lines)}█\n{BELOW}" for lines in range(60)]
    found = seen(steps, SMALL)
    jumps = [
        after
        for before, after in itertools.pairwise(found)
        if not after.prefix.startswith(before.prefix)
    ]
    assert jumps
    assert all(90 <= count(context.prefix) <= 100 for context in jumps)


def test_enter_taken_back_right_after_a_jump_does_not_jump_again() -> None:
    steps = [f"{ABOVE}{many('more = 1', lines)}█\n{BELOW}" for lines in range(20)]
    windows = follow(steps)
    jump = next(
        number
        for number, pair in enumerate(itertools.pairwise(windows))
        if pair[0].middle != pair[1].middle
    )
    fewer = follow(steps[jump::-1], previous=windows[jump + 1])
    assert [window.middle for window in fewer[:3]] == [windows[jump + 1].middle] * 3
    assert all(w.position.line - w.middle + 1 >= FEWEST_MIDDLE_LINES for w in fewer)


def test_many_lines_put_in_above_are_shown() -> None:
    lines = "import a\n" * (HIDDEN_LINES + 1)
    after = f"{lines}{ABOVE}x█\n{BELOW}"
    found = seen([f"{ABOVE}x█\n{BELOW}", after])
    assert found[1].prefix == after.partition("█")[0]


def test_a_hidden_import_is_seen_after_the_window_jumps_or_when_one_goes_there() -> None:
    before, after = f"{ABOVE}x█\n{BELOW}", f"import a\n{ABOVE}x█\n{BELOW}"
    there = f"import a█\n{ABOVE}x\n{BELOW}"
    back = f"import a\n{ABOVE}xy█\n{BELOW}"
    found = seen([before, after, there, back])
    assert "import a" not in found[1].prefix
    assert "import a" in found[2].prefix
    assert "import a" in found[3].prefix


@pytest.mark.parametrize(
    "away",
    [
        pytest.param(f"█\n{ABOVE}x\n{BELOW}", id="to the top"),
        pytest.param(f"{ABOVE}x\n{BELOW}█", id="to the end"),
        pytest.param(f"{ABOVE}{many('pasted = 1', 80)}x█\n{BELOW}", id="after a large paste"),
        pytest.param(f"{ABOVE}{'y' * 1001}\nx█\n{BELOW}", id="behind an over-long line"),
        pytest.param("something = else_\n█entirely\n", id="to other text"),
    ],
)
def test_far_away_is_like_the_first_time(away: str) -> None:
    here = f"{ABOVE}x█\n{BELOW}"
    assert seen([here, away], SMALL)[1] == seen([away], SMALL)[0]


def test_another_document_is_new() -> None:
    window = follow([f"{ABOVE}x█\n{BELOW}"])[0]
    asked = request("y█\n", "file:///b.py")
    found = place_window(asked, LARGE, count, window)
    assert found == place_window(asked, LARGE, count)


def test_going_up_within_the_window_keeps_its_begin() -> None:
    lines = [f"line_{number}" for number in range(60)]
    down = "\n".join([*lines[:55], "x█", *lines[55:]])
    up = "\n".join([*lines[:20], "x█", *lines[20:]])
    found = seen([down, up])
    assert found[0].older.startswith(found[1].older)
    assert found[1].recent.count("\n") == MIDDLE_LINES - 1


HINTED = f"{ABOVE}    x = client.█\n{BELOW}"


def hinted(line: int = 100, comment: str = "# get(url: str)\n  -> Answer") -> Window:
    return follow([HINTED])[0].with_hint(line, comment)


def test_a_hint_stands_above_its_line_in_the_prompt_only() -> None:
    window = hinted()
    found = context_of(window)
    assert found.recent.endswith("\n    # get(url: str) -> Answer\n    x = client.")
    assert window.document.lines == request(HINTED).document.lines


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([f"{ABOVE}    x = client.get()█\n{BELOW}"], True),
        ([f"{ABOVE}    x = client.get\n    y█\n{BELOW}"], True),
        ([f"import a\n{ABOVE}    x = client.get█\n{BELOW}"], True),
        ([f"{ABOVE}    x█\n{BELOW}", HINTED], True),
        ([f"{ABOVE}    █\n{BELOW}"], False),
        ([f"{ABOVE[:-1]}█\n{BELOW}"], False),
        ([f"{ABOVE[:-1]}█\n    x = client.\n{BELOW}"], False),
        ([f"{ABOVE}    x = client.get()\n{many('y', 30)}█\n{BELOW}"], False),
        ([f"█{ABOVE}    x = client.\n{BELOW}", HINTED], False),
    ],
)
def test_a_hint_stays_as_long_as_its_line(steps: list[str], *, kept: bool) -> None:
    before = hinted()
    after = follow(steps, previous=before)[-1]
    assert ("# get" in context_of(after).prefix) is kept
    if kept and len(steps) == 1:
        assert only_appends(context_of(before), context_of(after))


@pytest.mark.parametrize(
    ("line", "comment"),
    [(0, "# far above"), (99999, "# below"), (101, "# below"), (100, "  \n ")],
)
def test_hints_that_are_not_taken(line: int, comment: str) -> None:
    assert hinted(line, comment) == follow([HINTED])[0]


def test_one_hint_a_line() -> None:
    window = hinted()
    assert window.with_hint(100, "# another") == window
    assert window.with_hint(99, "# another").hints[0].text == "# another\n"


def test_hints_count_and_go_where_there_is_no_room() -> None:
    options = ContextOptions(16, 0)
    asked = request("a\nb\nc = █")
    window = place_window(asked, options, count)
    for line in range(3):
        window = window.with_hint(line, "# one two three")
    found = place_window(asked, options, count, window)
    assert count(context_of(found).prefix) <= 16


TEXTS = st.text(st.sampled_from("ab_ (){}\n\r\t\x0c😀"), max_size=120)
NEW = TEXTS | st.just("import a\n")
PLACES = st.integers(0, 400)
EDITS = st.lists(
    st.tuples(PLACES, st.integers(0, 60), NEW, st.none() | PLACES, st.booleans()), max_size=8
)


@settings(max_examples=400, deadline=None)
@given(TEXTS, EDITS, st.integers(16, 80), st.integers(0, 40))
def test_any_edits(
    text: str, edits: list[tuple[int, int, str, int | None, bool]], prefix: int, suffix: int
) -> None:
    options = ContextOptions(prefix, suffix)
    window: Window | None = None
    for at, size, new, cursor, hint in edits:
        text = text[:at] + new + text[at + size :]
        asked = request(marked(text, at + len(new) if cursor is None else cursor))
        counts = {line: count(line) for line in lines_to_count(asked, options, window)}
        found = place_window(asked, options, counts.__getitem__, window, skeleton_tokens=4)
        again = place_window(asked, options, counts.__getitem__, window, skeleton_tokens=4)
        assert again == found
        check(found, options)
        window = found.with_hint(asked.position.line, "# a") if hint else found


def marked(text: str, at: int) -> str:
    at = min(at, len(text))
    if text[at - 1 : at + 1] == "\r\n":
        at -= 1
    return f"{text[:at]}█{text[at:]}"


def check(window: Window, options: ContextOptions) -> None:
    """The prompt is made of the document's own lines, but for what the window says of them."""
    context, document = context_of(window), window.document
    row, column = window.position.line, window.position.column
    typed = document.line(row)[:column]
    assert window.first <= window.middle <= row
    assert count(context.prefix) <= max(options.prefix_tokens, count(typed))
    assert count("".join(window.suffix)) <= options.suffix_tokens
    hidden = {line for start, end in window.hidden for line in range(start, end)}
    assert len(hidden) <= HIDDEN_LINES
    assert hidden <= set(range(window.first, window.middle))
    lines = document.lines[window.first : row]
    shown = [line for number, line in enumerate(lines, window.first) if number not in hidden]
    for hint in reversed(window.hints):
        shown.insert(hint.line - window.first - len(hidden), hint.text)
    assert context.prefix == window.skeleton + "".join(shown) + typed
    assert row < window.below
    between = "".join(document.lines[row + 1 : window.below])
    assert not re.search(r"\w", between)
