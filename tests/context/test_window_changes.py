"""Which lines changed: one letter a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.changes import Change, changes, moved_begin, moved_line


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("abc", "abc", []),
        ("abc", "axc", [(1, 2, 1, 2)]),
        ("abc", "axxc", [(1, 2, 1, 3)]),
        ("abc", "abxc", [(2, 2, 2, 3)]),
        ("abc", "xabc", [(0, 0, 0, 1)]),
        ("abc", "bc", [(0, 1, 0, 0)]),
        ("abc", "", [(0, 3, 0, 0)]),
        ("", "ab", [(0, 0, 0, 2)]),
        ("abcdef", "iabcdxf", [(0, 0, 0, 1), (4, 5, 5, 6)]),
        ("iabcdef", "abcdxyf", [(0, 1, 0, 0), (5, 6, 4, 6)]),
        ("abcdefgh", "abXdefYh", [(2, 3, 2, 3), (6, 7, 6, 7)]),
        ("abcdefgh", "iabcdXYfh", [(0, 0, 0, 1), (4, 5, 5, 7), (6, 7, 8, 8)]),
        ("abcdefgh", "iabXYdefh", [(0, 3, 0, 5), (6, 7, 8, 8)]),
        ("abcd", "wxyz", [(0, 4, 0, 4)]),
        ("a" * 600 + "x" + "a" * 600, "a" * 600 + "y" + "a" * 600, [(600, 601, 600, 601)]),
    ],
)
def test_changes(old: str, new: str, expected: list[tuple[int, int, int, int]]) -> None:
    assert changes(tuple(old), tuple(new)) == tuple(Change(*one) for one in expected)


@given(st.text("abc", max_size=30), st.text("abc", max_size=30))
def test_changes_turn_one_into_the_other(old: str, new: str) -> None:
    found = changes(tuple(old), tuple(new))
    made, at = "", 0
    for change in found:
        made += old[at : change.start] + new[change.new_start : change.new_end]
        assert (change.start, change.new_start) >= (at, 0)
        at = change.end
    assert made + old[at:] == new
    for line, letter in enumerate(old):
        now = moved_line(line, found)
        if now is not None and not any(one.start <= line < one.end for one in found):
            assert new[now] == letter
        assert now is None or 0 <= now < len(new)
    for behind in (False, True):
        begins = [moved_begin(line, found, behind=behind) for line in range(len(old) + 1)]
        known = [begin for begin in begins if begin is not None]
        assert known == sorted(known)
        assert all(0 <= begin <= len(new) for begin in known)


@pytest.mark.parametrize(
    ("line", "begin", "behind", "now"),
    [(0, 0, 1, 1), (1, 2, 2, 2), (2, 3, 3, None), (3, None, None, None), (4, 4, 4, 4)],
)
def test_places(line: int, begin: int | None, behind: int | None, now: int | None) -> None:
    # A line came at the top, and the third and fourth of them became nothing.
    found = (Change(0, 0, 0, 1), Change(2, 4, 3, 3))
    assert moved_begin(line, found, behind=False) == (begin if line != 4 else 3)
    assert moved_begin(line, found, behind=True) == (behind if line != 4 else 3)
    assert moved_line(line, found) == (now if line != 4 else 3)
