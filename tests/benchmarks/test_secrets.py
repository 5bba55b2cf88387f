"""A part of `python -m benchmarks.secrets`, with its goals."""

from benchmarks.secret_files import innocents, secrets
from benchmarks.secrets import ALTERED_GOAL, GOAL, SEED, measure_innocents, measure_secrets


async def test_hardly_a_secret_reaches_a_prompt() -> None:
    planted = list(secrets(SEED, 7))
    assert len(planted) >= 300
    assert len({one.kind for one in planted}) >= 30
    measured = await measure_secrets(planted)
    assert measured["without"] == len(planted), "the corpus plants something that no prompt shows"
    assert measured["reached_known"] == 0, measured["by_kind"]
    assert measured["share"] <= GOAL, measured["by_kind"]


def test_hardly_an_innocent_text_is_altered() -> None:
    harmless = list(innocents(SEED, 10))
    assert len(harmless) >= 300
    measured = measure_innocents(harmless)
    assert measured["share"] <= ALTERED_GOAL, measured["by_kind"]
