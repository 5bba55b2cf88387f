from lsp_server.context.candidate import Candidate
from lsp_server.context.fusion import SNIPPET_OVERHEAD, Selection, Verdict, select
from lsp_server.types import Snippet


def candidate(source: str, path: str, text: str, lines: tuple[int, int] = (0, 1)) -> Candidate:
    return Candidate(source, path, text, *lines, "because")


A = candidate("imports", "a.py", "def a(): ...\n")
B = candidate("imports", "b.py", "def b(): ...\n")
C = candidate("similar", "c.py", "c = 1\n")


def count(text: str) -> int:
    return len(text.split())


def chosen(selection: Selection) -> list[str]:
    return [snippet.path for snippet in selection.snippets]


def test_the_best_stands_last_next_to_the_file() -> None:
    found = {"imports": [A, B], "similar": [C]}
    assert chosen(select(found, 1000, (), count)) == ["c.py", "b.py", "a.py"]


def test_what_two_sources_find_counts_twice() -> None:
    again = candidate("tabs", "c.py", "c = 1\n")
    found = {"twin": [B], "similar": [C], "tabs": [again]}
    selection = select(found, 1000, (), count)
    assert chosen(selection) == ["b.py", "c.py"]
    assert selection.judged[0].sources == ("similar", "tabs")


def test_nothing_exceeds_the_budget_and_the_rest_is_still_tried() -> None:
    long = candidate("imports", "l.py", "word " * 50 + "\n")
    budget = 2 * (3 + SNIPPET_OVERHEAD)
    selection = select({"imports": [A, long, B]}, budget, (), count)
    assert chosen(selection) == ["b.py", "a.py"]
    assert selection.tokens == budget
    assert [row.verdict for row in selection.judged] == [
        Verdict.TAKEN,
        Verdict.NO_ROOM,
        Verdict.TAKEN,
    ]


def test_overlapping_lines_and_equal_texts_are_taken_once() -> None:
    overlapping = candidate("similar", "a.py", "other\n", (0, 5))
    copied = candidate("twin", "copy.py", "  def a(): ...  \n", (7, 8))
    selection = select({"imports": [A], "similar": [overlapping], "twin": [copied]}, 99, (), count)
    assert chosen(selection) == ["a.py"]
    assert [row.verdict for row in selection.judged[1:]] == [Verdict.SAME, Verdict.SAME]


def test_what_the_window_shows_is_not_repeated() -> None:
    selection = select({"imports": [A, B]}, 99, ("    def a(): ...\n",), count)
    assert chosen(selection) == ["b.py"]
    assert selection.judged[0].verdict is Verdict.SHOWN


def test_yesterdays_prompt_is_a_prefix_of_todays() -> None:
    first = select({"imports": [A, B]}, 1000, (), count)
    second = select({"imports": [B, A], "similar": [C]}, 1000, (), count, first.snippets)
    assert second.snippets[: len(first.snippets)] == first.snippets
    assert chosen(second)[-1] == "c.py"


def test_what_is_wanted_no_more_goes() -> None:
    previous = (Snippet("gone.py", "x\n", "imports"), Snippet("a.py", A.text, "names"))
    selection = select({"imports": [A]}, 1000, (), count, previous)
    assert chosen(selection) == ["a.py"]


def test_the_same_candidates_give_the_same_selection() -> None:
    found = {"imports": [A, B], "similar": [C], "twin": [B]}
    assert select(found, 40, (), count) == select(dict(found), 40, (), count)
