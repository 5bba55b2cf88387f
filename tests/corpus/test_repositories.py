import shutil
from pathlib import Path

import pytest

from fimbul_models.corpus.gathering import GatherRules, read_unit
from fimbul_models.corpus.planning import Planner, repository_name
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record
from fimbul_models.corpus.repositories import clone, commit_of, git_folder
from fimbul_models.corpus.units import GitSource, Kind, Missing, Places, Unit
from fimbul_models.errors import RecipeError, SourceError
from tests.corpus.repositories_made import commit, git, new_repository, write

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

OLD, NEW, NEWEST = "2020-01-01T00:00:00+00:00", "2021-06-01T12:00:00+02:00", "2022-01-01T00:00:00Z"


def planner(tmp_path: Path) -> Planner:
    places = Places(
        recipe=tmp_path, packages=tmp_path / "packages", repositories=tmp_path / "clones"
    )
    return Planner(places, GatherRules())


def only_unit(tmp_path: Path, **source: object) -> Unit:
    (unit,) = planner(tmp_path).list_units(GitSource(name="g", **source))  # type: ignore[arg-type]
    return unit


def records(unit: Unit) -> dict[str, Record]:
    found = list(read_unit(unit, GatherRules()))
    assert [came.key for came in found] == sorted(came.key for came in found)
    return {record.path: record for record in found if isinstance(record, Record)}


def test_each_file_has_the_date_of_its_last_change(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "r")
    commit(repository, {"a.py": "a\n", "d/b c.py": "b\n", "gone.py": "g\n"}, OLD)
    (repository / "gone.py").unlink()
    last = commit(repository, {"d/b c.py": "bb\n"}, NEW)
    unit = only_unit(tmp_path, path="r")
    assert (unit.kind, unit.repository, unit.revision) == (Kind.GIT, "git:g", last)
    assert {path: (record.text, record.date) for path, record in records(unit).items()} == {
        "a.py": ("a\n", "2020-01-01T00:00:00Z"),
        "d/b c.py": ("bb\n", "2021-06-01T10:00:00Z"),
    }


def test_a_merge_dates_only_what_it_changed_itself(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "r")
    commit(repository, {"a.py": "1\n", "b.py": "1\n"}, OLD)
    git(repository, "checkout", "-q", "-b", "side")
    commit(repository, {"a.py": "2\n"}, NEW)
    git(repository, "checkout", "-q", "main")
    commit(repository, {"b.py": "2\n"}, "2021-07-01T00:00:00Z")
    git(repository, "merge", "-q", "--no-commit", "side")
    commit(repository, {"b.py": "3\n"}, NEWEST)
    dates = {path: record.date for path, record in records(only_unit(tmp_path, path="r")).items()}
    assert dates == {"a.py": "2021-06-01T10:00:00Z", "b.py": "2022-01-01T00:00:00Z"}


def test_what_is_committed_counts_and_not_what_lies_in_the_folder(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "r")
    first = commit(repository, {"a.py": "first\n"}, OLD)
    commit(repository, {"a.py": "second\n"}, NEW)
    write(repository, {"a.py": "changed\n", "untracked.py": "u\n"})
    assert {p: r.text for p, r in records(only_unit(tmp_path, path="r")).items()} == {
        "a.py": "second\n"
    }
    assert records(only_unit(tmp_path, path="r", revision=first))["a.py"].text == "first\n"


def test_links_are_passed_over_and_submodules_are_told(tmp_path: Path) -> None:
    other = new_repository(tmp_path / "other")
    commit(other, {"x.py": "x\n"}, OLD)
    repository = new_repository(tmp_path / "r")
    (repository / "link.py").symlink_to("a.py")
    commit(repository, {"a.py": "a\n"}, OLD)
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "m")
    commit(repository, {}, NEW)
    came = list(read_unit(only_unit(tmp_path, path="r"), GatherRules()))
    assert [(item.key, getattr(item, "reason", None)) for item in came] == [
        ("git:g\n.gitmodules", None),
        ("git:g\na.py", None),
        ("git:g\nm", Reason.VENDORED),
    ]


@pytest.mark.parametrize("name", ["bare.git", "tree", "r"])
def test_every_form_of_a_repository_is_read(tmp_path: Path, name: str) -> None:
    repository = new_repository(tmp_path / "r")
    commit(repository, {"a.py": "a\n"}, OLD)
    git(repository, "clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    git(repository, "worktree", "add", "-q", "-b", "w", str(tmp_path / "tree"))
    assert records(only_unit(tmp_path, path=name))["a.py"].text == "a\n"


def test_a_folder_of_repositories_is_one_unit_each(tmp_path: Path) -> None:
    for name in ("b", "a"):
        commit(new_repository(tmp_path / "all" / name), {"a.py": f"{name}\n"}, OLD)
    units = list(planner(tmp_path).list_units(GitSource(name="g", path="all", each=True)))
    assert [unit.repository for unit in units] == ["git:g/a", "git:g/b"]


def test_nothing_that_a_repository_names_is_run(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "r")
    commit(repository, {"a.py": "a\n", ".gitattributes": "*.py filter=evil diff=evil\n"}, OLD)
    proof = tmp_path / "ran"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {proof}\n")
    script.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "gpg.program",
        "filter.evil.smudge",
        "diff.evil.textconv",
        "diff.external",
        "core.sshCommand",
        "core.askPass",
        "credential.helper",
    ):
        git(repository, "config", key, str(script))
    git(repository, "config", "log.showSignature", "true")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        shutil.copy(script, repository / ".git" / "hooks" / hook)
    assert records(only_unit(tmp_path, path="r"))["a.py"].text == "a\n"
    cloned = only_unit(tmp_path, address=f"file://{repository}", protocols=("file",))
    assert records(cloned)["a.py"].text == "a\n"
    assert not proof.exists()


def test_settings_of_the_user_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(new_repository(tmp_path / "r"), {"d/a.py": "a\n"}, OLD)
    (tmp_path / ".gitconfig").write_text(
        "[log]\n\tshowRoot = false\n[diff]\n\torderFile = gone\n\trelative = true\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert records(only_unit(tmp_path, path="r"))["d/a.py"].date == "2020-01-01T00:00:00Z"


def test_a_clone_is_kept_and_named_after_its_address(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "r")
    first = commit(repository, {"a.py": "a\n"}, OLD)
    address = f"file://{repository}"
    unit = only_unit(tmp_path, address=address, protocols=("file",))
    assert unit.repository == f"git:{str(repository).strip('/')}"
    commit(repository, {"a.py": "b\n"}, NEW)
    again = only_unit(tmp_path, address=address, protocols=("file",))
    assert unit.revision == again.revision == first
    assert [path.name[0] for path in (tmp_path / "clones").iterdir()] != ["."]


@pytest.mark.parametrize("address", ["ext::touch% proof", "file:///nowhere", "--upload-pack=x"])
def test_only_allowed_ways_to_clone_are_gone(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="cannot be cloned"):
        clone(address, tmp_path / "clone", ("https",))
    assert not list(tmp_path.iterdir())


def test_a_clone_that_is_missing_may_be_left_out(tmp_path: Path) -> None:
    unit = only_unit(
        tmp_path, address="file:///nowhere/x", protocols=("file",), missing=Missing.SKIP
    )
    (drop,) = read_unit(unit, GatherRules())
    assert isinstance(drop, Drop)
    assert (drop.key, drop.reason) == ("git:nowhere/x\n", Reason.UNREADABLE)
    assert "cannot be cloned" in drop.detail


def test_what_is_no_repository_or_has_no_commit_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no git repository"):
        git_folder(tmp_path)
    empty = git_folder(new_repository(tmp_path / "r"))
    with pytest.raises(SourceError, match="has no commit HEAD"):
        commit_of(empty, "HEAD")
    with pytest.raises(SourceError, match="has no commit --output=x"):
        commit_of(empty, "--output=x")
    with pytest.raises(RecipeError, match="either a path or an address"):
        list(planner(tmp_path).list_units(GitSource(name="g")))


def test_a_damaged_repository_is_drops_and_no_end(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "r")
    commit(repository, {"a.py": "a\n", "b.py": "b\n"}, OLD)
    unit = only_unit(tmp_path, path="r")
    blob = git(repository, "rev-parse", "HEAD:a.py")
    damaged = repository / ".git" / "objects" / blob[:2] / blob[2:]
    damaged.chmod(0o644)
    damaged.unlink()
    came = list(read_unit(unit, GatherRules()))
    assert [getattr(item, "reason", None) for item in came] == [Reason.UNREADABLE, None]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://host.example/owner/name.git", "git:host.example/owner/name"),
        ("https://me:key@host.example:8443/owner/name/", "git:host.example/owner/name"),
        ("git@host.example:owner/name.git", "git:host.example/owner/name"),
        ("ssh://git@host.example/owner/name", "git:host.example/owner/name"),
    ],
)
def test_a_repository_is_named_by_host_and_path(address: str, name: str) -> None:
    assert repository_name(address) == name
