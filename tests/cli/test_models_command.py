"""`fimbul models`: what each subcommand does and says."""

import argparse
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp_server.catalogue.store import ModelStore
from lsp_server.catalogue.table import load_table
from lsp_server.cli import choice, models
from lsp_server.cli.console import Console, in_units
from lsp_server.cli.main import main
from lsp_server.config.options import DEFAULT_MODEL
from lsp_server.config.paths import Paths
from lsp_server.errors import (
    ConfigError,
    ModelDamaged,
    ModelMissing,
    ModelUnknown,
    ModelUntrusted,
    ModelUnusable,
)
from lsp_server.types import ModelDescription
from tests.cli.hub import Hub, serve

GGUF = b"GGUF" + bytes([3, 0, 0, 0]) + bytes(16) + b"weights" * 1000
QWEN = frozenset({"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"})
OWN = {"prefix": "[P]", "suffix": "[S]", "middle": "[M]"}


def describe(
    special: frozenset[str] = frozenset(), fim: dict[str, str] | None = None
) -> Callable[[Path], ModelDescription]:
    """Return what stands in for reading a file of 7 kB: it says what it is told to say."""
    return lambda _: ModelDescription("qwen2", "Mine", 7, 2048, fim or {}, special)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    folders = {name: tmp_path / name for name in ("config", "data", "cache", "state")}
    return Paths(**folders, policy_file=tmp_path / "policy.toml")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "My Own (Model).Q4.gguf"
    path.write_bytes(GGUF)
    return path


class Screen:
    """A console, what it shows and what is typed there."""

    def __init__(self, *typed: str) -> None:
        self._typed = iter(typed)
        self._out, self._err = io.StringIO(), io.StringIO()
        self.console = Console(self._out, self._err, interactive=True, read=self._read)

    def _read(self) -> str:
        try:
            return next(self._typed)
        except StopIteration as exc:
            raise EOFError from exc

    @property
    def out(self) -> str:
        return self._out.getvalue()

    @property
    def err(self) -> str:
        return self._err.getvalue()


def add(paths: Paths, file: Path, screen: Screen | None = None, **more: Any) -> None:
    given: dict[str, Any] = {"name": None, "family": None, "tokens": {}, "copy": False}
    given |= {"describe": describe()} | more
    models.add_model(paths, file, (screen or Screen()).console, **given)


# list


def test_list_shows_every_model_and_which_serves(paths: Paths) -> None:
    screen = Screen()
    models.list_models(paths, screen.console, as_json=False)
    lines = screen.out.splitlines()
    for model in load_table():
        assert any(model.name in line and model.licence in line for line in lines)
    assert [line.split()[1] for line in lines if line.startswith("* qwen")] == [DEFAULT_MODEL]
    assert "installed" not in screen.out
    assert "no commercial use" in screen.out


def test_list_as_json(paths: Paths, file: Path) -> None:
    add(paths, file, tokens=OWN)
    screen = Screen()
    models.list_models(paths, screen.console, as_json=True)
    rows = {row["name"]: row for row in json.loads(screen.out)}
    assert list(rows) == [*(model.name for model in load_table()), "my-own-model.q4"]
    assert rows[DEFAULT_MODEL]["used"]
    assert rows[DEFAULT_MODEL]["sources"] == ["hub", "mirror"]
    mine = rows["my-own-model.q4"]
    assert (mine["path"], mine["bytes"], mine["fim_tokens"]) == (str(file), len(GGUF), OWN)


# use


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, '[engine]\nmodel = "NAME"\n'),
        (
            "# mine\n[completion]\nenable = true # yes\n\n[engine]\nthreads=2\n"
            'model  =  "x" # old\n',
            "# mine\n[completion]\nenable = true # yes\n\n[engine]\nthreads=2\n"
            'model  =  "NAME" # old\n',
        ),
    ],
)
def test_use_changes_one_option_and_nothing_else(
    paths: Paths, before: str | None, after: str
) -> None:
    name = "smollm2-135m-instruct-q4_1"
    if before is not None:
        paths.config.mkdir()
        paths.user_file.write_text(before, encoding="utf-8")
    screen = Screen()
    choice.use_model(paths, name, screen.console)
    assert paths.user_file.read_text(encoding="utf-8") == after.replace("NAME", name)
    assert f"fimbul models pull {name}" in screen.out
    assert "prefix-only" in screen.out


@pytest.mark.parametrize("before", ["[engine", "engine = 3\n"])
def test_use_leaves_settings_that_it_cannot_read(paths: Paths, before: str) -> None:
    paths.config.mkdir()
    paths.user_file.write_text(before, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mend it|Mend it"):
        choice.use_model(paths, DEFAULT_MODEL, Screen().console)
    assert paths.user_file.read_text(encoding="utf-8") == before


def test_use_obeys_the_policy(paths: Paths) -> None:
    paths.policy_file.write_text(
        f'[policy]\nallowed_models = ["{DEFAULT_MODEL}"]\n', encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="does not allow mellum") as caught:
        choice.use_model(paths, "mellum-4b-base-q8_0", Screen().console)
    assert str(paths.policy_file) in str(caught.value)
    assert not paths.user_file.exists()
    choice.use_model(paths, DEFAULT_MODEL, Screen().console)
    assert paths.user_file.exists()


def test_use_knows_its_models(paths: Paths) -> None:
    with pytest.raises(ModelUnknown):
        choice.use_model(paths, "nothing-like-it", Screen().console)


# add


@pytest.mark.parametrize(
    ("more", "family", "tokens", "said"),
    [
        ({"describe": describe(QWEN)}, "qwen2.5-coder", {}, "those of qwen2.5-coder"),
        ({"describe": describe(QWEN), "tokens": OWN}, "qwen2.5-coder", OWN, "[P] [S] [M]"),
        ({"describe": describe(QWEN), "family": "none"}, "none", {}, "prefix-only"),
        ({"family": "starcoder2"}, "starcoder2", {}, "those of starcoder2"),
        ({"describe": describe(fim=OWN)}, "none", OWN, "[P] [S] [M]"),
        ({"describe": describe(fim={"prefix": "[P]"})}, "none", {}, "prefix-only"),
        ({}, "none", {}, "does not see what follows the cursor"),
    ],
)
def test_where_the_fim_tokens_of_an_added_file_come_from(
    paths: Paths,
    file: Path,
    more: dict[str, Any],
    family: str,
    tokens: dict[str, str],
    said: str,
) -> None:
    screen = Screen()
    add(paths, file, screen, **more)
    model = ModelStore(paths).get("my-own-model.q4")
    assert (model.family, model.fim_tokens) == (family, tokens)
    assert said in screen.out


def test_tokens_that_the_file_does_not_have_are_told(paths: Paths, file: Path) -> None:
    screen = Screen()
    add(paths, file, screen, describe=describe(frozenset({"[P]", "[S]"})), tokens=OWN)
    assert f"[M]: no special token of {file}" in screen.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tokens": {"prefix": "[P]"}}, "Give all of"),
        ({"family": "qwen"}, "There is no family qwen; there are qwen2.5-coder"),
        ({"name": "Not A Name"}, "cannot be a model's name"),
    ],
)
def test_flags_that_do_not_fit_are_told(
    paths: Paths, file: Path, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelUnusable, match=said):
        add(paths, file, **more)


def test_files_that_are_no_model_are_told_before_they_are_described(
    paths: Paths, tmp_path: Path
) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("not a model", encoding="utf-8")

    def never(path: Path) -> ModelDescription:
        raise AssertionError(path)

    with pytest.raises(ModelUnusable, match="text file"):
        add(paths, text, describe=never)


# remove


@pytest.mark.parametrize(
    ("typed", "removed"),
    [(["y"], True), (["YES"], True), ([""], False), (["n"], False), ([], False)],
)
def test_remove_asks(paths: Paths, file: Path, typed: list[str], removed: bool) -> None:
    add(paths, file, name="mine", copy=True)
    screen = Screen(*typed)
    status = models.remove_model(paths, "mine", screen.console, ask=True)
    assert status == (0 if removed else 1)
    assert (paths.models / "mine").exists() is not removed
    assert ("Removed mine; 7 kB are free again." in screen.out) is removed
    assert ("Nothing was removed" in screen.err) is not removed


def test_remove_keeps_a_file_that_is_not_fimbuls(paths: Paths, file: Path) -> None:
    add(paths, file, name="mine")
    choice.use_model(paths, "mine", Screen().console)
    screen = Screen()
    assert models.remove_model(paths, "mine", screen.console, ask=False) == 0
    assert file.read_bytes() == GGUF
    assert f"{file} was added where it lies, so it stays there." in screen.out
    assert "choose another" in screen.err + screen.out


def test_remove_of_what_is_not_here(paths: Paths) -> None:
    with pytest.raises(ModelMissing):
        models.remove_model(paths, DEFAULT_MODEL, Screen().console, ask=False)


# verify


def test_verify_goes_on_after_a_damaged_file(paths: Paths, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.gguf").write_bytes(GGUF)
        add(paths, tmp_path / f"{name}.gguf")
    (tmp_path / "b.gguf").write_bytes(GGUF.replace(b"weights", b"WEIGHTS"))
    screen = Screen()
    assert models.verify_models(paths, None, screen.console) == 1
    digest = hashlib.sha256(GGUF).hexdigest()
    assert screen.out.splitlines() == [f"{name} is intact: SHA-256 {digest}." for name in "ac"]
    assert f"expected {digest}" in screen.err
    with pytest.raises(ModelDamaged):
        models.verify_models(paths, "b", screen.console)


def test_trusting_a_file_that_was_put_there_by_hand(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Paths, "of_user", lambda: paths)
    unknown = next(model for model in load_table() if model.sha256 is None)
    place = paths.models / unknown.name / unknown.file
    place.parent.mkdir(parents=True)
    place.write_bytes(GGUF)
    store = ModelStore(paths)
    with pytest.raises(ModelUntrusted, match=f"fimbul models trust {unknown.name}"):
        store.require(unknown.name)
    assert main(["models", "trust", unknown.name]) == 0
    assert hashlib.sha256(GGUF).hexdigest() in capsys.readouterr().out
    assert store.require(unknown.name).path == place


def test_verify_without_models_says_so(paths: Paths) -> None:
    screen = Screen()
    assert models.verify_models(paths, None, screen.console) == 0
    assert "fimbul models pull" in screen.out


# pull without a name


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    sources = [model.hub for model in load_table()]
    with serve(Hub({f"{hub.repo}/{hub.file}": GGUF for hub in sources if hub})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("", "qwen2.5-coder-0.5b-q8_0"),
        ("1", "qwen2.5-coder-0.5b-q8_0"),
        ("7", "starcoder2-3b-q4_k_m"),
        ("mellum-4b-base-q8_0", "mellum-4b-base-q8_0"),
    ],
)
def test_the_choice_offers_the_base_model_first(
    paths: Paths, hub: Hub, typed: str, name: str
) -> None:
    screen = Screen("99", typed)
    models.choose_and_pull(paths, screen.console, source="hub")
    assert ModelStore(paths).require(name).path.read_bytes() == GGUF
    assert f'model = "{name}"' in paths.user_file.read_text(encoding="utf-8")
    assert screen.err.startswith("  1  Qwen2.5-Coder 0.5B (base), 531 MB, Apache-2.0")


def test_no_answer_fetches_nothing(paths: Paths, hub: Hub) -> None:
    screen = Screen()
    models.choose_and_pull(paths, screen.console, source="hub")
    assert "Nothing was fetched." in screen.out
    assert not hub.downloads()


def test_without_a_hub_the_choice_is_what_mirrors_carry(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    screen = Screen()
    models.choose_and_pull(paths, screen.console, source="hub")
    assert "No model hub can be reached" in screen.err
    assert "a third party's" in screen.err
    assert "  1  Qwen2.5-Coder 0.5B Instruct, 491 MB" in screen.err
    assert "StarCoder2" not in screen.err


def test_the_choice_obeys_the_policy(paths: Paths, hub: Hub) -> None:
    paths.policy_file.write_text(
        '[policy]\nallowed_models = ["mellum-4b-base-q8_0"]\n', encoding="utf-8"
    )
    screen = Screen("")
    models.choose_and_pull(paths, screen.console, source="hub")
    assert ModelStore(paths).installed("mellum-4b-base-q8_0")


# The command line


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fimbul")
    models.add_parser(parser.add_subparsers(required=True))
    return parser


@pytest.mark.parametrize(
    "line",
    [
        "list --json",
        "pull",
        "pull NAME --source any",
        "verify",
        "verify NAME",
        "trust NAME",
        "use NAME",
        "remove NAME --yes",
        "add FILE --name N --family F --fim-prefix P --fim-suffix S --fim-middle M --copy",
    ],
)
def test_each_line_has_something_to_run(parser: argparse.ArgumentParser, line: str) -> None:
    assert callable(parser.parse_args(["models", *line.split()]).run)


def test_the_mirror_has_to_be_asked_for(parser: argparse.ArgumentParser) -> None:
    assert parser.parse_args(["models", "pull"]).source == "hub"


@pytest.mark.parametrize("line", ["", "use", "pull --source elsewhere", "add"])
def test_lines_that_lack_something_are_refused(
    parser: argparse.ArgumentParser, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["models", *line.split()])
    assert caught.value.code == 2
    assert "usage: fimbul models" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (491_400_064, "491 MB"),
        (999_900_000, "1.0 GB"),
        (8_098_525_600, "8.1 GB"),
    ],
)
def test_bytes_for_people(count: int, shown: str) -> None:
    assert in_units(count) == shown
