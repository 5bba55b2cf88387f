"""What a typist got to see, as figures.

Pure: records of key presses in, figures out. A suggestion counts from the moment it is shown to
the next key; one that comes later, or is empty, is none. Knows nothing about engines or servers.
"""

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SOON = 0.2
"""Seconds within which a suggestion is meant to be there."""

PAUSE = 0.3
"""Seconds without a key that count as a pause."""

LONG_PAUSE = 1.0
"""Seconds without a key in which a whole suggestion has time to come."""

KEYS = frozenset({"key", "enter", "auto-close", "typed-over closer", "correction"})
"""Events that are key presses; the others are in the table of events only."""

_NEXT_NAME = re.compile(r"\W*\w+")
_LONG_ENOUGH = 4
"""Right characters that make a suggestion useful, whatever follows."""


@dataclass
class Press:
    """One event after which a suggestion may be shown."""

    session: int
    number: int
    """Of the step in the session."""
    event: str
    gap: float
    """Seconds to the next event."""
    rest: str = ""
    """What the typist is going to type in this line, without what stands right of the cursor."""
    is_allowed: bool = True
    """Whether the trigger allows a suggestion here."""
    following: str = ""
    """All that the typist is going to type, from here on; empty if that is not certain."""
    surface: str = ""
    """What kind of place the way itself says it was; empty if it does not say."""
    shown: list[tuple[float, str]] = field(default_factory=list)
    """What was shown before the next event: seconds since this one, and the text; an empty one
    takes away what was there."""

    @property
    def seconds(self) -> float | None:
        """From the event to the first text shown; None if there was none in time."""
        return next((when for when, text in self.shown if text), None)

    @property
    def is_soon(self) -> bool:
        """Whether a suggestion was there soon enough."""
        return self.seconds is not None and self.seconds <= SOON

    @property
    def soon_text(self) -> str:
        """What stood there at the end of the time within which it is meant to."""
        texts = [text for when, text in self.shown if when <= SOON]
        return texts[-1] if texts else ""

    @property
    def last_text(self) -> str:
        """What stood there when the next event came."""
        return self.shown[-1][1] if self.shown else ""


def is_useful(text: str, rest: str) -> bool:
    """Tell whether the next name of a suggestion, or its first characters, are right."""
    name = _NEXT_NAME.match(rest)
    if name and text.startswith(name[0]):
        return not re.match(r"\w", text[name.end() : name.end() + 1])
    return len(rest) >= _LONG_ENOUGH and text[:_LONG_ENOUGH] == rest[:_LONG_ENOUGH]


def is_right(text: str, rest: str) -> bool:
    """Tell whether the first line of a suggestion is the whole rest of the line."""
    return bool(rest.strip()) and text.partition("\n")[0].rstrip() == rest.rstrip()


def is_right_whole(text: str, press: Press) -> bool:
    """Tell whether all lines of a suggestion are what the typist is going to type."""
    given = [line.rstrip() for line in text.rstrip().split("\n")]
    real = [line.rstrip() for line in press.following.split("\n")]
    real[0] = press.rest.rstrip()
    return bool(text.strip()) and given == real[: len(given)]


@dataclass(frozen=True, slots=True)
class Work:
    """What one answer of the model cost."""

    event: str
    evaluated: int
    """Tokens of the prompt that were evaluated for it."""
    generated: int
    """Tokens of the answer."""
    milliseconds: float
    """Time of the engine."""


@dataclass
class Record:
    """All that was seen of one way."""

    presses: list[Press] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    cpu: float = 0.0
    """Processor seconds of everything that belongs to it."""
    failures: list[str] = field(default_factory=list)
    """What went wrong."""
    token_ms: list[float] = field(default_factory=list)
    """Times of one generated token, measured in between."""


def share(found: Sequence[object], among: Sequence[object]) -> float | None:
    """Return a percentage; None of nothing."""
    return round(100 * len(found) / len(among), 1) if among else None


def quantile(values: Sequence[float], at: float) -> float | None:
    """Return the value below which a share `at` of `values` lies; None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * at))] if ordered else None


def milliseconds(seconds: float | None) -> int | None:
    """Return whole milliseconds."""
    return None if seconds is None or seconds == float("inf") else round(1000 * seconds)


def figures(record: Record) -> dict[str, Any]:
    """Return the figures of one way."""
    presses = [press for press in record.presses if press.is_allowed and press.event in KEYS]
    shown = [press for press in presses if press.seconds is not None]
    soon = [press for press in presses if press.is_soon]
    calm = [press for press in presses if press.gap >= PAUSE]
    long = [press for press in presses if press.gap >= LONG_PAUSE and press.last_text]
    times = [press.seconds for press in shown if press.seconds is not None]
    censored = [*times, *[float("inf")] * (len(presses) - len(times))]
    saved, accepted = accepting(record.presses)
    return {
        "key_presses": len(presses),
        "shown_percent": share(shown, presses),
        "soon_percent": share(soon, presses),
        "shown_in_pause_percent": share([one for one in calm if one.seconds is not None], calm),
        "p50_ms": milliseconds(quantile(times, 0.5)),
        "p95_ms": milliseconds(quantile(times, 0.95)),
        "p50_with_unanswered_ms": milliseconds(quantile(censored, 0.5)),
        "useful_percent": share([p for p in soon if is_useful(p.soon_text, p.rest)], presses),
        "right_percent": share([p for p in soon if is_right(p.soon_text, p.rest)], presses),
        "saved_percent": round(100 * saved / len(presses), 1) if presses else None,
        "length_soon": quantile([len(press.soon_text) for press in soon], 0.5),
        "length_at_next_key": quantile([len(press.last_text) for press in shown], 0.5),
        "whole_in_long_pause_ms": milliseconds(quantile([p.shown[-1][0] for p in long], 0.5)),
        "cpu_s_per_100_keys": round(100 * record.cpu / len(presses), 1) if presses else None,
        "cpu_s_per_accepted_character": round(record.cpu / accepted, 2) if accepted else None,
        "failures": len(record.failures),
        **floors(record),
    }


def floors(record: Record) -> dict[str, float | None]:
    """Return how far the engine's time is from that of its tokens, one after the other."""
    token = quantile(record.token_ms, 0.5)
    if token is None:
        return {"token_ms": None, "floor_ms": None, "over_floor": None}
    generated = [work for work in record.work if work.generated]
    floor = [work.generated * token for work in generated]
    over = [work.milliseconds / low for work, low in zip(generated, floor, strict=True)]
    return {
        "token_ms": round(token, 1),
        "floor_ms": _rounded(quantile(floor, 0.5)),
        "over_floor": _rounded(quantile(over, 0.5), 2),
    }


def accepting(presses: Sequence[Press]) -> tuple[int, int]:
    """Return key presses saved, and characters got, by who accepts what is right.

    That is, whenever the suggestion shown before the next key is, with all its lines, what would be
    typed next, or its first line is the whole rest of the line; and at the price of one key press.
    What follows is what was recorded without accepting.
    """
    saved = characters = at = 0
    while at < len(presses):
        press = presses[at]
        at += 1
        accepted = _accepted(press)
        if not accepted:
            continue
        characters += len(accepted)
        skipped = _skipped(presses, at, press, accepted.count("\n"))
        at += skipped
        saved += max(0, skipped - 1)
    return saved, characters


def _accepted(press: Press) -> str:
    """Return what of the suggestion is accepted: all lines, the first one, or nothing."""
    text = press.last_text.rstrip()
    if press.event not in KEYS:
        return ""
    if "\n" in text and is_right_whole(text, press):
        return text
    return press.rest.rstrip() if is_right(text, press.rest) else ""


def _skipped(presses: Sequence[Press], at: int, accepted: Press, breaks: int) -> int:
    """Return how many key presses, from `at` on, are needless after accepting `breaks` breaks."""
    count = 0
    for press in presses[at:]:
        breaks -= press.event == "enter"
        if press.session != accepted.session or press.event not in KEYS or breaks < 0:
            break
        count += 1
    return count


def events(record: Record) -> dict[str, dict[str, Any]]:
    """Return what each kind of event cost, the frequent ones first."""
    kinds: dict[str, list[Press]] = {}
    for press in record.presses:
        if press.is_allowed:
            kinds.setdefault(press.event, []).append(press)
    for one in record.work:
        # What was done ahead belongs to no event.
        kinds.setdefault(one.event, [])
    table = {}
    for event, presses in sorted(kinds.items(), key=lambda item: -len(item[1])):
        times = [press.seconds for press in presses if press.seconds is not None]
        work = [work for work in record.work if work.event == event]
        table[event] = {
            "events": len(presses),
            "shown_percent": share(times, presses),
            "p50_ms": milliseconds(quantile(times, 0.5)),
            "p95_ms": milliseconds(quantile(times, 0.95)),
            "answers": len(work),
            "evaluated": quantile([one.evaluated for one in work], 0.5),
            "engine_ms": _rounded(quantile([one.milliseconds for one in work], 0.5)),
        }
    return table


def of_unlimited(
    presses: Sequence[Press], unlimited: Mapping[tuple[int, int], str]
) -> dict[str, Any]:
    """Compare with what the same model says at some of the places without a limit of time."""
    there = [press for press in presses if (press.session, press.number) in unlimited]
    texts = [unlimited[press.session, press.number] for press in there]
    best = [p for p, text in zip(there, texts, strict=True) if is_useful(text, p.rest)]
    useful = [press for press in there if press.is_soon and is_useful(press.soon_text, press.rest)]
    right = [p for p, text in zip(there, texts, strict=True) if is_right(text, p.rest)]
    return {
        "places": len(there),
        "useful_percent": share(useful, there),
        "useful_unlimited_percent": share(best, there),
        "useful_of_unlimited_percent": share(useful, best),
        "right_unlimited_percent": share(right, there),
        "length_soon": quantile([len(p.soon_text) for p in there if p.soon_text], 0.5),
        "length_unlimited": quantile([len(text) for text in texts if text], 0.5),
    }


def medians(runs: Sequence[Any]) -> Any:
    """Return the median of every figure of runs that have the same form."""
    first = runs[0]
    if isinstance(first, Mapping):
        return {key: medians([run[key] for run in runs if key in run]) for key in first}
    numbers = [run for run in runs if isinstance(run, int | float)]
    if not numbers:
        return first
    return round(statistics.median(numbers), 2)


def reached(presses: Sequence[Press], at: Sequence[float]) -> list[float]:
    """Return the percentage of key presses that had a text after each of the seconds `at`."""
    keys = [press for press in presses if press.is_allowed and press.event in KEYS]
    within: Callable[[float], int] = lambda limit: sum(  # noqa: E731
        press.seconds is not None and press.seconds <= limit for press in keys
    )
    return [round(100 * within(limit) / max(1, len(keys)), 1) for limit in at]


def _rounded(value: float | None, digits: int = 0) -> float | None:
    return None if value is None else round(value, digits)
