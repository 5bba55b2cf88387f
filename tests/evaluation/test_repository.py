"""Items cut from a repository of one's own: what is held out, and that nothing of it is trained."""

from pathlib import Path

import pytest

from fimbul_models.errors import RecipeError, SourceError
from fimbul_models.evaluation.repository import (
    RepositoryRules,
    cut_items,
    read_repository,
    write_training,
)
from tests.corpus.repositories_made import commit, git, new_repository

RULES = RepositoryRules(held_files=0.3, later_items=20, file_items=20)


def module(number: int, *more: str) -> str:
    """Return a file of code like no other."""
    functions = (
        f"\n\ndef load_{number}_{part}(path, limit_{part}):\n"
        f'    """Return what is read."""\n'
        f"    rows_{number} = json.loads(path.read_text())\n"
        f"    for row in rows_{number}[:limit_{part}]:\n"
        f"        row.update(count_{part}=len(rows_{number}))\n"
        f"    return rows_{number}\n"
        for part in range(6)
    )
    return "".join([f'"""Module {number}."""\n\nimport json\n', *functions, *more])


NEW = (
    "\n\ndef store_later(path, rows_later):\n"
    "    encoded_later = json.dumps(rows_later, indent=2)\n"
    "    path.write_text(encoded_later + path.name)\n"
    "    return len(encoded_later) - len(rows_later)\n"
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "own")
    files = {f"pack/module_{number}.py": module(number) for number in range(12)}
    commit(folder, files, "2026-01-01T00:00:00+00:00")
    # A file that was only moved has added nothing.
    git(folder, "mv", "pack/module_1.py", "pack/moved.py")
    later = {f"pack/module_{number}.py": module(number, NEW) for number in (0, 2, 3, 4)}
    commit(folder, later, "2026-03-01T00:00:00+00:00")
    return folder


def row_of(item_prefix: str) -> int:
    return item_prefix.count("\n")


def test_items_are_of_lines_that_came_later_or_of_files_held_out(repository: Path) -> None:
    held = read_repository(repository, RULES)
    items = cut_items(held, RULES)
    kinds = {item.kind.partition("/")[0] for item in items}
    assert {"later", "files"} <= kinds
    texts = {file.path: file.text for file in held.project.files}
    for item in items:
        is_later = item.path not in held.files
        if item.kind.startswith("later"):
            assert row_of(item.prefix) in held.added[item.path]
            assert "later" in texts[item.path].splitlines()[row_of(item.prefix)]
        assert not (is_later and item.kind.startswith("files"))
        if not item.kind.startswith("typing"):
            assert item.prefix + item.answer + item.suffix == texts[item.path]
    assert cut_items(held, RULES) == items


def test_what_is_trained_on_holds_nothing_of_the_items(repository: Path, tmp_path: Path) -> None:
    held = read_repository(repository, RULES)
    count = write_training(held, tmp_path / "training")
    written = [path for path in (tmp_path / "training").rglob("*") if path.is_file()]
    assert (
        len(written)
        == count
        == 12 - len(held.files & {f"pack/module_{number}.py" for number in range(12)})
    )
    assert not any("later" in path.read_text() for path in written)
    assert not {path.relative_to(tmp_path / "training").as_posix() for path in written} & held.files
    with pytest.raises(RecipeError, match="is not empty"):
        write_training(held, tmp_path / "training")
    # Nothing is written into the repository itself.
    assert git(repository, "status", "--porcelain") == ""


@pytest.mark.parametrize("since", ["2026-02-01", "HEAD~1", ""])
def test_since_is_a_date_a_commit_or_the_last_tenth(repository: Path, since: str) -> None:
    rules = RepositoryRules(since=since)
    assert read_repository(repository, rules).since == git(repository, "rev-parse", "HEAD~1")


def test_a_repository_without_a_past_says_so(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "young")
    commit(folder, {"a.py": module(1)}, "2026-01-01T00:00:00+00:00")
    with pytest.raises(SourceError, match="one commit only"):
        read_repository(folder, RepositoryRules())
    with pytest.raises(SourceError, match="no git repository"):
        read_repository(tmp_path, RepositoryRules())


def test_lines_that_look_like_headers_are_lines(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "odd")
    commit(folder, {"a.py": module(1), "b.py": module(2)}, "2026-01-01T00:00:00+00:00")
    odd = module(1) + "\n".join(["x = 1", "++ b/b.py", "@@ -1 +1 @@", "y = 2"])
    commit(folder, {"a.py": odd}, "2026-03-01T00:00:00+00:00")
    held = read_repository(folder, RepositoryRules(held_files=0.01))
    first = module(1).count("\n")
    assert held.added == {"a.py": frozenset(range(first, first + 4))}


def test_a_block_that_is_new_is_typed_again(repository: Path) -> None:
    methods = "".join(
        f"    def part_{number}(self, {name}):\n"
        f"        self.{name}_{number} = {name}\n"
        f"        return self.{name}_{number} * {number}\n\n"
        for number, name in enumerate(("alpha", "bravo", "carbon", "delta", "ember") * 2)
    )
    new = {"pack/typed.py": f'"""Typed."""\n\n\nclass Typed:\n{methods}'}
    commit(repository, new, "2026-04-01T00:00:00+00:00")
    rules = RepositoryRules(since="HEAD~1", held_files=0.01, typing_items=8)
    items = [
        item
        for item in cut_items(read_repository(repository, rules), rules)
        if item.kind.startswith("typing")
    ]
    assert len(items) == 8
    for item in items:
        # The line is only begun: the file as it will be does not stand there yet.
        assert item.prefix + item.answer + item.suffix != new["pack/typed.py"]
        line = item.prefix.rpartition("\n")[2] + item.answer
        assert line.strip() in new["pack/typed.py"]
