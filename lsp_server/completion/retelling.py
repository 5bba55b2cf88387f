"""Fates told to people: when, where, what was shown or in one sentence why not, and how long.

Pure: fates in, lines out; times are shown in the local time zone. Knows nothing about files or
terminals.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from lsp_server.completion.fates import RequestFate, Tally
from lsp_server.types import RejectionReason, Timings, TriggerKind

_ORIGINS = {
    "model": "shown, new from the model",
    "part": "its beginning was shown, the rest was on its way",
    "kept": "shown at once, the rest of an earlier suggestion",
    "ahead": "shown at once, thought of ahead",
}

_ASKED = {
    TriggerKind.AUTOMATIC.value: "while typing",
    TriggerKind.INVOKED.value: "on request",
}

_LATER = {
    True: "the rest of what was shown in part",
    False: "what was shown in part was taken back",
}

_SHORTEST = 0.5
"""Milliseconds below which a time is not told."""


def explanation_of(reason: str) -> str:
    """Return the sentence for a reason, also for one that another version has written."""
    try:
        return RejectionReason(reason).explanation
    except ValueError:
        return f"This version of fimbul does not know the reason {reason}."


def place_of(fate: RequestFate) -> str:
    """Return where it was, as in ``cart.py:6:22``."""
    name = fate.file or "a document without a file"
    return f"{name}:{fate.line}:{fate.column}" if fate.line else name


def result_of(fate: RequestFate) -> str:
    """Return what became of a request, as a sentence or half of one."""
    if not fate.reason:
        said = _LATER[True] if fate.after_part else _ORIGINS.get(fate.origin, "shown")
        chance = "" if fate.chance is None else f", {fate.chance:.0%} sure"
        return said + chance
    begin = _LATER[False] if fate.after_part else "nothing was shown"
    times = f" {fate.count} times in a row" if fate.count > 1 else ""
    detail = f" {fate.detail}" if fate.detail else ""
    return f"{begin}{times}. {explanation_of(fate.reason)}{detail}"


def times_of(fate: RequestFate) -> str:
    """Return where the time went; empty if none was spent."""
    timings = fate.timings
    if timings.total < _SHORTEST:
        return ""
    parts = [
        f"{name} {value:.0f}"
        for name in ("context", "prefill", "decode", "filters")
        if (value := getattr(timings, name)) >= _SHORTEST
    ]
    total = f"{timings.total:.0f} ms"
    return f"{total}: {', '.join(parts)}" if parts else total


def tokens_of(fate: RequestFate) -> str:
    """Return how much the model read and wrote; empty if nothing was asked of it."""
    if fate.origin in ("kept", "ahead") or not fate.prompt_tokens:
        return ""
    read = f"{fate.prompt_tokens} tokens in the prompt"
    if fate.short_prompt:
        read += " (the small one of a cold place)"
    written = f", {fate.generated_tokens} written" if fate.generated_tokens else ""
    return read + written


def told(fate: RequestFate) -> list[str]:
    """Return the lines that tell one fate."""
    how = [fate.language, _ASKED.get(fate.asked, "")]
    if fate.in_menu:
        how.append("with an item selected in the menu")
    where = ", ".join([place_of(fate), *(part for part in how if part)])
    costs = [part for part in (times_of(fate), tokens_of(fate)) if part]
    if fate.is_remote and costs:
        costs.append("on a server")
    lines = [f"{_clock(fate.at)}  {where}", f"          {result_of(fate)}"]
    return [*lines, f"          ({'; '.join(costs)})"] if costs else lines


def summary(counts: Counter[str]) -> str:
    """Return how often what came of the requests, the most frequent reasons first."""
    total = sum(counts.values())
    shown = counts.get("", 0)
    reasons = [f"{reason} {count}" for reason, count in counts.most_common() if reason]
    said = f"{total} {'request' if total == 1 else 'requests'}, {shown} answered with a suggestion"
    return f"{said}; not: {', '.join(reasons)}" if reasons else said


def tally_lines(tally: Tally) -> Iterator[str]:
    """Yield what was counted besides the requests, a line each; nothing where that is nothing."""
    for said, counts in (
        ("secret values replaced in its documents", tally.replaced),
        ("limits reached", tally.limits),
    ):
        if counts:
            parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            yield f"{said}: {sum(counts.values())} ({parts})"


def on_one_line(fate: RequestFate) -> str:
    """Return a fate for a message of an editor."""
    return f"{place_of(fate)} at {_clock(fate.at)}: {result_of(fate)}"


def moment(at: float) -> str:
    """Return a date and time."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def told_all(fates: Iterable[RequestFate]) -> list[str]:
    """Return the lines that tell fates, in their order."""
    return [line for fate in fates for line in told(fate)]


def timings_as_json(timings: Timings) -> dict[str, float]:
    """Return milliseconds by stage."""
    return {
        "context": timings.context,
        "prefill": timings.prefill,
        "decode": timings.decode,
        "filters": timings.filters,
        "total": timings.total,
    }


def as_json(fate: RequestFate) -> dict[str, object]:
    """Return all that is known of a fate, and its sentence."""
    return {
        "at": fate.at,
        "file": fate.file,
        "language": fate.language,
        "line": fate.line,
        "column": fate.column,
        "asked": fate.asked,
        "inMenu": fate.in_menu,
        "reason": fate.reason,
        "explanation": explanation_of(fate.reason) if fate.reason else "",
        "detail": fate.detail,
        "surface": fate.surface,
        "origin": fate.origin,
        "model": fate.model,
        "remote": fate.is_remote,
        "shortPrompt": fate.short_prompt,
        "promptTokens": fate.prompt_tokens,
        "reusedTokens": fate.reused_tokens,
        "generatedTokens": fate.generated_tokens,
        "stop": fate.stop,
        "chance": fate.chance,
        "timings": timings_as_json(fate.timings),
        "afterPart": fate.after_part,
        "count": fate.count,
    }


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
