"""The small context of a cold place."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.short import lines_to_count, shortened
from lsp_server.types import Context, Snippet, Surface

WHOLE = Context(
    older="import a\n" * 50,
    recent="x = 1\n" * 9 + "y = ",
    suffix="after()\n" * 50,
    rest_of_line="",
    path="b.py",
    snippets=(Snippet("a.py", "def f(): ...\n", "imports"),),
)


def cost(text: str) -> int:
    return max(1, len(text) // 4)


def test_it_holds_what_is_next_to_the_cursor_and_no_other_files() -> None:
    short = shortened(WHOLE, 100, cost)
    assert short.recent == WHOLE.recent
    assert short.older == "import a\n" * 18
    assert short.suffix == "after()\n" * 10
    assert not short.snippets
    assert short.path == "b.py"


def test_lines_come_from_the_cursor_outwards_without_a_break() -> None:
    huge = replace(WHOLE, recent="x = 1\n" + "long " * 400 + "\nz = 2\ny = ")
    short = shortened(huge, 100, cost)
    assert short.recent == "z = 2\ny = "
    assert not short.older


def test_what_is_typed_in_the_line_changes_nothing_else() -> None:
    typed = replace(WHOLE, recent=WHOLE.recent + "value_" * 40)
    one, other = shortened(WHOLE, 100, cost), shortened(typed, 100, cost)
    assert (one.older, one.suffix) == (other.older, other.suffix)
    assert other.recent == typed.recent


def test_enter_mostly_moves_nothing() -> None:
    begins = []
    for lines in range(9, 33):
        short = shortened(replace(WHOLE, recent="x = 12\n" * lines + "y = "), 100, cost)
        begins.append(59 - short.prefix.count("\n") + lines - 9)
        assert sum(map(cost, short.prefix.splitlines()[:-1])) >= 0.25 * 100
    assert begins == sorted(begins)
    assert len(set(begins)) <= 4


def test_the_rest_of_the_line_stays_in_the_middle_of_one() -> None:
    middle = replace(WHOLE, surface=Surface.MIDDLE, suffix=" + rest_of_it\n" + WHOLE.suffix)
    assert shortened(middle, 40, cost).suffix.startswith(" + rest_of_it\n")


TEXTS = st.text(st.sampled_from("ab \n"), max_size=60)


@given(TEXTS, TEXTS, TEXTS, st.integers(0, 60))
def test_it_is_always_a_part_of_the_whole_within_the_budget(
    older: str, recent: str, suffix: str, budget: int
) -> None:
    older += "\n" if older and not older.endswith("\n") else ""
    whole = replace(WHOLE, older=older, recent=recent, suffix=suffix)
    counted = dict.fromkeys(lines_to_count(whole))
    short = shortened(whole, budget, lambda text: cost(text) if text in counted else 10**9)
    assert whole.prefix.endswith(short.prefix)
    assert whole.suffix.startswith(short.suffix)
    typed = recent.rpartition("\n")[2]
    above = short.prefix[: len(short.prefix) - len(typed)].splitlines(keepends=True)
    assert sum(map(cost, above)) <= 0.6 * budget
