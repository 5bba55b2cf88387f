"""What a typist gets to see: real code typed again in real time, every key a request.

The keys of 20 sessions (`benchmarks.sessions`, `benchmarks.traces`) come at the speed of a typist:
150 ms apart at the median, a fifth less than 100 ms, in bursts, with pauses. Three ways take turns
at every session, each with a fresh engine and the same model file: ours, as the server drives it;
llama-server driven by the rules of llama.vim (`benchmarks.peer`); and the same with windows as
large as ours, which tells order from size. A suggestion counts from the key to the moment it is
shown, if that is before the next key. Some places are asked again at the end, without a limit of
time. LSP is not part of it. Prints tables and, last, one line of JSON.

    python -m benchmarks.keys [--keys N] [--sessions N] [--runs N] [--ways WAY,…] [--plot FILE]

`--ways` takes `fimbul`, `anew` (ours, but each key forgets everything), `llama.vim` and
`llama.vim-our-windows`. Without packages: `--file examples/ledger.py` types blocks of files.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.peer_build import ensure_peer
from benchmarks.scores import KEYS, Press, Record, events, figures, medians, of_unlimited, reached
from benchmarks.sessions import Session, sessions
from benchmarks.traces import Step, blocks, gaps
from benchmarks.typing import read_vocabulary
from benchmarks.ways import Ours, Peer, Way, our_windows, processor_seconds, unlimited
from fimbul_models.evaluation.plots import curves
from lsp_server.completion.serving import chooser, load_options
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.syntax.languages import language_of_path
from lsp_server.trigger import check_trigger
from lsp_server.types import CompletionRequest, Document

WAYS = ("fimbul", "llama.vim", "llama.vim-our-windows")

CURVE = [number / 50 for number in range(31)]
"""Seconds at which the plot says how many keys had a text."""

Makers = Mapping[str, Callable[[], Way]]


def makers(names: Sequence[str], settings: Settings) -> Makers:
    """Return how each way is made."""
    chosen = chooser(Paths.of_user())(settings)
    ways: dict[str, Callable[[], Way]] = {
        "fimbul": lambda: Ours(chosen, settings),
        "anew": lambda: Ours(chosen, settings, anew=True),
    }
    if any(name not in ways for name in names):
        program, threads = ensure_peer(Paths.of_user()), load_options(settings).threads
        windows, batch = our_windows(settings, read_vocabulary(chosen.file.path).count)
        model = chosen.file.path
        ways["llama.vim"] = lambda: Peer(program, model, threads)
        ways["llama.vim-our-windows"] = lambda: Peer(program, model, threads, windows, batch)
    return {name: ways[name] for name in names}


def request_of(session: Session, step: Step, version: int) -> CompletionRequest:
    """Return what an editor asks after a step."""
    language = language_of_path(step.path)
    name = language.name if language else ""
    uri = (session.folder / step.path).as_uri()
    folder = str(session.folder)
    document = Document(uri, name, version, step.lines, step.path, folder)
    return CompletionRequest(document, step.position)


def rest_of(step: Step, request: CompletionRequest) -> str:
    """Return what of the line is still to be typed, without what the editor has put there."""
    right = request.document.line(step.position.line)[step.position.column :].rstrip()
    return step.rest.removesuffix(right)


async def type_session(
    way: Way, number: int, session: Session, steps: Sequence[Step], settings: Settings
) -> Record:
    """Type one session in one way."""
    record = Record()
    await way.start(record.work.append)
    try:
        record.token_ms.append(await way.time_token())
        record.work.clear()
        before = processor_seconds()
        for at, (step, gap) in enumerate(zip(steps, gaps(steps, number), strict=True)):
            request = request_of(session, step, at + 1)
            allowed = check_trigger(request, settings.completion) is None
            press = Press(number, at, step.event, gap, rest_of(step, request), is_allowed=allowed)
            record.presses.append(press)
            begun = time.perf_counter()

            def show(text: str, press: Press = press, begun: float = begun) -> None:
                seconds = time.perf_counter() - begun
                if press is record.presses[-1] and seconds < press.gap:
                    press.shown.append((seconds, text))

            way.press(step.event, request, show)
            await asyncio.sleep(max(0.0, gap - (time.perf_counter() - begun)))
        record.cpu = processor_seconds() - before
    finally:
        await way.stop()
    record.failures += way.failures
    return record


async def ask_unlimited(
    way: Ours, number: int, session: Session, steps: Sequence[Step], every: int
) -> dict[tuple[int, int], str]:
    """Return what the model says after every so many steps of a session, however long it takes."""
    found: dict[tuple[int, int], str] = {}
    opened = set[str]()
    await way.start(lambda _work: None)
    try:
        for at, step in enumerate(steps):
            request = request_of(session, step, at + 1)
            known = request.document.uri in opened
            (way.workspace.changed if known else way.workspace.opened)(request.document)
            opened.add(request.document.uri)
            if at % every == every - 1 and step.event in KEYS:
                found[number, at] = await way.complete(request)
    finally:
        await way.stop()
    return found


async def run(
    chosen: Sequence[Session], ways: Makers, settings: Settings, keys: int, every: int
) -> dict[str, Any]:
    """Type all sessions in all ways; return the figures of each."""
    records = {name: Record() for name in ways}
    free: dict[tuple[int, int], str] = {}
    model = chooser(Paths.of_user())(settings)
    for number, session in enumerate(chosen):
        steps = list(islice(session.steps(), keys or None))
        # Who begins changes, so that a machine that slows down treats all alike.
        names = [*ways][number % len(ways) :] + [*ways][: number % len(ways)]
        for name in names:
            record = await type_session(ways[name](), number, session, steps, settings)
            _add(records[name], record)
            _say(f"{number + 1}/{len(chosen)} {session.name} {name}", record)
        if every:
            way = Ours(model, unlimited(settings))
            free |= await ask_unlimited(way, number, session, steps, every)
    return {
        name: {
            **figures(record),
            "sample": of_unlimited(record.presses, free) if free else {},
            "events": events(record),
            "curve": reached(record.presses, CURVE),
        }
        for name, record in records.items()
    }


def _add(to: Record, one: Record) -> None:
    to.presses += one.presses
    to.work += one.work
    to.cpu += one.cpu
    to.token_ms += one.token_ms
    to.failures += one.failures


def _say(what: str, record: Record) -> None:
    found = figures(record)
    sys.stderr.write(f"{what}: {found['soon_percent']} % soon, p50 {found['p50_ms']} ms\n")
    sys.stderr.writelines(f"  {failure}\n" for failure in record.failures[:1])


def of_files(paths: Sequence[Path]) -> list[Session]:
    """Return a session for every block of some files."""
    found = []
    for path in paths:
        kept = list(blocks(path.name, path.read_text("utf-8")))
        found += [
            Session("", path.resolve().parent, block, other)
            for block, other in zip(kept, [*kept[1:], *kept[:1]], strict=True)
        ]
    return found


def tables(result: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures of all ways side by side, then the events of each."""
    first = next(iter(result.values()))
    lines = [f"{'':<30}" + "".join(f"{name:>24}" for name in result)]
    for key, value in first.items():
        if isinstance(value, int | float | None):
            lines.append(f"{key:<30}" + "".join(f"{way[key]!s:>24}" for way in result.values()))
    for key in first["sample"]:
        cells = "".join(f"{way['sample'][key]!s:>24}" for way in result.values())
        lines.append(f"{'sample: ' + key:<30}{cells}")
    for name, way in result.items():
        columns = list(next(iter(way["events"].values()), {}))
        lines += ["", f"{name:<22}" + "".join(f"{column:>15}" for column in columns)]
        for event, row in way["events"].items():
            lines.append(f"{event:<22}" + "".join(f"{row[column]!s:>15}" for column in columns))
    return "\n".join(lines) + "\n"


def plot(result: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    """Draw how many key presses had a text after how long."""
    series = {name: list(zip(CURVE, way["curve"], strict=True)) for name, way in result.items()}
    labels = ("seconds after the key", "% of key presses with a suggestion, before the next key")
    file.write_text(curves(series, *labels, 100.0), encoding="utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--file", nargs="+", type=Path, default=(), help="type blocks of these")
    parser.add_argument("--sessions", type=int, default=0, help="most sessions; 0 is all")
    parser.add_argument("--keys", type=int, default=120, help="events of each; 0 is all")
    parser.add_argument("--runs", type=int, default=1, help="runs; figures are their medians")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--sample", type=int, default=15, help="steps to a place; 0 is none")
    parser.add_argument("--plot", type=Path, help="an SVG file")
    arguments = parser.parse_args()
    settings = Settings()
    ways = makers(arguments.ways.split(","), settings)
    chosen = of_files(arguments.file) or sessions(Paths.of_user().cache)
    chosen = chosen[: arguments.sessions or None]
    if not chosen:
        parser.error("no file has an indented block of 30 to 60 lines")
    runs = [
        asyncio.run(run(chosen, ways, settings, arguments.keys, arguments.sample))
        for _ in range(arguments.runs)
    ]
    result = medians(runs)
    for name, way in result.items():
        way["curve"] = runs[0][name]["curve"]
    if arguments.plot:
        plot(result, arguments.plot)
    sys.stdout.write(tables(result))
    facts = {"sessions": [session.name for session in chosen], "keys": arguments.keys}
    sys.stdout.write(json.dumps({**facts, "runs": len(runs), **result}) + "\n")


if __name__ == "__main__":
    main()
