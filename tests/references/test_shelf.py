"""What a shelf finds: runs at the right place, however they are dressed up."""

import random
import re
from pathlib import Path

import numpy as np
import pytest

from lsp_server.references.index import consistent_runs
from lsp_server.references.matches import Findings, Likeness, Source
from lsp_server.references.shelf import Shelf
from lsp_server.references.tokens import IDENTIFIER, Lexer
from tests.references.made import made_python, record, write_index

ELSE = made_python(900, 3)
THEIRS = made_python(1)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    write_index(tmp_path, "public", [record("a.py", made_python(2)), record("b.py", THEIRS)])
    return Shelf(tmp_path)


def cut(first: int, tokens: int, text: str = THEIRS) -> str:
    spans = Lexer().spans(text, "python")
    return text[spans[first][0] : spans[first + tokens - 1][1]]


def test_a_run_is_found_with_its_place(shelf: Shelf) -> None:
    run = cut(150, 80)
    text = f"{ELSE}\nbefore(\n{run}\n)after\n{ELSE}"
    (match,) = shelf.look(text, "python").matches
    found = text[match.start : match.end]
    assert run in found
    assert len(found) < len(run) + 12
    assert match.tokens in range(80, 83)
    assert match.likeness is Likeness.VERBATIM
    line = THEIRS[: THEIRS.index(run)].count("\n") + 1
    (source,) = match.sources
    assert source == Source("public", "folder:theirs", "b.py", line, "MIT", "permissive")


@pytest.mark.parametrize("seed", range(30))
def test_every_run_of_65_tokens_is_found(shelf: Shelf, seed: int) -> None:
    draw = random.Random(seed)
    count = len(Lexer().spans(THEIRS, "python"))
    length = draw.choice([65, 66, 90, 130])
    run = cut(draw.randrange(count - length), length)
    (match,) = shelf.look(f"{ELSE}\n{run}\n{ELSE}", "python").matches
    assert match.tokens >= length


def test_a_run_of_64_tokens_is_not_told(shelf: Shelf) -> None:
    run = cut(151, 64)
    assert shelf.look(f"{ELSE} ? {run} ? {ELSE}", "python") == Findings()


def test_other_white_space_and_comments_change_nothing(shelf: Shelf) -> None:
    run = re.sub(r"#[^\n]*", "# other", cut(100, 120))
    dressed = re.sub(r"\n *", "\n\n  # note\n\t", run).replace(" = ", "=").replace(", ", " ,\n")
    (match,) = shelf.look(f"{ELSE}\n{dressed}\n", "python").matches
    assert match.tokens >= 120


def test_renamed_identifiers_are_noticed_in_longer_runs(shelf: Shelf) -> None:
    names = sorted(set(re.findall(r"\b[a-z]+_[a-z0-9_]+", THEIRS)))
    other = {name: f"{name}_too" for name in names[::3]}
    # Texts stay as they are, as whoever renames leaves them.
    pattern = re.compile(r"\"[^\"]*\"|\b[a-z]+_[a-z0-9_]+")

    def renamed(text: str) -> str:
        return pattern.sub(lambda match: other.get(match[0], match[0]), text)

    (match,) = shelf.look(f"{ELSE}\n{renamed(cut(100, 200))}", "python").matches
    assert match.likeness is Likeness.RENAMED
    assert match.tokens >= 190
    short = shelf.look(f"{ELSE}\n{renamed(cut(100, 100))}", "python")
    assert not [one for one in short.matches if one.likeness is Likeness.RENAMED]


def test_what_is_alike_word_by_word_is_told_so_although_another_file_is_alike_but_for_names(
    tmp_path: Path,
) -> None:
    other = re.sub(r"\b(read|find|keep)_", r"\1ing_", THEIRS)
    write_index(tmp_path, "public", [record("a.py", THEIRS), record("b.py", other)])
    found = Shelf(tmp_path).look(f"some(\n{cut(100, 200)}\nthing", "python")
    assert [match.likeness for match in found.matches] == [Likeness.VERBATIM]
    assert found.matches[0].sources[0].path == "a.py"


def test_a_name_that_stands_for_two_ends_a_run() -> None:
    names = [IDENTIFIER | 2 * number for number in range(1, 40)]
    here = [value for name in names for value in (name, 4, 6)] * 2
    there = [value | 1024 if value & IDENTIFIER and value < 20 else value for value in here]
    assert consistent_runs(here, there, 60) == [(0, 234)]
    # What the second name stood for until here is what another one stands for now.
    there[150] = there[3]
    assert consistent_runs(here, there, 60) == [(0, 150)]
    assert consistent_runs(here, there, 151) == []
    assert consistent_runs(here, here, 60) == [], "nothing is renamed"


def test_what_has_another_shape_is_not_renamed(shelf: Shelf) -> None:
    assert shelf.look(made_python(77), "python") == Findings()


def test_least_is_kept_to(shelf: Shelf) -> None:
    text = f"{ELSE}\n{cut(150, 80)}\n"
    assert shelf.look(text, "python", least=79).matches
    assert not shelf.look(text, "python", least=100).matches


def test_what_is_ones_own_is_told_apart(shelf: Shelf) -> None:
    text = cut(100, 120)
    found = shelf.look(text, "python", own=lambda source: source.project == "folder:theirs")
    assert not found.matches
    assert [one.rule for one in found.suppressed] == ["own-project"]


def test_a_copy_is_told_once_a_project_and_each_licence_class_is_told(tmp_path: Path) -> None:
    write_index(tmp_path, "a", [record("a.py", THEIRS), record("copy.py", THEIRS)])
    longer = cut(100, 200)
    gpl = {"licence": "GPL-3.0-only", "licence_class": "copyleft"}
    write_index(tmp_path, "b", [record("c.py", cut(120, 100), "npm:other", **gpl)])
    found = Shelf(tmp_path).look(longer, "python")
    classes = [[source.licence_class for source in match.sources] for match in found.matches]
    assert classes == [["permissive"], ["copyleft"]]
    assert [match.tokens for match in found.matches] == [200, 100]


def test_threads_may_share_a_shelf(shelf: Shelf) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = [f"{ELSE}\n{cut(number, 90)}\n" for number in range(0, 300, 7)]
    alone = [shelf.look(text, "python") for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: shelf.look(text, "python"), texts)) == alone


def test_what_repeats_itself_is_found_and_called_a_table(tmp_path: Path) -> None:
    table = "x = [" + "0, 1, " * 400 + "]\n"
    write_index(tmp_path, "t", [record("t.py", THEIRS + table)])
    found = Shelf(tmp_path).look("y = [" + "0, 1, " * 60 + "2]", "python")
    assert not found.matches
    assert {one.rule for one in found.suppressed} == {"table"}
    assert max(one.match.tokens for one in found.suppressed) >= 240


def test_line_counts_of_long_lines(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    long = "x = [" + ", ".join(f"v{n}" for n in draw.integers(0, 10**6, 700)) + "]"
    write_index(tmp_path, "t", [record("t.py", f"a\n\n{long}\n\n{THEIRS}")])
    (match,) = Shelf(tmp_path).look(cut(0, 100), "python").matches
    assert match.sources[0].line == 4 + 2
