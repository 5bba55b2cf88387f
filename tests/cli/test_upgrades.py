"""Files that an earlier or a later version of fimbul has left: nothing of them is lost in silence.

The databases' own tests are beside them (`tests/feedback/test_store.py`,
`tests/context/test_index_store.py`), and so is that of the requests' files.
"""

import dataclasses
import json
import tomllib
from pathlib import Path

import msgspec
import pytest

from lsp_server.catalogue import registry
from lsp_server.catalogue.registry import Record, Stamp
from lsp_server.cli import setup
from lsp_server.cli.engine_build import EngineBuild, kept_build
from lsp_server.cli.engine_recipe import Compiler, build_key, make_recipe
from lsp_server.config.former import VALUES
from lsp_server.config.layers import merge, read_file
from lsp_server.config.options import Ahead, Rethink, entries
from lsp_server.config.paths import Paths
from lsp_server.inference.machine import Cpu
from lsp_server.inference.selftest import SelfTestResult, remember, remembered

CPU = Cpu("A processor", "0123456789abcdef")
RECIPE = make_recipe(Compiler("cc", "c++", "cc 12", ()), CPU, portable=True)

LATER_REGISTRY = """
format = 7

[models.kept]
path = "/models/kept.gguf"
colour = "blue"

[models.changed]
path = "/models/changed.gguf"
colour = "red"

[elsewhere]
key = [1, 2]
"""


@pytest.mark.parametrize(
    ("key", "value", "now"),
    [
        ("engine.ahead", "true", Ahead.ALWAYS),
        ("engine.ahead", "false", Ahead.OFF),
        ("completion.rethink", "true", Rethink.ALWAYS),
        ("completion.rethink", "false", Rethink.OFF),
    ],
)
def test_settings_of_an_earlier_version_mean_what_they_meant(
    key: str, value: str, now: object, tmp_path: Path
) -> None:
    section, name = key.split(".")
    file = tmp_path / "config.toml"
    file.write_text(f"[{section}]\n{name} = {value}\n")
    layers, _ = read_file(file, None)
    settings, messages = merge(layers)
    assert getattr(getattr(settings, section), name) is now
    assert messages == []


def test_former_values_are_those_of_options_that_there_are() -> None:
    choices = {entry.key: entry.choices for entry in entries()}
    for key, values in VALUES.items():
        assert set(values.values()) <= set(choices[key])


def test_a_number_is_not_taken_for_a_former_value(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[engine]\nahead = 1\n")
    settings, messages = merge(read_file(file, None)[0])
    assert settings.engine.ahead is Ahead.AUTO
    assert "engine.ahead is 1" in messages[0]


def test_settings_of_a_later_version_are_named_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text = '[engine]\nthreads = 2\nwarp = "nine"\n\n[telepathy]\nenable = true\n'
    file.write_text(text)
    settings, messages = merge(read_file(file, None)[0])
    assert settings.engine.threads == 2
    assert [message.split(": ")[1].split()[0] for message in messages] == [
        "engine.warp",
        "telepathy.enable",
    ]
    assert file.read_text() == text


def test_what_a_later_version_wrote_about_models_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(LATER_REGISTRY)

    registry.change(
        file, "changed", lambda one: msgspec.structs.replace(one, verified=Stamp(1, 2, 3))
    )
    registry.change(file, "new", lambda _: Record(path="/models/new.gguf"))

    found = tomllib.loads(file.read_text())
    assert (found["format"], found["elsewhere"]) == (7, {"key": [1, 2]})
    assert found["models"]["kept"] == {"path": "/models/kept.gguf", "colour": "blue"}
    assert found["models"]["changed"] == {
        "path": "/models/changed.gguf",
        "colour": "red",
        "verified": {"bytes": 1, "mtime_ns": 2, "inode": 3},
    }
    assert registry.read(file)["new"] == Record(path="/models/new.gguf")

    registry.change(file, "kept", lambda _: None)
    assert set(tomllib.loads(file.read_text())["models"]) == {"changed", "new"}


def test_self_tests_of_other_versions_stand_beside_ours(tmp_path: Path) -> None:
    file = tmp_path / "selftest.json"
    ours = SelfTestResult(extra_buffers=True, one_thread=False)
    later = {**dataclasses.asdict(ours), "crashes": [], "temperature": 41}
    file.write_text(json.dumps({"first": {"extra_buffers": False, "one_thread": True}, "x": later}))

    remember(file, "ours", ours)

    first = remembered(file, "first")
    assert first is not None
    assert first.one_thread
    assert remembered(file, "x") is None, "what is not understood is tested again"
    assert json.loads(file.read_text())["x"] == later


@pytest.mark.parametrize("version", ["0.3.1", "0.9.0"])
def test_an_engine_of_another_version_is_replaced_and_said_so(version: str, paths: Paths) -> None:
    other = EngineBuild(dataclasses.replace(RECIPE, version=version), "2026-01-02")
    reason = setup.reason_to_install(other, version, CPU, build_key(RECIPE))
    assert reason is not None
    assert version in reason


def test_a_record_of_a_later_version_is_read_as_far_as_it_is_known(paths: Paths) -> None:
    folder = paths.engine / build_key(RECIPE)
    folder.mkdir(parents=True)
    (folder / "engine.whl").write_bytes(b"")
    sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    build = EngineBuild(RECIPE, "2026-01-02", "engine.whl", sha)
    record = {**msgspec.to_builtins(build), "signature": "unknown here"}
    (folder / "build.json").write_text(json.dumps(record))
    assert kept_build(paths, RECIPE) == build
