"""What the stages between licences and duplicates make of real packages, and what they cost.

    python -m benchmarks.corpus_quality ARCHIVE-OR-FOLDER … [--humaneval FILE …] [--items FILE …]
        [--show REASON] [--seed N]

Archives are what `fimbul-models` has fetched (wheels, npm's, Debian's); a folder means all in it.
Counts files and bytes by reason for each stage, with seconds of processor time. With evaluation
sets it also plants each of their items, the answer with the lines around it, in a real file: as it
is, indented and as a comment, and counts those that are not found. `--show` prints some of what is
dropped for a reason. Ends with one line of JSON, and with exit code 1 if one was not found.
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.corpus.contamination import Contamination, ContaminationRules, read_evaluations
from fimbul_models.corpus.gathering import GatherRules, read_unit
from fimbul_models.corpus.languages import Languages
from fimbul_models.corpus.packages import Origin
from fimbul_models.corpus.quality import Quality
from fimbul_models.corpus.records import Counts, Drop, Record, Stage
from fimbul_models.corpus.redaction import Redaction
from fimbul_models.corpus.units import Kind, Unit
from fimbul_models.evaluation.items import Item, read_humaneval, read_items

SEED = 20261128
SHOWN = 40
AROUND = 12
"""Words on each side of an answer that are planted with it."""
HOSTS = 300
"""Real files that items are planted in, by turns."""

_ORIGINS = {".whl": Origin.WHEEL, ".tgz": Origin.NPM}


@dataclass
class Tally:
    """What went through, by stage."""

    counts: dict[str, Counts] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    roles: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)
    errors: dict[str, list[int]] = field(default_factory=dict)
    """Files of each language, and those that do not parse or break off."""
    dropped: list[tuple[str, str]] = field(default_factory=list)
    """Reason, and the file with what exactly."""
    hosts: list[Record] = field(default_factory=list)


def units_in(paths: Iterable[Path]) -> Iterator[Unit]:
    """Yield the archives at `paths` as repositories."""
    for path in paths:
        archives = sorted(path.iterdir()) if path.is_dir() else [path]
        for archive in archives:
            if archive.is_file() and archive.suffix in {".whl", ".tgz", ".gz", ".xz", ".bz2"}:
                origin = _ORIGINS.get(archive.suffix, Origin.DEBIAN)
                name = f"{origin.value}:{archive.name}"
                yield Unit(kind=Kind.ARCHIVE, source="packages", repository=name,
                           place=str(archive), origin=origin, sensitivity="public")  # fmt: skip


def sift(unit: Unit, stages: Sequence[Stage], tally: Tally) -> None:
    """Send one repository through `stages`."""
    records = [came for came in read_unit(unit, GatherRules()) if isinstance(came, Record)]
    for stage in stages:
        count = tally.counts.setdefault(stage.name, Counts(stage.name))
        began = time.thread_time()
        came = list(stage(records))
        spent = time.thread_time() - began
        tally.seconds[stage.name] = tally.seconds.get(stage.name, 0.0) + spent
        for record, one in zip(records, came, strict=True):
            count.take(one, record.size)
            _note(tally, one)
        records = [one for one in came if isinstance(one, Record)]
    for record in records:
        tally.roles[record.role.value] += 1
        tally.languages[record.language] += 1
        tally.redacted.update(record.redacted)
    if records and len(tally.hosts) < HOSTS:
        tally.hosts.append(random.Random(unit.repository).choice(records))  # noqa: S311


def _note(tally: Tally, one: Record | Drop) -> None:
    if isinstance(one, Drop):
        where = one.key.replace("\n", " ")
        tally.dropped.append((one.reason.value, f"{one.language:12} {where} ({one.detail})"))
    if isinstance(one, Drop) and one.reason.value in ("parse-errors", "truncated"):
        tally.errors.setdefault(one.language, [0])[0] += 1


def planted_piece(item: Item) -> str:
    """Return the answer of `item` with whole lines around it, `AROUND` words on each side."""
    above = list(re.finditer(r"\w+", item.prefix))[-AROUND:]
    below = list(re.finditer(r"\w+", item.suffix))[:AROUND]
    start = item.prefix.rfind("\n", 0, above[0].start()) + 1 if above else 0
    end = item.suffix.find("\n", below[-1].end()) if below else 0
    return item.prefix[start:] + item.answer + item.suffix[: end if end >= 0 else None]


def measure_planted(
    items: Sequence[Item], stage: Contamination, hosts: Sequence[Record]
) -> dict[str, Any]:
    """Plant each item in a file that shares nothing with any; count those that are not found."""
    missed: Counter[str] = Counter()
    clean = [host for host in hosts if not stage.evaluations.verdict(host.text)]
    for number, item in enumerate(items):
        host = clean[number % len(clean)]
        piece = planted_piece(item)
        for how, before in (("as it is", ""), ("indented", "    "), ("as a comment", "# ")):
            planted = "".join(f"{before}{line}\n" for line in piece.splitlines())
            middle = host.text.find("\n", len(host.text) // 2) + 1
            text = host.text[:middle] + planted + host.text[middle:]
            (came,) = stage([msgspec.structs.replace(host, text=text)])
            missed[how] += isinstance(came, Record)
    return {"items": len(items), "hosts": len(clean), "missed": dict(missed)}


def report(tally: Tally, show: Sequence[str]) -> dict[str, Any]:
    """Print the tally as tables; return its figures."""
    figures: dict[str, Any] = {}
    for name, count in tally.counts.items():
        seconds = tally.seconds[name]
        rate = count.bytes_in / 1e6 / max(seconds, 1e-9)
        sys.stdout.write(
            f"{name}: {count.files_in} files in, {count.files_out} out, {count.bytes_in / 1e6:.1f}"
            f" MB in, {count.bytes_out / 1e6:.1f} out; {seconds:.1f} s of a core, {rate:.1f} MB/s\n"
        )
        for reason, number in sorted(count.reasons.items(), key=lambda one: -one[1]):
            sys.stdout.write(f"    {reason:18} {number:7} {number / count.files_in:7.2%}\n")
        figures[name] = msgspec.to_builtins(count) | {"seconds": round(seconds, 1)}
    for wanted in show:
        drawn = [where for reason, where in tally.dropped if reason == wanted]
        random.Random(SEED).shuffle(drawn)  # noqa: S311
        sys.stdout.write("".join(f"    {wanted:14} {where}\n" for where in drawn[:SHOWN]))
    for name in ("roles", "redacted"):
        figures[name] = dict(sorted(getattr(tally, name).items()))
        sys.stdout.write(f"{name}: {figures[name]}\n")
    broken = {language: number for language, (number,) in sorted(tally.errors.items())}
    sys.stdout.write(f"languages kept: {tally.languages.most_common()}\nbroken: {broken}\n")
    return figures | {"languages": len(tally.languages), "broken": broken}


def arguments_of(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("archives", type=Path, nargs="+", help="archives, or folders of them")
    parser.add_argument("--humaneval", type=Path, nargs="*", default=[], help="infilling data")
    parser.add_argument("--items", type=Path, nargs="*", default=[], help="items of ours")
    parser.add_argument("--show", nargs="*", default=[], help="reasons to show files of")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 if a planted item was not found."""
    arguments = arguments_of(given)
    rules = ContaminationRules(
        humaneval=tuple(str(path.absolute()) for path in arguments.humaneval),
        items=tuple(str(path.absolute()) for path in arguments.items),
    )
    known = Contamination(read_evaluations(rules, Path()))
    stages: tuple[Stage, ...] = (Languages(), Quality(), Redaction(), known)
    tally = Tally()
    for unit in units_in(arguments.archives):
        sift(unit, stages, tally)
    figures = report(tally, arguments.show)
    items = [item for path in arguments.humaneval for item in read_humaneval(path, None, 0)]
    items += [item for path in arguments.items for item in read_items(path)]
    if items:
        figures["planted"] = measure_planted(items, known, tally.hosts)
        sys.stdout.write(f"planted: {figures['planted']}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if items and any(figures["planted"]["missed"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
