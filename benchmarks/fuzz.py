"""Random messages and edits against a real `fimbul serve` over its pipes.

Sessions of random messages, one position encoding after the other, each against a server of its
own whose engine is scripted. From time to time every request has to be answered, once and as LSP
says, and the server's documents have to equal those of an oracle. At the end the server has to
leave properly and its logs must hold no word of a document.

The same seed sends the same messages. What fails is said with its seed, and the messages since the
last comparison are written to a file that `--replay` plays again.

Prints progress, a table by kind of message and, last, one line of JSON.

    python -m benchmarks.fuzz [--messages N] [--seed N] [--only SESSIONS] [--replay FILE]
"""

import argparse
import asyncio
import itertools
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.fuzz_material import MARKER, Answer, Sent
from benchmarks.fuzz_messages import Fuzz
from benchmarks.fuzz_oracle import Oracle
from benchmarks.fuzz_session import Failure, Session, Tally, session

ROOT = Path(__file__).parents[1]

ENCODINGS = ("utf-16", "utf-8", "utf-32")

SESSION = 5000
"""Messages of one session, at most."""

WINDOW = 250
"""Most messages between two comparisons."""

SCRIPT = """
[[rules]]
after = "."
answer = "fetch(name, é😀)"
[[rules]]
after = "("
answer = "one, two)"
token_ms = 4
[[rules]]
after = ")"
answer = ""
[[rules]]
after = "ab"
fault = "fail"
[[rules]]
after = "return "
answer = "value\\n\\ndef more():\\n    return 1\\n"
others = ["other", "é😀"]
token_ms = 1
[[rules]]
answer = "scripted(answer)"
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A failure and what is needed to see it again."""

    why: str
    seed: int
    session: int
    encoding: str
    message: int
    """Messages of the session until then."""
    replay: str = ""
    """The file of messages since the last comparison."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all sessions."""

    tally: Tally
    messages: int
    seconds: float
    found: Found | None


def lengths(messages: int) -> list[int]:
    """Return how many messages each session has; all encodings have their turn."""
    length = max(1, min(SESSION, -(-messages // len(ENCODINGS))))
    return [min(length, messages - sent) for sent in range(0, messages, length)]


async def fuzz(
    messages: int,
    seed: int,
    output: Path,
    say: Callable[[str], None] = lambda _line: None,
    only: range | None = None,
) -> Report:
    """Send `messages` messages; stop at the first failure, whose replay is put into `output`.

    `only` are numbers of sessions, which do not depend on each other; None is all of them.
    """
    tally, begun, count = Tally(), time.monotonic(), 0
    turns = itertools.cycle(ENCODINGS)
    for number, (length, encoding) in enumerate(zip(lengths(messages), turns, strict=False)):
        if only is not None and number not in only:
            continue
        name = f"{seed} {number}"
        found, sent = await _one(name, encoding, length, tally)
        count += sent
        say(f"{count:>8,} messages, {time.monotonic() - begun:6.0f} s: session {number} {encoding}")
        if found is not None:
            why, history = found
            replay = keep(output, encoding, history)
            failure = Found(why, seed, number, encoding, sent, str(replay))
            return Report(tally, count, time.monotonic() - begun, failure)
    return Report(tally, count, time.monotonic() - begun, None)


async def _one(
    name: str, encoding: str, length: int, tally: Tally
) -> tuple[tuple[str, list[Sent]] | None, int]:
    """Run one session; return what failed, if something did, and how many messages were sent."""
    chance = random.Random(f"{name} pauses")  # noqa: S311  # The same at every run.

    def messages(oracle: Oracle) -> Iterator[Sent]:
        return itertools.islice(Fuzz(name, oracle), length)

    return await _play(name, encoding, messages, chance, tally)


async def _play(
    name: str,
    encoding: str,
    messages: Callable[[Oracle], Iterable[Sent]],
    chance: random.Random,
    tally: Tally,
) -> tuple[tuple[str, list[Sent]] | None, int]:
    here: Session | None = None
    with tempfile.TemporaryDirectory(prefix="fimbul-fuzz-") as place:
        folder, home = Path(place) / "work", Path(place) / "home"
        script = _furnish(folder, home)
        environment = {
            f"XDG_{kind}_HOME": str(home / kind.lower())
            for kind in ("CONFIG", "DATA", "CACHE", "STATE")
        }
        try:
            async with session(name, encoding, folder, environment, script) as here:
                await _send_all(here, messages(here.oracle), chance)
            _look_into_logs(home / "state")
        except Failure as failure:
            history = here.history if here else []
            return (str(failure), history), _count(here, tally)
    return None, _count(here, tally)


def _count(here: Session | None, tally: Tally) -> int:
    if here is None:
        return 0
    tally.add(here.tally)
    return here.tally.sent.total()


async def _send_all(here: Session, messages: Iterable[Sent], chance: random.Random) -> None:
    left = chance.randint(1, WINDOW)
    for sent in messages:
        await here.send(sent)
        # Mostly nothing is waited for, so that requests overtake each other.
        if chance.random() < 0.06:
            await here.settle()
        left -= 1
        if not left:
            left = chance.randint(1, WINDOW)
            await here.compare()
    await here.compare()


def _furnish(folder: Path, home: Path) -> Path:
    """Make a workspace and a home; return the engine's script."""
    examples = ROOT / "examples"
    shutil.copytree(examples, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(folder, folder / "sub")
    (folder / ".env").write_text("PASSWORD=hunter2-and-more-4711\n")
    (folder / ".gitignore").write_text("ignored/\n")
    home.mkdir()
    script = home / "script.toml"
    script.write_text(SCRIPT, encoding="utf-8")
    return script


def _look_into_logs(state: Path) -> None:
    """Raise Failure if a file of the logs holds text of a document."""
    for file in state.rglob("*"):
        if file.is_file() and MARKER.encode() in file.read_bytes():
            raise Failure(f"text of a document is in {file.relative_to(state)}")


def keep(output: Path, encoding: str, history: Iterable[Sent]) -> Path:
    """Write messages to a file that can be played again; return it."""
    output.mkdir(parents=True, exist_ok=True)
    place = output / "fuzz.jsonl"
    lines = [json.dumps({"encoding": encoding})]
    for sent in history:
        values = {"kind": sent.kind, "answer": sent.answer.name, "is_valid": sent.is_valid}
        lines.append(json.dumps({**values, "raw": sent.raw, "message": sent.message}))
    place.write_text("\n".join(lines) + "\n")
    return place


async def play_again(file: Path) -> Report:
    """Send the messages of a file."""
    head, *lines = file.read_text().splitlines()
    encoding = json.loads(head)["encoding"]
    history = [_read(line) for line in lines]
    tally, begun = Tally(), time.monotonic()
    chance = random.Random(0)  # noqa: S311  # The same at every run.
    found, count = await _play("0", encoding, lambda _oracle: history, chance, tally)
    failure = Found(found[0], 0, 0, encoding, count, str(file)) if found else None
    return Report(tally, count, time.monotonic() - begun, failure)


def _read(line: str) -> Sent:
    values = json.loads(line)
    answer = Answer[values.pop("answer")]
    return Sent(answer=answer, **values)


def table(report: Report) -> str:
    """Return the messages by kind."""
    tally = report.tally
    columns = (tally.sent, tally.answered, tally.refused, tally.cancelled)
    lines = [f"{'kind':<28}{'sent':>9}{'answered':>10}{'refused':>9}{'cancelled':>11}"]
    for kind in sorted(tally.sent, key=lambda kind: -tally.sent[kind]):
        sent, answered, refused, cancelled = (column[kind] for column in columns)
        lines.append(f"{kind:<28}{sent:>9,}{answered:>10,}{refused:>9,}{cancelled:>11,}")
    totals = [column.total() for column in columns]
    lines.append(f"{'all':<28}{totals[0]:>9,}{totals[1]:>10,}{totals[2]:>9,}{totals[3]:>11,}")
    lines.append(f"suggestions {tally.shown:,}; documents compared {tally.compared:,}")
    lines += [f"{count:>6} times told: {told}" for told, count in tally.told.most_common(12)]
    return "\n".join(lines) + "\n"


def figures(report: Report, seed: int) -> dict[str, Any]:
    """Return what is worth a line of JSON."""
    tally = report.tally
    return {
        "messages": report.messages,
        "seed": seed,
        "seconds": round(report.seconds, 1),
        "requests": tally.answered.total(),
        "suggestions": tally.shown,
        "compared": tally.compared,
        "failure": asdict(report.found) if report.found else None,
    }


def _numbers(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    """Run, print; exit with 1 at a failure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--only", type=_numbers, metavar="N-M", help="sessions, as 3 or 3-7")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play what failed again")
    parser.add_argument("--output", type=Path, default=ROOT / "build")
    arguments = parser.parse_args()

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    if arguments.replay:
        report = asyncio.run(play_again(arguments.replay))
    else:
        messages, seed, only = arguments.messages, arguments.seed, arguments.only
        report = asyncio.run(fuzz(messages, seed, arguments.output, say, only))
    sys.stdout.write(table(report))
    if report.found is not None:
        found = report.found
        sys.stdout.write(
            f"\nFAILED with --seed {found.seed} in session {found.session} ({found.encoding}),"
            f" behind message {found.message}:\n{found.why}\n"
            f"again: python -m benchmarks.fuzz --replay {found.replay}\n"
        )
    sys.stdout.write(json.dumps(figures(report, arguments.seed)) + "\n")
    sys.exit(int(report.found is not None))


if __name__ == "__main__":
    main()
