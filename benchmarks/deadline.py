"""How long a benchmark may go on, and what of it counts when it is cut off.

Knows nothing about what is measured.
"""

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from benchmarks.scores import Record

LEAST_SECONDS = 20.0
"""Typing of a session in one way, below which fewer sessions are typed instead."""

TYPING, TYPING_AND_ASKING = 0.75, 0.5
"""Parts of the time that go into typing; the rest starts engines, and asks without limits."""

OVERTIME = 30.0
"""Seconds after its end in which a run may finish what it waits for, such as a server's start."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_T = TypeVar("_T")


@dataclass
class Deadline:
    """Ends a run after some seconds, or when the process is told to end."""

    seconds: float = 0.0
    """Longest time; 0 is any."""
    was_told: bool = False
    """Whether somebody else has ended it."""
    _begun: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Count from now on."""
        self._begun = time.monotonic()

    def watch_signals(self) -> None:
        """Let the first SIGTERM or SIGINT end the run, in the running loop; the next ends all."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._tell)

    def _tell(self) -> None:
        self.was_told = True
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)

    @property
    def left(self) -> float | None:
        """Seconds that are left; None if any number is."""
        return self.seconds - (time.monotonic() - self._begun) if self.seconds else None

    @property
    def patience(self) -> float | None:
        """Seconds until even what does not look at the time is given up; None if it never is."""
        return None if self.left is None else max(0.0, self.left) + OVERTIME

    @property
    def is_over(self) -> bool:
        """Whether it is time to stop."""
        left = self.left
        return self.was_told or (left is not None and left <= 0)


def fitting(
    left: float | None, sessions: Sequence[_T], ways: int, *, sample: bool
) -> tuple[Sequence[_T], float]:
    """Return the sessions that fit into the time left, and the seconds of typing for each way."""
    if left is None:
        return sessions, float("inf")
    typing = max(0.0, left) * (TYPING_AND_ASKING if sample else TYPING)
    count = max(1, min(len(sessions), int(typing / ways / LEAST_SECONDS)))
    return sessions[:count], typing / ways / count


def comparable(
    rounds: Sequence[Mapping[str, Record]], ways: Sequence[str]
) -> list[dict[str, Record]]:
    """Return what may be compared of rounds of a session each, so that a cut favours no way.

    These are the rounds that all ways have typed to the same end. If there is none, it is the first
    one, as far as all have come in it; its processor times are then of more than its presses. A way
    that never typed anything has no figures and is not waited for.
    """
    typing = [way for way in ways if any(way in one and one[way].presses for one in rounds)]
    lengths = [{len(one[way].presses) if way in one else 0 for way in typing} for one in rounds]
    whole = [
        dict(one)
        for one, found in zip(rounds, lengths, strict=True)
        if len(found) == 1 and found != {0}
    ]
    if whole or not rounds or not typing:
        return whole
    shortest = min(lengths[0])
    return [
        {
            way: replace(record, presses=record.presses[:shortest])
            for way, record in rounds[0].items()
        }
    ]
