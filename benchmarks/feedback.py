"""What feedback costs: at a key, in the thread that writes, on the disk, and to look at.

Types a suggestion into a made document of some length, key by key, and times what the server does
at each change: the snapshot that it takes in any case, and following the suggestion. Then writes
many suggestions as a server does and reads them as `fimbul stats` does. Needs no model. Prints a
table and, last, one line of JSON.

    python -m benchmarks.feedback [--rows N]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types as lsp

from benchmarks.scores import quantile
from lsp_server.completion.following import Following
from lsp_server.feedback.figures import figures_of
from lsp_server.feedback.records import KEPT_AFTER, Event, Fate, Known, Sample, Suggestion
from lsp_server.feedback.similarity import share_left
from lsp_server.feedback.store import open_store, read_rows
from lsp_server.server.documents import OpenDocument
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Generation,
    Position,
    StopReason,
    Surface,
)

TEXT = "total(item.price * item.count for item in basket.items if item.count > 0)"
LINES = (200, 5_000, 200_000)
BATCH = 50
"""Suggestions that are written together."""
KEYS = 5
"""Times that the text is typed at each length."""


def keys(lines: int) -> tuple[list[float], list[float]]:
    """Return microseconds of a snapshot and of following, for each key."""
    half = lines // 2
    text = "a = 1\n" * half + "x = \n" * KEYS + "b = 2\n" * half
    document = OpenDocument(lsp.TextDocumentItem("file:///w/a.py", "python", 0, text))
    events: list[Event] = []
    following = Following(events.append, lambda _seconds, _function: None)
    snapshots, follows = [], []
    # Kept, so that throwing old ones away, which costs the same with and without, is not timed.
    held: list[Document] = []
    for row in range(half, half + KEYS):
        before = document.snapshot("/w", "a.py")
        place = Position(row, 4)
        generation = Generation(TEXT, StopReason.END)
        completion = Completion(TEXT, place, place, Surface.LINE, generation)
        following.shown(CompletionRequest(before, place), [completion], row, "model")
        for column, character in enumerate(TEXT, 4):
            here = lsp.Position(row, column)
            change = lsp.TextDocumentContentChangePartial(lsp.Range(here, here), character)
            document.change(change, "utf-16")
            document.version += 1
            begun = time.perf_counter()
            held.append(document.snapshot("/w", "a.py"))
            taken = time.perf_counter()
            following.changed(held[-1], document.take_edits())
            snapshots.append((taken - begun) * 1e6)
            follows.append((time.perf_counter() - taken) * 1e6)
    assert len(events) == KEYS
    return snapshots, follows


def made(count: int) -> Iterator[Event]:
    """Yield suggestions and what was looked at later."""
    fates = list(Fate)
    for number in range(count):
        fate = fates[number % len(fates)]
        yield Suggestion(
            id=number + 1,
            at=1.79e9 + number,
            language="python",
            surface=list(Surface)[number % 4].value,
            model="qwen2.5-coder-0.5b-instruct-q4_k_m",
            trigger="automatic",
            latency=number % 700,
            length=len(TEXT),
            lines=1,
            chance=0.5,
            was_part=False,
            was_kept=False,
            stood=1.5,
            shown_known=Known.INFERRED,
            fate=fate,
            fate_known=Known.INFERRED,
            accepted=len(TEXT) if fate.is_accepted else 0,
            typed=0,
        )
        if fate.is_accepted:
            for seconds in KEPT_AFTER:
                yield Sample(number + 1, seconds, TEXT, TEXT)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000, help="suggestions that are written")
    rows = parser.parse_args().rows
    figures: dict[str, float | None] = {}
    for lines in LINES:
        snapshots, follows = keys(lines)
        for name, values in (("snapshot", snapshots), ("follow", follows)):
            for percent in (50, 95):
                figures[f"{name}_{lines}_lines_p{percent}_us"] = quantile(values, percent / 100)
    changed = TEXT.replace("item", "thing") + " and more\n" * 20
    begun = time.perf_counter()
    share_left(TEXT, changed)
    figures["compare_changed_ms"] = (time.perf_counter() - begun) * 1e3
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "feedback.sqlite"
        store, _ = open_store(file)
        events, times = list(made(rows)), []
        for at in range(0, len(events), BATCH):
            begun = time.perf_counter()
            store.write(events[at : at + BATCH], 10**9)
            times.append((time.perf_counter() - begun) * 1e3)
        figures["write_batch_p50_ms"] = quantile(times, 0.5)
        figures["write_batch_p95_ms"] = quantile(times, 0.95)
        figures["bytes_per_suggestion"] = store.size / rows
        store.close()
        begun = time.perf_counter()
        figures_of(read_rows(file))
        figures["read_s"] = time.perf_counter() - begun
    for name, value in figures.items():
        sys.stdout.write(f"{name:<32}{value:>12.2f}\n")
    sys.stdout.write(json.dumps({"rows": rows, **figures}) + "\n")


if __name__ == "__main__":
    main()
