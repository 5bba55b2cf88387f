"""How long a thread of the server may compute before another one gets its turn."""

import sys

TURN_SECONDS = 0.001
"""Longest turn. With the interpreter's 5 ms the event loop comes 5 ms late whenever a thread parses
or chooses context; with this one 3 ms, and the threads take no longer (see `LOG.md`)."""


def take_short_turns() -> None:
    """Let the event loop of this process get its turn soon while its threads compute."""
    sys.setswitchinterval(TURN_SECONDS)
