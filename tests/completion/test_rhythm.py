"""When the next key is waited for."""

import pytest

from lsp_server.completion.rhythm import BURST, DELAY, GAPS, Rhythm


def typed(*gaps: float) -> tuple[Rhythm, float]:
    """Return a rhythm after keys with these gaps, and the time of the last one."""
    rhythm, now = Rhythm(), 10.0
    rhythm.pressed(now)
    for gap in gaps:
        now += gap
        rhythm.pressed(now)
    return rhythm, now


def test_a_burst_is_waited_for_and_an_even_typist_is_not() -> None:
    rhythm, now = typed(*[BURST - 0.02] * GAPS)
    assert rhythm.delay(now) == pytest.approx(DELAY)
    rhythm, now = typed(*[BURST + 0.02] * GAPS)
    assert rhythm.delay(now) == 0.0


def test_what_has_passed_already_is_not_waited_for_again() -> None:
    rhythm, now = typed(*[0.05] * GAPS)
    assert rhythm.delay(now + 0.02) == pytest.approx(DELAY - 0.02)
    assert rhythm.delay(now + 1.0) == 0.0


@pytest.mark.parametrize("gaps", [(), (0.05,) * (GAPS - 1), (0.05,) * GAPS + (2.0,)])
def test_too_few_keys_make_no_burst(gaps: tuple[float, ...]) -> None:
    rhythm, now = typed(*gaps)
    assert rhythm.delay(now) == 0.0


def test_a_burst_ends_when_the_keys_slow_down() -> None:
    rhythm, now = typed(*[0.05] * GAPS, *[0.2] * GAPS)
    assert rhythm.delay(now) == 0.0
