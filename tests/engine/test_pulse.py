"""When a worker is taken for hung; no clock but the test's."""

from lsp_server.inference.pulse import Pulse


def looks(pulse: Pulse, seconds: float, start: float, beats: int | None, *, ticks: bool) -> str:
    """Look at every interval for so long; a worker that listens answers each time."""
    now = start
    while now < start + seconds:
        now += Pulse.EVERY
        if complaint := pulse.look(now):
            return complaint
        if beats is not None:
            beats += ticks
            pulse.beat(now, beats)
    return ""


def begun() -> Pulse:
    pulse = Pulse()
    pulse.begin(0.0)
    pulse.heard(0.0)
    return pulse


def test_who_has_not_begun_yet_is_waited_for() -> None:
    pulse = Pulse()
    pulse.begin(0.0)
    assert looks(pulse, Pulse.LONGEST - 1, 0.0, None, ticks=False) == ""
    assert "answered nothing" in looks(pulse, Pulse.LONGEST, Pulse.LONGEST - 1, None, ticks=False)


def test_who_computes_is_waited_for_until_too_long_is_too_long() -> None:
    assert looks(begun(), Pulse.LONGEST - 1, 0.0, 0, ticks=True) == ""
    assert "answered nothing" in looks(begun(), Pulse.LONGEST + 9, 0.0, 0, ticks=True)


def test_who_gives_no_sign_is_hung() -> None:
    assert "no sign of life" in looks(begun(), Pulse.DEAF + 9, 0.0, None, ticks=False)


def test_who_stands_still_is_hung() -> None:
    assert "stood still" in looks(begun(), Pulse.DEAF + 9, 0.0, 5, ticks=False)


def test_an_answer_counts_as_a_sign() -> None:
    pulse = begun()
    for end in range(8, 800, 8):
        assert looks(pulse, 8.0, end - 8.0, None, ticks=False) == ""
        pulse.heard(float(end))


def test_loading_has_no_beats() -> None:
    pulse = begun()
    for now in range(2, 100, 2):
        assert pulse.look(float(now)) == ""
        pulse.beat(float(now), None)


def test_who_was_stopped_itself_does_not_blame_the_worker() -> None:
    pulse = begun()
    assert looks(pulse, 4.0, 0.0, None, ticks=False) == ""
    assert pulse.look(3600.0) == ""
    assert "no sign of life" in looks(pulse, Pulse.DEAF + 9, 3600.0, None, ticks=False)
