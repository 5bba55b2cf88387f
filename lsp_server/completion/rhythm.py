"""How fast somebody types just now, and how long it is worth to wait for the next key.

In a burst the next key comes before anything can be shown, so what would be computed in between
is lost: heat for nothing. So a new suggestion is begun there only once the burst may be over.
Outside of bursts nothing is waited for, and what is known already never is. Pure; the clock comes
in with each key.
"""

import statistics
from collections import deque

GAPS = 4
"""Gaps between keys that are looked at."""

BURST = 0.1
"""Median of those, in seconds, up to which it is a burst."""

DELAY = 0.06
"""Seconds that are waited in a burst. More would be felt where it ends."""

_PAUSE = 1.0
"""Seconds after which a gap says nothing about the rhythm."""


class Rhythm:
    """The latest keys of one typist."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._last: float | None = None

    def pressed(self, now: float) -> None:
        """Note a key at a time in seconds."""
        if self._last is not None:
            gap = now - self._last
            if gap > _PAUSE:
                self._gaps.clear()
            else:
                self._gaps.append(gap)
        self._last = now

    def delay(self, now: float) -> float:
        """Return for how many seconds a suggestion should not be begun yet."""
        if self._last is None or len(self._gaps) < GAPS:
            return 0.0
        if statistics.median(self._gaps) > BURST:
            return 0.0
        return max(0.0, self._last + DELAY - now)
