"""Which sockets are opened in a session: counted from outside, under strace.

A real `fimbul serve` child with its engine and its index types into copies of the examples and asks
at every key. Every system call of all its processes that makes a socket or uses one is written
down, and counted by family and outcome. Four sessions:

- `on`: as it is shipped.
- `off`: the same without the guard, honestly: what would be opened if nothing forbade it.
- `control-on`, `control-off`: the engine's process and the index's each try to open an internet
  socket over TCP and one over UDP, past Python. With the guard all have to be counted as refused,
  without it as opened: that shows that the count would notice.

The guard is taken out by a `sitecustomize.py` that comes first on the import path of the measured
processes; the program itself has no switch for it.

Needs strace. Prints a table and, last, one line of JSON.

    python -m benchmarks.sockets [--requests N] [--engine scripted] [--only on,off,…]
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.editor import COMMAND, Editor, editor
from lsp_server.text import split_lines
from lsp_server.types import Position

ROOT = Path(__file__).parents[1]

SESSIONS = ("on", "off", "control-on", "control-off")
CONTROL_REQUESTS = 10
"""Requests of a control session, which only has to start everything."""

READY_SECONDS = 300.0

_TRACED = "trace=%network,io_uring_setup"
_CALL = re.compile(r"(?P<pid>\d+)\s+(?P<name>\w+)\((?P<rest>.*)")
_RESUMED = re.compile(r"(?P<pid>\d+)\s+<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")
_RESULT = re.compile(r"\)\s+= (?P<result>-?\d+)")
_FAMILY = re.compile(r"\b(?:AF|PF)_(?P<family>[A-Z0-9_]+)")

_WITHOUT_GUARD = """
import lsp_server.guard.network as network
network.NetworkGuard.raise_up = lambda self: self.means
"""

_CONTROL = """
import ctypes
import lsp_server.guard.child as child
confine = child.confine

def confine_and_try():
    confine()
    libc = ctypes.CDLL(None)
    for kind in (1, 2):
        libc.socket(2, kind, 0)

child.confine = confine_and_try
"""


@dataclass(frozen=True, slots=True)
class Session:
    """What a session did."""

    requests: int
    shown: int
    """Answers that held a suggestion."""
    calls: Mapping[str, int]
    """Calls by what they were, such as ``socket AF_INET opened``."""

    @property
    def internet(self) -> int:
        """Internet sockets that were opened."""
        return sum(self.calls.get(f"socket {family} opened", 0) for family in ("INET", "INET6"))

    @property
    def refused(self) -> int:
        """Internet sockets that were asked for in vain."""
        return sum(self.calls.get(f"socket {family} refused", 0) for family in ("INET", "INET6"))


def can_trace() -> str:
    """Return why nothing can be traced here; empty if it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    done = subprocess.run([strace, "-o", os.devnull, sys.executable, "-c", ""], capture_output=True)
    return "strace may not trace here" if done.returncode else ""


def count_calls(lines: Iterable[str]) -> Counter[str]:
    """Count the calls in what ``strace -f`` wrote, by name, address family and outcome."""
    counted: Counter[str] = Counter()
    begun: dict[tuple[str, str], str] = {}
    for line in lines:
        if resumed := _RESUMED.match(line):
            key = resumed["pid"], resumed["name"]
            _count(counted, resumed["name"], begun.pop(key, "") + resumed["rest"])
        elif call := _CALL.match(line):
            if call["rest"].endswith("<unfinished ...>"):
                begun[call["pid"], call["name"]] = call["rest"]
            else:
                _count(counted, call["name"], call["rest"])
    for (_, name), rest in begun.items():
        # The process died inside of it: nobody knows how it would have ended.
        _count(counted, name, f"{rest}) = 0")
    return counted


def _count(counted: Counter[str], name: str, rest: str) -> None:
    family, result = _FAMILY.search(rest), _RESULT.search(rest)
    outcome = "refused" if result is not None and int(result["result"]) < 0 else "opened"
    if name in ("socket", "socketpair", "connect", "bind"):
        counted[f"{name} {family['family'] if family else 'unknown'} {outcome}"] += 1
    elif name == "io_uring_setup":
        counted[f"{name} {outcome}"] += 1


async def run_session(name: str, requests: int, folder: Path, options: Iterable[str]) -> Session:
    """Run the session `name` in the empty `folder`, with `options` for the server."""
    workspace, first, log = folder / "work", folder / "first", folder / "strace"
    shutil.copytree(ROOT / "examples", workspace, ignore=shutil.ignore_patterns("__pycache__"))
    first.mkdir(parents=True)
    patches = (_WITHOUT_GUARD if name.endswith("off") else "") + (
        _CONTROL if name.startswith("control") else ""
    )
    (first / "sitecustomize.py").write_text(patches)
    path = os.pathsep.join((str(first), str(ROOT), os.environ.get("PYTHONPATH", "")))
    traced = ("strace", "-f", "-qq", "-o", str(log), "-e", _TRACED)
    command = ("env", f"PYTHONPATH={path}", *traced, *COMMAND, *options)
    shown = 0
    async with editor(workspace, command) as here:
        files = sorted(workspace.glob("*.py"))
        texts = [file.read_text(encoding="utf-8") for file in files]
        uris = [here.open(file, text) for file, text in zip(files, texts, strict=True)]
        await asyncio.wait_for(_ready(here), READY_SECONDS)
        for file, place, key in itertools.islice(_keys(texts), requests):
            here.insert(uris[file], place, key)
            shown += bool(await here.complete(uris[file], _behind(place, key)))
    with log.open(encoding="utf-8", errors="replace") as lines:
        return Session(requests, shown, dict(sorted(count_calls(lines).items())))


async def _ready(here: Editor) -> None:
    """Wait until the engine answers and the index was looked through."""
    while True:
        known = [said for method, said in here.said if method == "fimbul/status"]
        state = known[-1]["state"] if known else ""
        if state in ("failed", "no-model"):
            raise SystemExit(f"there is no engine to measure: {known[-1]['message']}")
        if state == "ready" and known[-1]["index"]["state"] == "ready":
            return
        await asyncio.sleep(0.05)


def _keys(texts: Sequence[str]) -> Iterator[tuple[int, Position, str]]:
    """Yield keys for ever: lines of each file typed again at its end, the files taking turns."""
    ends = [Position(len(lines) - 1, len(lines[-1])) for lines in map(split_lines, texts)]
    turns = itertools.zip_longest(*([line for line in text.split("\n") if line] for text in texts))
    for turn in itertools.cycle(list(turns)):
        for file, line in enumerate(turn):
            for key in f"\n{line}" if line else "":
                yield file, ends[file], key
                ends[file] = _behind(ends[file], key)


def _behind(place: Position, key: str) -> Position:
    if key == "\n":
        return Position(place.line + 1, 0)
    return Position(place.line, place.column + 1)


def main() -> None:
    """Run the sessions, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=500, help="default: %(default)s")
    parser.add_argument("--engine", choices=("llama", "scripted"), default="llama")
    parser.add_argument("--only", default=",".join(SESSIONS), help="default: %(default)s")
    arguments = parser.parse_args()
    if why := can_trace():
        raise SystemExit(f"Nothing was measured: {why}.")
    found = {}
    for name in arguments.only.split(","):
        requests = CONTROL_REQUESTS if name.startswith("control") else arguments.requests
        with tempfile.TemporaryDirectory() as folder:
            options = ("--engine", arguments.engine)
            session = asyncio.run(run_session(name, requests, Path(folder), options))
        found[name] = session
        sys.stdout.write(
            f"{name:<12}{session.requests:>5} requests,{session.shown:>5} answered; internet"
            f" sockets opened {session.internet}, refused {session.refused};"
            f" all calls: {dict(session.calls)}\n"
        )
        sys.stdout.flush()
    figures = {
        name: {**asdict(session), "opened": session.internet, "refused": session.refused}
        for name, session in found.items()
    }
    sys.stdout.write(json.dumps({"engine": arguments.engine, "sessions": figures}) + "\n")


if __name__ == "__main__":
    main()
