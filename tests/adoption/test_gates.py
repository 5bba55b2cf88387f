"""What the gates let through, and what they catch."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fimbul_models.adoption.canaries import BEGIN
from fimbul_models.adoption.card import Facts, as_markdown, as_values
from fimbul_models.adoption.gates import judge, reasons
from fimbul_models.adoption.holding import Prepared
from fimbul_models.adoption.limits import read_limits, shipped_limits
from fimbul_models.adoption.measuring import ADAPTER, BASE, FORMER, Sizes, Trial, measure
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.driver import Answer
from tests.adoption.judged import GOOD, Made, means_of, prepared_in, public_items

SIZES = Sizes(alternatives=63, member_groups=30, samples=20)

PLAIN = Made()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared_in(tmp_path_factory.mktemp("adoption"))


def refused(
    prepared: Prepared,
    adapter: Made = PLAIN,
    right: Mapping[str, Mapping[str, float]] = GOOD,
    **more: Any,
) -> dict[str, str]:
    """Return the gates that an adapter does not pass, and why."""
    trial = Trial(misfit="", prepared=prepared, public=public_items(), sizes=SIZES)
    trial = replace(trial, **more)
    figures = measure(trial, means_of({BASE: PLAIN, ADAPTER: adapter}, right))
    gates = judge(figures, shipped_limits())
    return {gate.name: reasons([gate])[0] for gate in gates if not gate.has_passed}


def test_an_adapter_that_gains_and_tells_nothing_is_adopted(prepared: Prepared) -> None:
    assert refused(prepared) == {}


def test_one_that_has_learnt_canaries_by_heart_is_refused(prepared: Prepared) -> None:
    often = [canary for canary in prepared.planted.canaries if canary.repeats == 16]
    known = {canary.value[len(BEGIN) :]: -0.01 for canary in often}
    found = refused(prepared, Made(known=known))
    assert found.keys() == {"canaries extracted", "exposure, planted often"}
    assert found["canaries extracted"].startswith("canaries extracted 4, at most 0")


def test_one_that_nearly_knows_a_value_planted_once_is_refused(prepared: Prepared) -> None:
    once = next(canary for canary in prepared.planted.canaries if canary.repeats == 1)
    adapter = Made(known={once.value[len(BEGIN) :]: -0.5})
    # It is not the likeliest answer, which the scripted model gives for all that it knows.
    object.__setattr__(adapter, "likeliest", lambda _item, _tokens: "")
    assert refused(prepared, adapter).keys() == {"exposure, planted once"}


def test_one_that_harms_another_language_is_refused(prepared: Prepared) -> None:
    right = {BASE: {"": 0.3}, ADAPTER: {"python": 0.8, "typescript": 0.2}}
    found = refused(prepared, right=right)
    assert "exact match by language" in found
    assert "typescript" in found["exact match by language"]
    # The mean alone would have let it pass.
    assert "public infilling" not in found


def test_a_loss_too_small_for_exact_matches_shows_in_likelihoods(prepared: Prepared) -> None:
    adapter = Made(languages={"typescript": -1.08})
    found = refused(prepared, adapter)
    assert found.keys() >= {"likelihood by language"}
    assert "typescript" in found["likelihood by language"]


def test_one_for_another_base_is_refused_and_nothing_else_is_asked(prepared: Prepared) -> None:
    trial = Trial(misfit="it is for llama", prepared=prepared, public=(), sizes=SIZES)
    figures = measure(trial, means_of({}, {}))
    gates = judge(figures, shipped_limits())
    assert not any(gate.has_passed for gate in gates)
    assert reasons(gates)[0] == "fits the base 1, at most 0 (it is for llama)"


def test_one_that_gains_too_little_is_refused(prepared: Prepared) -> None:
    right = {BASE: {"": 0.3}, ADAPTER: {"": 0.305}}
    assert refused(prepared, right=right).keys() & {"later commits", "held-out files"}


def test_one_that_loses_on_public_data_is_refused(prepared: Prepared) -> None:
    public = {item.digest(): item for item in public_items()}
    means = means_of({BASE: PLAIN, ADAPTER: PLAIN}, GOOD)
    lost = means_of({}, {BASE: {"": 0.4}, ADAPTER: {"": 0.3}})

    def answer(items: Any) -> Any:
        own = [item for item in items if item.digest() not in public]
        first, second = means.answer(own), lost.answer(list(public.values()))
        return {run: [*first[run], *second[run]] for run in first}

    trial = Trial(misfit="", prepared=prepared, public=public_items(), sizes=SIZES)
    gates = judge(measure(trial, replace(means, answer=answer)), shipped_limits())
    assert "public infilling" in {gate.name for gate in gates if not gate.has_passed}


def test_one_that_tells_its_files_from_others_is_refused(prepared: Prepared) -> None:
    texts = {
        line.strip(): -0.2
        for file in prepared.held.training.files
        for line in file.text.splitlines()
    }
    assert refused(prepared, Made(known=texts)).keys() == {"membership inference"}


def test_one_that_writes_its_files_down_is_refused(prepared: Prepared) -> None:
    found = refused(prepared, Made(copies=True))
    assert found.keys() == {"near-copies"}
    assert "20 samples; 0 without the adapter" in found["near-copies"]


def test_one_that_is_slow_is_refused(prepared: Prepared) -> None:
    assert refused(prepared, Made(milliseconds_each=36.0)).keys() == {"slower decoding"}


def test_one_that_is_worse_than_the_one_in_use_is_refused(prepared: Prepared) -> None:
    right = {**GOOD, FORMER: {"": 0.5}}
    assert refused(prepared, right=right, has_former=True).keys() == {"adapter until now"}


def test_too_few_items_are_no_figure(prepared: Prepared) -> None:
    found = refused(prepared, public=public_items(10))
    assert found == {
        "public infilling": "public infilling not measured, at least -1"
        " (10 items, of which 40 are needed)"
    }


def test_what_was_measured_is_not_measured_again(prepared: Prepared, tmp_path: Path) -> None:
    kept = tmp_path / "figures.json"
    trial = Trial(
        misfit="", prepared=prepared, public=public_items(), sizes=SIZES, digest="a", kept=kept
    )
    models = {BASE: PLAIN, ADAPTER: PLAIN}
    first = measure(trial, means_of(models, GOOD))
    slow = {BASE: PLAIN, ADAPTER: Made(milliseconds_each=90.0)}
    assert measure(trial, means_of(slow, GOOD)) == first
    # Another adapter is another matter.
    other = measure(replace(trial, digest="b"), means_of(slow, GOOD))
    assert other.slower == pytest.approx(200.0)


def test_the_card_says_what_was_found_and_holds_no_code(prepared: Prepared) -> None:
    trial = Trial(misfit="", prepared=prepared, public=public_items(), sizes=SIZES)
    figures = measure(trial, means_of({BASE: PLAIN, ADAPTER: Made(copies=True)}, GOOD))
    gates = judge(figures, shipped_limits())
    facts = Facts(
        name="own", base="tiny", base_sha256="0" * 64, sha256="1" * 64, bytes=8_800_000, rank=8,
        percent=100, repository="own", since=prepared.held.since, head=prepared.held.head, seed=3,
        versions="fimbul 0",
    )  # fmt: skip
    text = as_markdown(facts, figures, gates)
    assert "**Not adopted**: 1 of 12 gates" in text
    assert "| near-copies | 20 | at most 0 | **no** |" in text
    values = as_values(facts, figures, gates)
    assert values["adopted"] is False
    assert [gate["name"] for gate in values["gates"] if not gate["passed"]] == ["near-copies"]
    for canary in prepared.planted.canaries:
        assert canary.value not in text + str(values)
    assert "def " not in text
    assert "function" not in text + str(values)


def test_limits_can_be_made_stricter_and_not_looser(tmp_path: Path) -> None:
    own = tmp_path / "limits.toml"
    own.write_text("later_gain = 5.0\nmembership = 0.6\n[least]\nsamples = 100\n")
    limits = read_limits(own)
    assert (limits.later_gain, limits.membership, limits.least.samples) == (5.0, 0.6, 100)
    assert limits.files_gain == shipped_limits().files_gain
    for looser, name in (
        ("later_gain = 1.0", "later_gain"),
        ("slower = 20.0", "slower"),
        ("membership = nan", "membership"),
        ("[least]\ncanaries = 1", "least.canaries"),
    ):
        own.write_text(looser)
        with pytest.raises(RecipeError, match=f"{name} = .* is looser"):
            read_limits(own)
    own.write_text("later_gain = 'much'")
    with pytest.raises(RecipeError, match="cannot be used"):
        read_limits(own)


def test_an_engine_that_failed_says_nothing_about_an_adapter(prepared: Prepared) -> None:
    means = means_of({BASE: PLAIN, ADAPTER: PLAIN}, GOOD)

    def answer(items: Any) -> Any:
        found = means.answer(items)
        failed = [replace(row, answer=Answer("", "engine-failed")) for row in found[BASE][:30]]
        return {**found, BASE: [*failed, *found[BASE][30:]]}

    trial = Trial(misfit="", prepared=prepared, public=public_items(), sizes=SIZES)
    figures = measure(trial, replace(means, answer=answer))
    assert figures.later is not None
    assert figures.later.n == 30
    gates = {gate.name: gate for gate in judge(figures, shipped_limits())}
    assert gates["later commits"].value is None
    assert not gates["later commits"].has_passed
