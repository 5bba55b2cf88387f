"""What a typist gets to see: real code typed again in real time, every key a request.

The keys of 20 sessions (`benchmarks.sessions`, `fimbul_models.evaluation.traces`) come at the
speed of a typist: 150 ms apart at the median, a fifth less than 100 ms, in bursts, with pauses.
Three ways take turns at every session, each with a fresh engine and the same model file: ours, as
the server drives it; llama-server driven by the rules of llama.vim (`benchmarks.peer`); and the
same with windows as large as ours, which tells order from size. A suggestion counts from the key
to the moment it is shown, if that is before the next key. Some places are asked again at the end,
without a limit of time. LSP is not part of it. Prints tables and, last, one line of JSON.

    python -m benchmarks.keys [--keys N] [--sessions N] [--runs N] [--ways WAY,…] [--plot FILE]
        [--seconds N]

`--ways` takes `fimbul`, `fimbul-ungated` (ours with completion.show=all), `anew` (ours, but each
key forgets everything), `llama.vim` and `llama.vim-our-windows`. Without packages: `--file
examples/ledger.py` types blocks of files. `--seconds` plans as many sessions and keys as fit into
that time, and stops when it is over; what was typed until then, or until the process is told to end
(SIGTERM, SIGINT), is summed up all the same.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from benchmarks.deadline import Deadline, comparable, fitting
from benchmarks.peer_build import ensure_peer
from benchmarks.scores import KEYS, Press, Record, events, figures, medians, of_unlimited, reached
from benchmarks.sessions import Session, sessions
from benchmarks.showing import Place, gating, of_places, showing
from benchmarks.typing import read_vocabulary
from benchmarks.ways import (
    Ours,
    Peer,
    Show,
    Way,
    our_windows,
    processor_seconds,
    ungated,
    unlimited,
)
from fimbul_models.evaluation.plots import curves
from fimbul_models.evaluation.traces import Step, blocks, gaps
from lsp_server.completion.serving import chooser, load_options
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError
from lsp_server.syntax.languages import language_of_path
from lsp_server.trigger import check_trigger
from lsp_server.types import CompletionRequest, Document

UNGATED = "fimbul-ungated"
WAYS = ("fimbul", UNGATED, "llama.vim", "llama.vim-our-windows")

CURVE = [number / 50 for number in range(31)]
"""Seconds at which the plot says how many keys had a text."""

Makers = Mapping[str, Callable[[], Way]]


def makers(names: Sequence[str], settings: Settings) -> Makers:
    """Return how each way is made."""
    chosen = chooser(Paths.of_user())(settings)
    ways: dict[str, Callable[[], Way]] = {
        "fimbul": lambda: Ours(chosen, settings),
        UNGATED: lambda: Ours(chosen, ungated(settings)),
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
    way: Way,
    number: int,
    session: Session,
    steps: Sequence[Step],
    settings: Settings,
    deadline: Deadline,
) -> Record:
    """Type one session in one way, as far as the time reaches."""
    record = Record()
    await way.start(record.work.append)
    try:
        record.token_ms.append(await way.time_token())
        record.work.clear()
        before = processor_seconds()
        for at, (step, gap) in enumerate(zip(steps, gaps(steps, number), strict=True)):
            if deadline.is_over:
                break
            request = request_of(session, step, at + 1)
            allowed = check_trigger(request, settings.completion) is None
            rest = rest_of(step, request)
            press = Press(
                number, at, step.event, gap, rest, is_allowed=allowed, following=step.following
            )
            record.presses.append(press)
            begun = time.perf_counter()

            way.press(step.event, request, _shower(record, press, begun))
            await asyncio.sleep(max(0.0, gap - (time.perf_counter() - begun)))
        record.cpu = processor_seconds() - before
    finally:
        await way.stop()
    record.failures += way.failures
    return record


def _shower(record: Record, press: Press, begun: float) -> Show:
    def show(text: str, surface: str = "") -> None:
        seconds = time.perf_counter() - begun
        if press is record.presses[-1] and seconds < press.gap:
            press.shown.append((seconds, text))
            press.surface = surface or press.surface

    return show


async def ask_unlimited(
    way: Ours,
    number: int,
    session: Session,
    steps: Sequence[Step],
    every: int,
    deadline: Deadline,
) -> list[Place]:
    """Return what is suggested after every so many steps of a session, however long it takes."""
    found: list[Place] = []
    opened = set[str]()
    await way.start(lambda _work: None)
    try:
        for at, step in enumerate(steps):
            if deadline.is_over:
                break
            request = request_of(session, step, at + 1)
            known = request.document.uri in opened
            (way.workspace.changed if known else way.workspace.opened)(request.document)
            opened.add(request.document.uri)
            if at % every == every - 1 and step.event in KEYS:
                gated = await way.complete(request)
                everything = await way.complete(request, ungated(way.settings))
                rest = rest_of(step, request)
                press = Press(number, at, step.event, 0.0, rest, following=step.following)
                found.append(Place(press, gated, everything))
    finally:
        await way.stop()
    return found


@dataclass(frozen=True, slots=True)
class Plan:
    """What is typed, and for how long."""

    sessions: Sequence[Session]
    keys: int
    """Events of each; 0 is all."""
    sample: int
    """Steps to a place that is asked without a limit of time; 0 is none."""
    deadline: Deadline
    failures: list[str] = field(default_factory=list)
    """Why sessions are left out."""

    @contextmanager
    def leaving_out(self, what: str) -> Iterator[None]:
        """Go on where something fails; a session that not all ways have typed counts for none."""
        try:
            yield
        except (RuntimeError, FimbulError, OSError) as error:
            self.failures.append(f"{what}: {str(error) or type(error).__name__}")
            sys.stderr.write(f"{self.failures[-1]}\n")


async def run(ways: Makers, settings: Settings, plan: Plan) -> dict[str, Any]:
    """Type all sessions in all ways, as far as the time reaches; return the figures of each."""
    plan.deadline.watch_signals()
    rounds: list[dict[str, Record]] = []
    places: list[Place] = []
    chosen, seconds = fitting(plan.deadline.left, plan.sessions, len(ways), sample=plan.sample > 0)
    for number, session in enumerate(chosen):
        steps = _as_long_as(list(islice(session.steps(), plan.keys or None)), number, seconds)
        # Who begins changes, so that a machine that slows down treats all alike.
        names = [*ways][number % len(ways) :] + [*ways][: number % len(ways)]
        rounds.append({})
        for name in names:
            what = f"{number + 1}/{len(chosen)} {session.name} {name}"
            with plan.leaving_out(what):
                if not plan.deadline.is_over:
                    typed = type_session(
                        ways[name](), number, session, steps, settings, plan.deadline
                    )
                    async with asyncio.timeout(plan.deadline.patience):
                        rounds[-1][name] = await typed
                    _say(what, rounds[-1][name])
        with plan.leaving_out(f"{number + 1}/{len(chosen)} {session.name} sample"):
            if plan.sample and not plan.deadline.is_over:
                way = Ours(chooser(Paths.of_user())(settings), unlimited(settings))
                asked = ask_unlimited(way, number, session, steps, plan.sample, plan.deadline)
                async with asyncio.timeout(plan.deadline.patience):
                    places += await asked
        if plan.deadline.is_over:
            break
    free = {(place.press.session, place.press.number): place.gated for place in places}
    records = {name: Record() for name in ways}
    for of_session in comparable(rounds, [*ways]):
        for name, record in of_session.items():
            _add(records[name], record)
    return {
        name: {
            **figures(record),
            "sessions_typed": len({press.session for press in record.presses}),
            **showing(record.presses),
            "sample": of_unlimited(record.presses, free) if free else {},
            "gate": of_places(places),
            "events": events(record),
            "curve": reached(record.presses, CURVE),
        }
        for name, record in records.items()
    }


def _as_long_as(steps: list[Step], seed: int, seconds: float) -> list[Step]:
    """Return the steps that are typed within so many seconds."""
    ends = accumulate(gaps(steps, seed))
    return [step for step, end in zip(steps, ends, strict=True) if end <= seconds] or steps[:1]


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
        lines += _table(name, way["surfaces"])
    for name, way in result.items():
        lines += _table(name, way["events"])
    if "fimbul" in result and UNGATED in result:
        kept = gating(result["fimbul"], result[UNGATED])
        lines.append("\nfimbul shows, of what it would show ungated:")
        lines += [f"  {key}: {value}" for key, value in kept.items()]
    if gate := first["gate"]:
        lines.append("\nthe gate where time plays no part, at the places of the sample:")
        lines += [f"  {key}: {value}" for key, value in gate.items()]
    return "\n".join(lines) + "\n"


def _table(name: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table of one way, the columns as wide as their names."""
    columns = list(next(iter(rows.values()), {}))
    widths = {column: max(15, len(column) + 2) for column in columns}
    head = f"{name:<22}" + "".join(f"{column:>{widths[column]}}" for column in columns)
    return [
        "",
        head,
        *(
            f"{row:<22}" + "".join(f"{cells[column]!s:>{widths[column]}}" for column in columns)
            for row, cells in rows.items()
        ),
    ]


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
    parser.add_argument("--seconds", type=float, default=0, help="most time of each run; 0 is any")
    arguments = parser.parse_args()
    settings = Settings()
    ways = makers(arguments.ways.split(","), settings)
    chosen = of_files(arguments.file) or sessions(Paths.of_user().cache)
    chosen = chosen[: arguments.sessions or None]
    if not chosen:
        parser.error("no file has an indented block of 30 to 60 lines")
    plans = [
        Plan(chosen, arguments.keys, arguments.sample, Deadline(arguments.seconds))
        for _ in range(arguments.runs)
    ]
    runs = []
    for plan in plans:
        plan.deadline.begin()
        runs.append(asyncio.run(run(ways, settings, plan)))
        if plan.deadline.was_told:
            break
    result = medians(runs)
    for name, way in result.items():
        way["curve"] = runs[0][name]["curve"]
    if arguments.plot:
        plot(result, arguments.plot)
    sys.stdout.write(tables(result))
    facts = {
        "sessions": [session.name for session in chosen],
        "keys": arguments.keys,
        "seconds": arguments.seconds,
        "left_out": [failure for plan in plans for failure in plan.failures],
        "cut": any(plan.deadline.is_over for plan in plans[: len(runs)]),
    }
    sys.stdout.write(json.dumps({**facts, "runs": len(runs), **result}) + "\n")


if __name__ == "__main__":
    main()
