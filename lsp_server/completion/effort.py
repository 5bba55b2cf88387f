"""How much work this machine should be given that nobody has asked for.

On battery and beside other heavy work, suggestions that were asked for go on and looking ahead
rests: it would cost charge, or the time of whatever else runs. Knows nothing about what the work
is.
"""

import enum
import os
import time
from collections.abc import Callable

import psutil

LOOK_EVERY = 5.0
"""Seconds after which the machine is looked at again; a look takes some 0.1 ms."""

BUSY_LOAD = 2.0
"""Average number of threads that run or want to, a core, from which a machine is busy. An engine
that works without a break makes about one of it."""

CALM_LOAD = 1.5
"""The same for a machine that was busy to be calm again."""


class Effort(enum.Enum):
    """What may be done ahead."""

    FULL = "full"
    BATTERY = "battery"
    """Nothing, since the machine runs on battery."""
    BUSY = "busy"
    """Nothing, since the machine has been busy for about a minute."""

    @property
    def explanation(self) -> str:
        """A sentence for the user; empty if there is nothing to say."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Effort.FULL: "",
    Effort.BATTERY: "On battery: nothing is computed ahead.",
    Effort.BUSY: "This machine is busy: nothing is computed ahead.",
}


def on_battery() -> bool:
    """Return whether this machine runs on battery; no if it has none or does not say."""
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError):
        # Some systems have no way to ask.
        return False
    return battery is not None and battery.power_plugged is False


def load_per_core() -> float:
    """Return how many threads ran or wanted to in the last minute, on average a core."""
    return psutil.getloadavg()[0] / (os.cpu_count() or 1)


class Efforts:
    """Looks at the machine now and then."""

    def __init__(
        self,
        on_battery: Callable[[], bool] = on_battery,
        load_per_core: Callable[[], float] = load_per_core,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_battery = on_battery
        self._load_per_core = load_per_core
        self._clock = clock
        self._looked = -LOOK_EVERY
        self._effort = Effort.FULL

    def now(self) -> Effort:
        """Return what may be done now."""
        if self._clock() - self._looked >= LOOK_EVERY:
            self._looked = self._clock()
            self._effort = self._look()
        return self._effort

    def _look(self) -> Effort:
        if self._on_battery():
            return Effort.BATTERY
        limit = CALM_LOAD if self._effort is Effort.BUSY else BUSY_LOAD
        return Effort.BUSY if self._load_per_core() > limit else Effort.FULL
