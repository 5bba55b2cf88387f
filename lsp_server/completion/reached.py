"""Which limits were reached in one session: counted, and said to the user once each.

A limit is named by its option. Knows nothing about what is limited.
"""

from collections import Counter
from collections.abc import Callable


class Reached:
    """The limits that were reached so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """How often each was, by option."""
        self.messages: dict[str, str] = {}
        """What was said about each, by option."""
        self.listen: Callable[[str], None] = lambda _: None
        """Called with a sentence the first time that a limit is reached."""

    def as_json(self) -> dict[str, int]:
        """Return how often each was reached, by the option's name without its section."""
        return {option.rpartition(".")[2]: count for option, count in self.counts.items()}

    def note(self, option: str, message: str) -> None:
        """Note that a limit was reached, and say so if it is the first time."""
        self.counts[option] += 1
        if option not in self.messages:
            self.messages[option] = message
            self.listen(message)
