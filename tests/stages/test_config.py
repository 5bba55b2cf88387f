import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lsp_server.config.layers import POLICY_MAY, WORKSPACE_MAY, Layer, merge, read_file
from lsp_server.config.modes import in_force
from lsp_server.config.options import (
    SOURCES,
    PrivacyMode,
    Settings,
    Symbols,
    Trigger,
    as_markdown,
    entries,
)
from lsp_server.context.sources.table import SOURCES as SOURCE_TABLE

USER = None

DEFAULTS, _ = in_force(Settings())


def settings_of(*layers: tuple[Any, dict[str, Any]]) -> tuple[Settings, list[str]]:
    return merge([Layer(f"layer {at}", values, may) for at, (may, values) in enumerate(layers)])


def test_without_layers_there_are_the_defaults() -> None:
    assert settings_of() == (DEFAULTS, [])


def test_later_free_layers_win() -> None:
    found, messages = settings_of(
        (USER, {"completion": {"max_tokens": 10}}), (USER, {"completion": {"max_tokens": 20}})
    )
    assert found.completion.max_tokens == 20
    assert not messages


@pytest.mark.parametrize("may", [WORKSPACE_MAY, POLICY_MAY])
@pytest.mark.parametrize(
    ("section", "name", "loose", "strict", "both"),
    [
        ("completion", "enable", True, False, False),
        ("completion", "max_tokens", 60, 30, 30),
        ("completion", "trigger", "automatic", "manual", Trigger.MANUAL),
        ("completion", "disabled_languages", ["c"], ["go"], ("c", "go")),
        ("engine", "threads", 0, 2, 2),
        ("engine", "threads", 4, 2, 2),
        ("context", "suffix_tokens", 100, 0, 0),
    ],
)
def test_restricting_layers_only_restrict(
    may: Any, section: str, name: str, loose: Any, strict: Any, both: Any
) -> None:
    for user, restricting in ((loose, strict), (strict, loose)):
        if isinstance(loose, list) and user == strict:
            continue
        found, messages = settings_of(
            (may, {section: {name: restricting}}), (USER, {section: {name: user}})
        )
        assert getattr(getattr(found, section), name) == both
        assert not messages


@pytest.mark.parametrize(
    ("may", "values"),
    [
        (WORKSPACE_MAY, {"engine": {"model": "evil"}}),
        (WORKSPACE_MAY, {"policy": {"allowed_models": ["evil"]}}),
        (WORKSPACE_MAY, {"log": {"level": "debug"}}),
        (USER, {"policy": {"allowed_models": ["mine"]}}),
        (POLICY_MAY, {"engine": {"model": "other"}}),
    ],
)
def test_what_is_not_theirs_is_ignored_with_a_message(may: Any, values: dict[str, Any]) -> None:
    found, (message,) = settings_of((may, values))
    assert found == DEFAULTS
    assert "layer 0" in message
    assert next(iter(values)) in message


def test_the_policy_allows_models() -> None:
    found, messages = settings_of((POLICY_MAY, {"policy": {"allowed_models": ["a"]}}))
    assert found.policy.allowed_models == ("a",)
    assert not messages


@pytest.mark.parametrize(
    ("section", "name", "bad"),
    [
        ("completion", "enable", "yes"),
        ("completion", "enable", 1),
        ("completion", "max_tokens", "many"),
        ("completion", "max_tokens", 0),
        ("completion", "max_tokens", True),
        ("completion", "max_tokens", 1e3),
        ("completion", "trigger", "sometimes"),
        ("completion", "trigger", ["manual"]),
        ("completion", "disabled_languages", "python"),
        ("completion", "disabled_languages", [1]),
        ("context", "sources", ["imports", "cloud"]),
        ("engine", "model", ""),
        ("engine", "model", None),
        ("completion", "colour", "red"),
        ("colour", "red", 1),
    ],
)
def test_a_bad_value_leaves_the_default_and_is_named(section: str, name: str, bad: Any) -> None:
    found, (message,) = settings_of((USER, {section: {name: bad}}))
    assert found == DEFAULTS
    assert f"{section}.{name}" in message


def test_a_bad_value_leaves_an_earlier_good_one() -> None:
    found, (message,) = settings_of(
        (USER, {"completion": {"max_tokens": 10}}), (USER, {"completion": {"max_tokens": -1}})
    )
    assert found.completion.max_tokens == 10
    assert "stays 10" in message


def test_values_outside_a_section_are_named() -> None:
    _, (message,) = settings_of((USER, {"enable": True}))
    assert "enable is not an option" in message


@pytest.mark.parametrize("content", [b"[completion\n", b"\xff\xfe"])
def test_a_damaged_file_is_left_out_with_its_name(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    layers, (message,) = read_file(file, None)
    assert not layers
    assert str(file) in message


def test_a_missing_file_is_no_problem(tmp_path: Path) -> None:
    assert read_file(tmp_path / "none.toml", None) == ([], [])


def test_the_readme_holds_the_table_of_options() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    assert as_markdown() in readme.read_text(encoding="utf-8")


def test_every_default_can_be_written_as_toml() -> None:
    for entry in entries():
        shown = next(line for line in as_markdown().splitlines() if f"`{entry.key}`" in line)
        default = shown.split("|")[2].strip().strip("`")
        bare = default in ("true", "false") or default.startswith("[") or default.isdecimal()
        text = default if bare else f"'{default}'"
        values = {entry.section: {entry.name: tomllib.loads(f"x = {text}")["x"]}}
        found, messages = merge(
            [Layer("it", values, POLICY_MAY if entry.section == "policy" else None)]
        )
        assert (found, messages) == (DEFAULTS, [])


def test_a_workspace_may_only_remove_sources() -> None:
    user = Layer("user", {"context": {"sources": ["imports", "tabs", "edits"]}})
    workspace = Layer(
        "workspace", {"context": {"sources": ["edits", "similar", "imports"]}}, WORKSPACE_MAY
    )
    found, messages = merge([user, workspace])
    assert (found.context.sources, messages) == (("imports", "edits"), [])


def test_the_option_names_every_source_there_is() -> None:
    assert tuple(SOURCE_TABLE) == SOURCES


REMOTE = {"engine": {"remote_url": "https://team.example", "remote_fallback": False}}


def test_a_server_comes_from_the_user_only() -> None:
    found, messages = merge([Layer("config.toml", REMOTE)])
    assert (found.engine.remote_url, found.engine.remote_fallback) == (
        "https://team.example",
        False,
    )
    assert not messages


@pytest.mark.parametrize(
    "layer",
    [
        Layer(".fimbul.toml", REMOTE, WORKSPACE_MAY),
        Layer("The editor's settings", REMOTE, from_editor=True),
    ],
)
def test_neither_a_workspace_nor_an_editor_chooses_a_server(layer: Layer) -> None:
    found, messages = merge([layer])
    assert found == DEFAULTS
    assert len(messages) == 2
    assert all(layer.name in message and "engine.remote_" in message for message in messages)


@pytest.mark.parametrize("url", ["", "https://other.example"])
def test_a_policy_forbids_a_server_or_sets_its_own(url: str) -> None:
    policy = Layer("policy.toml", {"engine": {"remote_url": url}}, POLICY_MAY)
    found, messages = merge([policy, Layer("config.toml", REMOTE)])
    assert (found.engine.remote_url, messages) == (url, [])


def test_every_option_of_a_server_is_out_of_a_workspaces_reach() -> None:
    remote = [entry for entry in entries() if entry.name.startswith("remote_")]
    assert len(remote) == 7
    assert all(entry.option.tighten not in WORKSPACE_MAY for entry in remote)
    assert all(entry.option.tighten in POLICY_MAY for entry in remote)


@pytest.mark.parametrize(
    "layer",
    [
        Layer("workspace", {"privacy": {"suggest_in_ignored": True}}, WORKSPACE_MAY),
        Layer("policy", {"privacy": {"suggest_in_ignored": True}}, POLICY_MAY),
        Layer("editor", {"privacy": {"suggest_in_ignored": True}}, from_editor=True),
    ],
)
def test_only_the_user_wants_suggestions_in_ignored_files(layer: Layer) -> None:
    user = Layer("user", {"privacy": {"suggest_in_ignored": True}})
    assert not merge([layer])[0].privacy.suggest_in_ignored
    assert merge([user, layer])[0].privacy.suggest_in_ignored
    off = replace(layer, values={"privacy": {"suggest_in_ignored": False}})
    assert not merge([user, off])[0].privacy.suggest_in_ignored


def keep_text(value: object, layer: str, **more: Any) -> Layer:
    return Layer(layer, {"feedback": {"keep_text": value}}, **more)


def test_only_the_user_opts_in_to_keeping_texts() -> None:
    assert not Settings().feedback.keep_text
    found, messages = merge([keep_text(value=True, layer="config.toml")])
    assert (found.feedback.keep_text, messages) == (True, [])
    found, (message,) = merge([keep_text(value=True, layer="editor", from_editor=True)])
    assert not found.feedback.keep_text
    assert "feedback.keep_text" in message
    assert "config.toml" in message
    for may in (WORKSPACE_MAY, POLICY_MAY):
        found, _ = merge([keep_text(value=True, layer="restricting", may=may)])
        assert not found.feedback.keep_text


@pytest.mark.parametrize(
    "layer",
    [
        keep_text(value=False, layer="workspace", may=WORKSPACE_MAY),
        keep_text(value=False, layer="policy", may=POLICY_MAY),
        keep_text(value=False, layer="editor", from_editor=True),
    ],
)
def test_everybody_else_may_switch_the_keeping_of_texts_off(layer: Layer) -> None:
    found, messages = merge([keep_text(value=True, layer="config.toml"), layer])
    assert (found.feedback.keep_text, messages) == (False, [])


MODES = [mode.value for mode in PrivacyMode]


def mode_of(*layers: Layer) -> tuple[PrivacyMode, list[str]]:
    found, messages = merge(layers)
    assert (found.engine.remote_url != "") <= (found.privacy.mode is PrivacyMode.TEAM)
    return found.privacy.mode, messages


def test_without_a_server_it_is_offline_and_with_one_team() -> None:
    assert mode_of() == (PrivacyMode.OFFLINE, [])
    assert mode_of(Layer("config.toml", REMOTE)) == (PrivacyMode.TEAM, [])
    assert mode_of(Layer("policy.toml", REMOTE, POLICY_MAY)) == (PrivacyMode.TEAM, [])


@pytest.mark.parametrize("may", [WORKSPACE_MAY, POLICY_MAY])
@pytest.mark.parametrize("restricting", MODES)
@pytest.mark.parametrize("users", MODES)
def test_modes_only_become_stricter(users: str, restricting: str, may: Any) -> None:
    user = Layer("config.toml", {"privacy": {"mode": users}})
    other = Layer("other", {"privacy": {"mode": restricting}}, may)
    alone, _ = mode_of(user)
    both, messages = mode_of(user, other)
    order = list(PrivacyMode)
    assert order.index(both) >= order.index(alone)
    expected = max(users, restricting, key=MODES.index)
    assert both.value == ("offline" if expected == "auto" else expected)
    assert not messages


@pytest.mark.parametrize("stricter", ["offline", "strict"])
def test_an_editor_may_only_tighten_the_mode(stricter: str) -> None:
    editor = Layer("The editor's settings", {"privacy": {"mode": stricter}}, from_editor=True)
    mode, messages = mode_of(Layer("config.toml", REMOTE), editor)
    assert mode.value == stricter
    assert all("engine.remote_url is not used" in message for message in messages)
    loose = Layer("The editor's settings", {"privacy": {"mode": "team"}}, from_editor=True)
    mode, (message,) = mode_of(Layer("config.toml", {"privacy": {"mode": stricter}}), loose)
    assert mode.value == stricter
    assert "only in your own config.toml" in message


@pytest.mark.parametrize("users", MODES)
def test_an_editor_that_sends_the_default_has_said_nothing(users: str) -> None:
    user = Layer("config.toml", {**REMOTE, "privacy": {"mode": users}})
    editor = Layer("The editor's settings", {"privacy": {"mode": "auto"}}, from_editor=True)
    assert mode_of(user, editor) == mode_of(user)


@pytest.mark.parametrize("mode", ["offline", "strict"])
def test_a_server_in_another_mode_is_refused_in_one_sentence(mode: str) -> None:
    found, (message,) = merge([Layer("config.toml", {**REMOTE, "privacy": {"mode": mode}})])
    assert found.engine.remote_url == ""
    assert f"engine.remote_url is not used, since privacy.mode is {mode}" in message
    assert 'privacy.mode = "team"' in message


def test_strict_looks_at_one_file_and_keeps_nothing() -> None:
    wide = {
        "privacy": {"mode": "strict"},
        "context": {"hint_tokens": 40},
        "completion": {"symbols": "require"},
        "feedback": {"keep_text": True},
    }
    found, messages = merge([Layer("config.toml", wide)])
    assert not messages
    assert (found.context.index, found.context.sources) == (False, ())
    assert (found.context.snippet_tokens, found.context.hint_tokens) == (0, 0)
    assert (found.feedback.enable, found.feedback.keep_text) == (False, False)
    assert (found.log.requests, found.log.file) == (False, False)
    assert found.completion.symbols is Symbols.OFF
    assert found.context.prefix_tokens == DEFAULTS.context.prefix_tokens


def test_patterns_that_cannot_be_read_are_named_and_left_out() -> None:
    user = Layer("config.toml", {"privacy": {"off_paths": ["*.tf", "!"]}})
    workspace = Layer(".fimbul.toml", {"privacy": {"off_paths": ["/legal/"]}}, WORKSPACE_MAY)
    found, (message,) = merge([user, workspace])
    assert found.privacy.off_paths == ("*.tf", "/legal/")
    assert "'!'" in message
