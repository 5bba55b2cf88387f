"""Whether a worker that somebody waits for still works.

It is asked for a sign of life from time to time. One that gives none is hung, and so is one whose
computation stands still. Pure: the time comes in, and what is to be said about it goes out.
"""

from typing import ClassVar


class Pulse:
    """What is known of one worker."""

    EVERY: ClassVar[float] = 2.0
    """Seconds between two signs that are asked for."""

    DEAF: ClassVar[float] = 10.0
    """Seconds without any sign, or without progress of a computation, that mean it is hung. Inside
    of a computation llama.cpp gives signs every few milliseconds."""

    LONGEST: ClassVar[float] = 180.0
    """Seconds that a worker may say nothing but that it listens, as while it loads a model from a
    disk that stalls. As long as a self-test may take."""

    def __init__(self) -> None:
        self._heard = self._moved = self._said = self._looked = 0.0
        self._beats: int | None = None
        self._has_begun = False

    def begin(self, now: float) -> None:
        """Begin to wait."""
        self._heard = self._moved = self._said = self._looked = now
        self._beats = None

    def heard(self, now: float) -> None:
        """Take in that something was answered."""
        self._has_begun = True
        self._heard = self._moved = self._said = now

    def beat(self, now: float, beats: int | None) -> None:
        """Take in a sign of life, and how far a computation is if one runs."""
        self._has_begun = True
        self._heard = now
        if beats is None or beats != self._beats:
            self._moved = now
        self._beats = beats

    def look(self, now: float) -> str:
        """Return what is wrong with the worker; nothing, as far as is known, if that is empty."""
        late, self._looked = now - self._looked - self.EVERY, now
        if late > self.DEAF / 2:
            # This process was stopped itself, by a terminal or a machine that slept.
            self.begin(now)
        # On a busy machine a process may need long until it can give the first one.
        if self._has_begun and now - self._heard > self.DEAF:
            return f"it gave no sign of life for {self.DEAF:.0f} s"
        if self._has_begun and now - self._moved > self.DEAF:
            return f"its computation stood still for {self.DEAF:.0f} s"
        if now - self._said > self.LONGEST:
            return f"it answered nothing for {self.LONGEST:.0f} s"
        return ""
