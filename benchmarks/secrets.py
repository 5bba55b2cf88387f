"""How many planted secrets reach a prompt, how much innocent text is altered, what it costs.

    python -m benchmarks.secrets [--seed N] [--each N] [--code FOLDER …] [--show N] [--peer]

Needs no model. A secret has reached a prompt if eight characters in a row of its value are in it,
what names its issuer apart. `--code` counts the altered lines of real files, `--peer` asks
detect-secrets about the same lines, if it is installed. Ends with one line of JSON, and with exit
code 1 if a share is above its goal.
"""

import argparse
import asyncio
import importlib
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.secret_files import Planted, innocents, secrets
from lsp_server.completion.secrecy import Secrecy
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import Settings
from lsp_server.context.index.files import LeftOut, lines_of
from lsp_server.privacy.secrets import find_all, redact
from lsp_server.prompt.build import build_prompt
from lsp_server.prompt.formats import FORMATS
from lsp_server.types import Document, Rejection

SEED = 20261128
EACH = 10
"""Secrets of each kind; there are a little more innocents of each kind of those."""

RUN = 8
"""Characters in a row that betray a value."""

GOAL, ALTERED_GOAL = 0.02, 0.03
"""Largest shares of secrets that reach a prompt and of innocents altered; of the secrets that an
issuer's form tells none may."""

KEYS = 1000
LINES = 2000
LARGEST = 1_000_000
SUGGESTION = "    result = fetch(session, token, retries=3)\n    return result.json()['items'][0]\n"


class Everything(Secrecy):
    """Lets everything through: what the measurement would count without the door."""

    def document(self, document: Document) -> Document:
        """Return `document` as it is."""
        return document

    async def withheld(self, document: Document) -> Rejection | None:
        """Let every file through."""
        del document
        return None


async def _count(texts: Sequence[str]) -> Mapping[str, int]:
    return {text: max(1, len(text) // 4) for text in texts}


async def prompt_of(planted: Planted, secrecy: Secrecy) -> str:
    """Return the text of the prompt at the cursor of a planted file."""
    workspace = Workspace()
    workspace.secrecy = secrecy
    settings = Settings()
    workspace.opened(planted.request.document)
    assembled = await workspace.assemble(planted.request, settings, _count)
    prompt = build_prompt(assembled.context, FORMATS["qwen2.5-coder"], settings.prompt)
    return "".join(segment.text for segment in prompt.segments) + prompt.healed


def has_reached(planted: Planted, prompt: str) -> bool:
    """Tell whether enough of the planted value is in `prompt` to betray it."""
    for row in planted.parts():
        secret = row[12:] if len(row) > 24 else row[4:] if len(row) > 12 else row
        runs = [secret[at : at + RUN] for at in range(max(1, len(secret) - RUN + 1))]
        if any(run in prompt for run in runs):
            return True
    return False


async def measure_secrets(planted: Sequence[Planted]) -> dict[str, Any]:
    """Count the secrets that reach a prompt, with and without the door, by kind."""
    reached: Counter[str] = Counter()
    open_door = 0
    for one in planted:
        reached[one.kind] += has_reached(one, await prompt_of(one, Secrecy()))
        open_door += has_reached(one, await prompt_of(one, Everything()))
    known = {one.kind for one in planted if one.is_known}
    of_known = sum(one.is_known for one in planted)
    return {
        "secrets": len(planted),
        "kinds": len({one.kind for one in planted}),
        "reached": sum(reached.values()),
        "share": sum(reached.values()) / len(planted),
        "known": of_known,
        "reached_known": sum(reached[kind] for kind in known),
        "without": open_door,
        "by_kind": {kind: number for kind, number in sorted(reached.items()) if number},
    }


def measure_innocents(planted: Sequence[Planted]) -> dict[str, Any]:
    """Count the innocent texts that are altered, by kind."""
    altered: Counter[str] = Counter()
    for one in planted:
        document = one.request.document
        altered[one.kind] += Secrecy().document(document).lines != document.lines
    total = sum(altered.values())
    by_kind = {kind: number for kind, number in sorted(altered.items()) if number}
    return {
        "innocents": len(planted),
        "altered": total,
        "share": total / len(planted),
        "by_kind": by_kind,
    }


@dataclass(frozen=True, slots=True)
class Cost:
    """What some work took, in milliseconds."""

    wall: float
    cpu: float
    """Of this thread's processor time: what a busy machine does not change much."""

    @classmethod
    def of(cls, work: Callable[[], object]) -> "Cost":
        """Do the work."""
        wall, cpu = time.perf_counter(), time.thread_time()
        work()
        return cls((time.perf_counter() - wall) * 1000.0, (time.thread_time() - cpu) * 1000.0)


def measure_cost(planted: Sequence[Planted]) -> dict[str, float]:
    """Type into a long file that has many secrets; return milliseconds a request.

    A request is a key that the workspace and the pipeline take in, its question, and a look at
    what is to be suggested.
    """
    texts = [line for one in planted for line in one.request.document.lines]
    lines = [line if line.endswith("\n") else f"{line}\n" for line in texts][:LINES]
    secrecy = Secrecy()
    document = Document("file:///a.py", "python", 0, (*lines, ""))
    opened = Cost.of(lambda: secrecy.document(document))
    costs = []
    for number in range(KEYS):
        typed = f"    value_{number // 40} = store.get(name, default={'x' * (number % 40)}\n"
        lines[LINES // 2 + number // 40] = typed
        document = replace(document, version=number + 1, lines=(*lines, ""))
        costs.append(Cost.of(partial(_request, secrecy, document, typed)))
    return {
        "opened_ms": opened.wall,
        "opened_cpu_ms": opened.cpu,
        "request_p50_ms": statistics.median(cost.wall for cost in costs),
        "request_p95_ms": _p95([cost.wall for cost in costs]),
        "request_p50_cpu_ms": statistics.median(cost.cpu for cost in costs),
        "request_p95_cpu_ms": _p95([cost.cpu for cost in costs]),
    }


def _request(secrecy: Secrecy, document: Document, typed: str) -> None:
    for _ in range(3):
        secrecy.document(document)
    secrecy.reveals(typed, SUGGESTION)


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def altered_lines(folders: Iterable[Path]) -> Iterator[tuple[str, str, str, str]]:
    """Yield file with line, kinds, the line and what stands for it, of real code; then a total."""
    files = total = 0
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            if file.is_symlink() or file.stat().st_size > LARGEST:
                continue
            lines = lines_of(file.read_bytes(), list)
            if isinstance(lines, LeftOut):
                continue
            files, total = files + 1, total + len(lines)
            shown = redact(lines)
            for number, found in find_all(lines).items():
                kinds = " ".join(sorted({one.kind for one in found}))
                yield f"{file}:{number + 1}", kinds, lines[number].strip(), shown[number].strip()
    yield f"{files} files, {total} lines", "", "", ""


def measure_peer(planted: Sequence[Planted], harmless: Sequence[Planted]) -> dict[str, Any]:
    """Ask detect-secrets about the lines that the corpus plants; generous in what counts."""
    try:
        scan = importlib.import_module("detect_secrets.core.scan")
        settings = importlib.import_module("detect_secrets.settings")
    except ImportError as exc:
        raise SystemExit("detect-secrets is missing: pip install detect-secrets.") from exc

    def flags(one: Planted) -> bool:
        """Tell whether it finds anything in the file, of which all else is innocent."""
        file.write_text("".join(one.request.document.lines), encoding="utf-8")
        return any(True for _ in scan.scan_file(str(file)))

    with tempfile.TemporaryDirectory() as folder, settings.default_settings():
        file = Path(folder) / "planted.py"
        started = time.perf_counter()
        found = sum(map(flags, planted))
        flagged = sum(map(flags, harmless))
        seconds = time.perf_counter() - started
    lines = sum(len(one.request.document.lines) for one in (*planted, *harmless))
    return {
        "found": found / len(planted),
        "flagged": flagged / len(harmless),
        "ms_per_line": seconds * 1000.0 / lines,
    }


def arguments_of(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED, help="of the corpus")
    parser.add_argument("--each", type=int, default=EACH, help="secrets of each kind")
    parser.add_argument("--code", type=Path, nargs="*", default=[], help="folders of real code")
    parser.add_argument("--show", type=int, default=0, help="altered real lines to print")
    parser.add_argument("--peer", action="store_true", help="also ask detect-secrets")
    return parser.parse_args(given)


def main() -> int:
    """Measure, print, and return 1 if a share is above its goal."""
    arguments = arguments_of()
    planted = list(secrets(arguments.seed, arguments.each))
    harmless = list(innocents(arguments.seed, arguments.each + arguments.each // 3))
    figures: dict[str, Any] = {
        "secrets": asyncio.run(measure_secrets(planted)),
        "innocents": measure_innocents(harmless),
        "cost": measure_cost(planted),
    }
    if arguments.code:
        *altered, total = altered_lines(arguments.code)
        for where, kinds, line, shown in altered[: arguments.show]:
            sys.stdout.write(f"{where} [{kinds}]\n  {line[:160]}\n  {shown[:160]}\n")
        figures["code"] = {"looked_at": total[0], "altered": len(altered)}
    if arguments.peer:
        figures["peer"] = measure_peer(planted, harmless)
    for name, values in figures.items():
        sys.stdout.write(f"{name}: {values}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    found, harm = figures["secrets"], figures["innocents"]
    is_good = (
        found["reached_known"] == 0 and found["share"] <= GOAL and harm["share"] <= ALTERED_GOAL
    )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
