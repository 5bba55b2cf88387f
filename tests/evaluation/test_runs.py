from pathlib import Path

import pytest

from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.runs import (
    BASELINE,
    ORACLE,
    ORACLE_COMMENT,
    baseline_of,
    identify,
    oracle_comment_of,
    oracle_of,
    parse_run,
    with_context,
)
from lsp_server.config.options import Healing, Order


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("plain", "plain", {}),
        ("plain:", "plain", {}),
        (
            "raw-1:prompt.order=spm,prompt.healing=off",
            "raw-1",
            {"prompt": {"order": "spm", "healing": "off"}},
        ),
        (
            "a:completion.max_tokens=9,completion.enable=true",
            "a",
            {"completion": {"max_tokens": 9, "enable": True}},
        ),
        (
            "a:completion.disabled_languages=c+go",
            "a",
            {"completion": {"disabled_languages": ["c", "go"]}},
        ),
        ("a:context.sources=twin+tabs", "a", {"context": {"sources": ["twin", "tabs"]}}),
        ("a:context.sources=", "a", {"context": {"sources": []}}),
    ],
)
def test_a_run_is_read(text: str, name: str, options: object) -> None:
    run = parse_run(text)
    assert (run.name, run.options, run.served) == (name, options, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "NAME:key=value"),
        (":prompt.order=spm", "NAME:key=value"),
        ("a/b:", "NAME:key=value"),
        ("baseline:", "are taken"),
        ("oracle-comment:", "are taken"),
        ("a:prompt.odrer=spm", "prompt.odrer is not an option"),
        ("a:prompt", "prompt is not an option"),
        ("a:prompt.order=sideways", "one of auto, psm"),
        ("a:completion.max_tokens=many", "not a whole number"),
        ("a:completion.max_tokens=0", "between 1 and"),
        ("a:completion.enable=yes", "neither true nor false"),
    ],
)
def test_a_run_that_does_not_fit_is_explained(text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        parse_run(text)


def test_the_baseline_keeps_the_options_and_leaves_healing_out() -> None:
    run = parse_run("a:prompt.order=growing-middle,prompt.healing=on,context.suffix_tokens=8")
    base = baseline_of(run)
    settings = base.settings()
    assert (base.name, base.served) == (BASELINE, False)
    assert settings.prompt.order is Order.GROWING_MIDDLE
    assert settings.prompt.healing is Healing.OFF
    assert settings.context.suffix_tokens == 8


def test_the_oracle_keeps_the_options_of_a_run() -> None:
    run = parse_run("a:context.sources=")
    one, other = oracle_of(run), oracle_comment_of(run)
    assert (one.name, one.options, one.served) == (ORACLE, run.options, False)
    assert (other.name, other.options, other.served) == (ORACLE_COMMENT, run.options, True)
    assert len({identify(each, "m", []).digest() for each in (run, one, other)}) == 3


@pytest.mark.parametrize(("hint", "tokens"), [(True, 16), (False, 0)])
def test_sources_replace_those_of_a_run(hint: bool, tokens: int) -> None:
    run = parse_run("a:context.sources=twin,context.suffix_tokens=8,context.hint_tokens=16")
    other = with_context(run, "b", sources=["tabs", "edits"], hint=hint)
    context = other.settings().context
    assert (context.sources, context.hint_tokens) == (("tabs", "edits"), tokens)
    assert (other.name, context.suffix_tokens) == ("b", 8)
    assert run.settings().context.sources == ("twin",)


def test_what_decides_an_answer_is_part_of_the_identity(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    run = parse_run("a:prompt.order=spm")
    same = identify(run, "m", ["serve"]).digest()
    assert identify(parse_run("a:prompt.order=spm"), "m", ["serve"]).digest() == same
    others = {
        identify(parse_run("a:prompt.order=psm"), "m", ["serve"]).digest(),
        identify(parse_run("b:prompt.order=spm"), "m", ["serve"]).digest(),
        identify(run, "another", ["serve"]).digest(),
        identify(run, "m", ["serve", "--engine=scripted"]).digest(),
        identify(baseline_of(run), "m", ["serve"]).digest(),
        identify(run, "m", ["serve"], reach="typing").digest(),
        identify(run, "m", ["serve"], workspace="abc").digest(),
    }
    (tmp_path / "fimbul").mkdir()
    (tmp_path / "fimbul" / "config.toml").write_text("[completion]\nmax_tokens = 8\n")
    others.add(identify(run, "m", ["serve"]).digest())
    assert len(others - {same}) == 8
