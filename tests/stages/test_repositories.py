"""Which repository a folder is a clone of, and that no program is needed to look."""

from pathlib import Path

import pytest

from lsp_server.catalogue.adapters import Repository
from lsp_server.catalogue.repositories import belongs, identify, root_of
from lsp_server.errors import AdapterError
from tests.adapters import git, repository


def test_a_repository_is_told_by_its_first_commit(tmp_path: Path) -> None:
    mine, other = repository(tmp_path / "mine"), repository(tmp_path / "other")
    (mine / "src").mkdir()
    found = identify(mine / "src")
    assert (found.kind, found.name) == ("git", "mine")
    assert found.ids == (git(mine, "rev-list", "--max-parents=0", "HEAD"),)
    assert belongs(mine / "src", found)
    assert not belongs(other, found)
    assert not belongs(tmp_path, found)
    assert root_of(mine / "src") == mine


@pytest.mark.parametrize("how", ["clone", "packed", "worktree", "borrowed"])
def test_every_clone_of_it_belongs_to_it(how: str, tmp_path: Path) -> None:
    mine, other = repository(tmp_path / "mine"), tmp_path / "clone"
    found = identify(mine)
    if how == "worktree":
        git(mine, "worktree", "add", "-q", str(other))
    elif how == "borrowed":
        git(mine, "clone", "-q", "--shared", str(mine), str(other))
    else:
        git(mine, "clone", "-q", str(mine), str(other))
    if how == "packed":
        for n in range(40):
            (other / "a.py").write_text(f"# {n}\n")
            git(other, "commit", "-qam", f"Change {n}")
        git(other, "gc", "-q")
        assert not (other / ".git" / "objects" / found.ids[0][:2]).exists(), "it is in a pack"
    assert belongs(other, found)
    assert identify(other).key == found.key
    assert not belongs(other, Repository("git", ("0" * 40,)))


def test_a_folder_without_commits_is_told_by_its_path(tmp_path: Path) -> None:
    for name in ("plain", "empty"):
        (tmp_path / name / "below").mkdir(parents=True)
    git(tmp_path / "empty", "init", "-q")
    plain, empty = identify(tmp_path / "plain"), identify(tmp_path / "empty" / "below")
    assert (plain.kind, empty.kind, empty.name) == ("folder", "folder", "empty")
    assert belongs(tmp_path / "plain" / "below", plain)
    assert belongs(tmp_path / "empty" / "below", empty)
    assert not belongs(tmp_path / "empty", plain)


def test_what_the_configuration_of_a_repository_names_is_not_run(tmp_path: Path) -> None:
    mine, trace = repository(tmp_path / "mine"), tmp_path / "trace"
    for key in ("core.fsmonitor", "core.pager", "pager.rev-list", "core.sshCommand"):
        git(mine, "config", key, f"touch {trace}")
    assert identify(mine).kind == "git"
    assert not trace.exists()


def test_a_damaged_repository_belongs_to_nothing(tmp_path: Path) -> None:
    mine = repository(tmp_path / "mine")
    found = identify(mine)
    git(mine, "gc", "-q")
    (index,) = (mine / ".git" / "objects" / "pack").glob("*.idx")
    index.chmod(0o644)
    index.write_bytes(index.read_bytes()[:100])
    assert not belongs(mine, found)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / ".git").write_text("gitdir: \0\n")
    assert not belongs(tmp_path / "strange", found)
    with pytest.raises(AdapterError, match="git could not say"):
        identify(tmp_path / "strange")
    with pytest.raises(AdapterError, match="There is no folder"):
        identify(tmp_path / "nothing")
