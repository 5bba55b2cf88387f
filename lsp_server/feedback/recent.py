"""How the latest suggestions were received; in memory only.

For whoever decides whether another one is worth showing. Knows no text.
"""

from collections import OrderedDict
from dataclasses import dataclass

from lsp_server.feedback.records import Fate

LATEST = 200
"""Suggestions that are remembered."""


@dataclass(frozen=True, slots=True)
class Reception:
    """How some suggestions were received."""

    seen: int
    accepted: int
    typed: int
    rejected: int

    def rate(self, prior: float = 0.3, weight: float = 5.0) -> float:
        """Return the share that was accepted or typed, as if `weight` more of rate `prior`."""
        return (self.accepted + self.typed + prior * weight) / (self.seen + weight)


class Recent:
    """The latest suggestions, of earlier sessions too if they were noted."""

    def __init__(self) -> None:
        self._latest: OrderedDict[int, tuple[str, str, Fate]] = OrderedDict()

    def note(self, number: int, surface: str, language: str, fate: Fate) -> None:
        """Remember what became of suggestion `number`; a later word about it corrects it."""
        self._latest[number] = (surface, language, fate)
        while len(self._latest) > LATEST:
            self._latest.popitem(last=False)

    def recent(self, surface: str | None = None, language: str | None = None) -> Reception:
        """Return how the latest were received, of one surface or language if they are named."""
        fates = [
            fate
            for on, written_in, fate in self._latest.values()
            if fate is not Fate.UNSEEN and surface in (None, on) and language in (None, written_in)
        ]
        return Reception(
            seen=len(fates),
            accepted=sum(fate.is_accepted for fate in fates),
            typed=fates.count(Fate.TYPED),
            rejected=fates.count(Fate.REJECTED),
        )
