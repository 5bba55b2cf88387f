"""An index of published code: what is found of what is in it, what of what is not, and how fast.

Recall before noise control: runs of 65 tokens or more that are cut at random out of indexed files
stand inside made-up code, as they are, with other white space and comments, and with every fifth
identifier renamed. False alarms: code of projects that the index lacks; of all windows of 65 tokens
those that lie in a match count, and each match is named. Look-up: windows as the server looks at
them, of indexed files and of others. Memory is what this process holds of the index's file.

    python -m benchmarks.references --index FILE --records DIR --outside FOLDER …
"""

import argparse
import json
import random
import re
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fimbul_models.corpus.keeping import RECORDS, read_rows
from fimbul_models.corpus.languages import language_of
from fimbul_models.corpus.records import Role
from fimbul_models.references.drafting import NO_CODE
from lsp_server.references.matches import Findings, Likeness, Match
from lsp_server.references.shelf import Shelf
from lsp_server.references.tokens import IDENTIFIER, Lexer

LANGUAGES = ("python", "javascript", "typescript", "c", "cpp", "rust", "go", "java")
PARTS = ("looks", "recall", "outside")
LEAST = 65
BEFORE, AFTER = 4000, 1000
"""Code points around a place that the server looks at."""


@dataclass(frozen=True)
class File:
    """One file, and in what it is written."""

    project: str
    path: str
    language: str
    text: str


def indexed_files(folders: Sequence[Path], each: int, seed: int) -> dict[str, list[File]]:
    """Return `each` files of each language at random out of folders of records."""
    draw = random.Random(seed)  # noqa: S311  # Repeatable, not secret.
    kept: dict[str, list[File]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for folder in folders:
        for path in sorted(folder.glob("*.parquet")):
            for record in read_rows(path, RECORDS):
                language = language_of(record.path, record.text)
                if language not in LANGUAGES or record.role is Role.LEGAL:
                    continue
                seen[language] += 1
                file = File(record.repository, record.path, language, record.text)
                if len(kept[language]) < each:
                    kept[language].append(file)
                elif (at := draw.randrange(seen[language])) < each:
                    kept[language][at] = file
    return kept


def outside_files(folders: Sequence[Path]) -> Iterator[File]:
    """Yield the files of code in folders, each a project."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink() or path.stat().st_size > 1_000_000:
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except (UnicodeDecodeError, OSError):
                continue
            language = language_of(path.name, text)
            if language and language not in NO_CODE:
                yield File(folder.name, str(path.relative_to(folder)), language, text)


def unrelated(draw: random.Random, lines: int) -> str:
    """Return lines that nobody has written, in the marks of most languages."""

    def name() -> str:
        return f"{draw.choice(_WORDS)}_{draw.randrange(10**6)}"

    return "".join(f"{name()} = {name()}({name()}, {name()});\n" for _ in range(lines))


_WORDS = ("row", "page", "user", "node", "path", "word", "item", "part", "tree", "kind")


def dressed(draw: random.Random, pieces: Sequence[str], gaps: Sequence[str], mark: str) -> str:
    """Return a run with other white space and comments; a line stays a line or becomes two."""
    parts = []
    for piece, gap in zip(pieces, (*gaps, ""), strict=True):
        parts.append(piece)
        if "\n" in gap:
            comment = f"{mark} note {draw.randrange(999)}\n" * draw.randrange(2)
            parts.append("\n" * draw.randint(1, 3) + comment + " " * draw.randrange(9))
        elif gap:
            parts.append(draw.choice((" ", "  ", "\t")))
    return "".join(parts)


def renamed(lexer: Lexer, pieces: Sequence[str], gaps: Sequence[str]) -> str:
    """Return a run in which each fifth of its identifiers has another name, wherever it stands."""
    names = [
        piece
        for piece in dict.fromkeys(pieces)
        if re.fullmatch(r"[^\W\d]\w*", piece)
        and bool(int(lexer.read(piece, "python").hashes[0]) & IDENTIFIER)
    ]
    other = {name: f"{name}Other" for name in names[4::5]}
    return "".join(
        other.get(piece, piece) + gap for piece, gap in zip(pieces, (*gaps, ""), strict=True)
    )


def covers(found: Findings, begin: int, end: int, kinds: Sequence[Likeness]) -> list[Match]:
    """Return what is told or suppressed of a whole run."""
    every = [*found.matches, *(one.match for one in found.suppressed)]
    return [one for one in every if one.start <= begin and end <= one.end and one.likeness in kinds]


def recall(shelf: Shelf, files: dict[str, list[File]], each: int, seed: int) -> dict[str, Any]:
    """Look for runs of indexed files in three forms; return how many are found."""
    lexer, result = Lexer(), {}
    for language in sorted(files):
        draw = random.Random(f"{seed} {language}")  # noqa: S311  # Repeatable, not secret.
        tally: Counter[str] = Counter()
        rules: Counter[str] = Counter()
        mark = "#" if language == "python" else "//"
        usable = [file for file in files[language] if len(file.text) > 400]
        while tally["runs"] < each and usable:
            file = draw.choice(usable)
            spans = lexer.spans(file.text, language)
            length = draw.choice((65, 65, 80, 120, 200, 300))
            if len(spans) < length:
                usable.remove(file)
                continue
            first = draw.randrange(len(spans) - length + 1)
            inside = spans[first : first + length]
            pieces = [file.text[begin:end] for begin, end in inside]
            gaps = [file.text[a[1] : b[0]] for a, b in pairwise(inside)]
            cut = file.text[inside[0][0] : inside[-1][1]]
            forms = {
                "verbatim": cut,
                "dressed": dressed(draw, pieces, gaps, mark),
                "renamed": renamed(lexer, pieces, gaps),
            }
            _count(shelf, language, forms, (length, file), draw, tally, rules)
        result[language] = {**tally, "suppressed": dict(rules)}
    return result


def _count(
    shelf: Shelf,
    language: str,
    forms: dict[str, str],
    of: tuple[int, File],
    draw: random.Random,
    tally: Counter[str],
    rules: Counter[str],
) -> None:
    length, file = of
    tally["runs"] += 1
    tally["long"] += length >= 120
    for form, run in forms.items():
        before = unrelated(draw, 12)
        begin, end = len(before) + 1, len(before) + 1 + len(run)
        found = shelf.look(f"{before}\n{run}\n{unrelated(draw, 12)}", language)
        exact = covers(found, begin, end, (Likeness.VERBATIM,))
        either = covers(found, begin, end, tuple(Likeness))
        some = [*found.matches, *(one.match for one in found.suppressed)]
        if form == "renamed":
            tally["renamed, whole"] += bool(either)
            tally["renamed, whole, of 120 and more"] += bool(either) and length >= 120
            tally["renamed, a part"] += bool(some)
            continue
        tally[form] += bool(exact)
        if not exact:
            print(f"  not found: {language} {form} {file.project} {file.path} {length} tokens")
        if form == "verbatim":
            rules.update({one.rule for one in found.suppressed})
            tally["told"] += any(one in found.matches for one in exact)


def false_alarms(shelf: Shelf, files: Sequence[File], show: int) -> dict[str, Any]:
    """Look at whole files that are not in the index; return the share of windows that match."""
    lexer = Lexer()
    windows = raw = told = 0
    rules: Counter[str] = Counter()
    matches: list[tuple[Match, File]] = []
    for file in files:
        spans = lexer.spans(file.text, file.language)
        windows += max(0, len(spans) - LEAST + 1)
        begins = [begin for begin, _ in spans]
        found = shelf.look(file.text, file.language)
        told += _windows(begins, found.matches)
        raw += _windows(begins, [*found.matches, *(one.match for one in found.suppressed)])
        rules.update(one.rule for one in found.suppressed)
        matches += [(match, file) for match in found.matches]
    by_pair = Counter((file.project, match.sources[0].project) for match, file in matches)
    print(f"\n{len(files)} files outside, {windows} windows of {LEAST} tokens")
    print(f"in a run that is alike: {raw / windows:.3%}; told: {told / windows:.3%}; rules {rules}")
    for (project, like), many in by_pair.most_common():
        print(f"  {many:4} {project} like {like}")
    for match, file in sorted(matches, key=lambda one: -one[0].tokens)[:show]:
        source = match.sources[0]
        text = " ".join(file.text[match.start : match.end].split())
        print(f"  {match.tokens} {match.likeness} {file.project} {file.path} like {source.project}")
        print(f"      {source.path}:{source.line} {text[:150]}")
    return {
        "files": len(files),
        "windows": windows,
        "alike": raw / windows,
        "told": told / windows,
        "rules": dict(rules),
        "matches": len(matches),
        "renamed": sum(match.likeness is Likeness.RENAMED for match, _ in matches),
    }


def _windows(begins: Sequence[int], matches: Sequence[Match]) -> int:
    starts: set[int] = set()
    for match in matches:
        first = int(np.searchsorted(begins, match.start))
        starts.update(range(first, first + match.tokens - LEAST + 1))
    return len(starts)


def look_up(shelf: Shelf, files: Sequence[File], many: int, seed: int) -> dict[str, float]:
    """Look at windows around places as the server does; return milliseconds.

    On a machine that does other things at the same time those of the processor tell more.
    """
    draw = random.Random(seed)  # noqa: S311  # Repeatable, not secret.
    texts: list[tuple[str, str]] = []
    while len(texts) < many:
        file = draw.choice(files)
        at = draw.randrange(len(file.text) + 1)
        texts.append((file.text[max(0, at - BEFORE) : at + AFTER], file.language))
    took, worked, hits = [], [], 0
    for text, language in texts:
        began, worked_before = time.perf_counter(), time.thread_time()
        found = shelf.look(text, language)
        took.append((time.perf_counter() - began) * 1000)
        worked.append((time.thread_time() - worked_before) * 1000)
        hits += bool(found.matches or found.suppressed)
    values: dict[str, float] = {"looks": many, "hits": hits}
    for name, some in (("ms", took), ("processor ms", worked)):
        for part in (50, 90, 99):
            values[f"{name}, p{part}"] = round(float(np.percentile(some, part)), 3)
        values[f"{name}, most"] = round(max(some), 3)
    return values


def mapped_memory(path: Path) -> tuple[int, int]:
    """Return the bytes of the file that this process holds, its share and all that is resident."""
    share = resident = 0
    inside = False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.endswith(str(path))
        elif inside and line.startswith("Pss:"):
            share += int(line.split()[1]) * 1024
        elif inside and line.startswith("Rss:"):
            resident += int(line.split()[1]) * 1024
    return share, resident


def main() -> None:
    """Run all of it, and print tables and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True, metavar="FILE")
    parser.add_argument("--records", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--outside", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--runs", type=int, default=300, help="of each language (%(default)s)")
    parser.add_argument("--looks", type=int, default=2000, help="(%(default)s)")
    parser.add_argument("--show", type=int, default=40, help="matches outside (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run (all of them)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        link = Path(name) / options.index.name
        link.symlink_to(options.index.absolute())
        shelf = Shelf(Path(name))
        print(*shelf.problems, sep="\n")
        values = measure(shelf, options)
        shelf.close()
        shutil.rmtree(name, ignore_errors=True)
    print(json.dumps(values))


def measure(shelf: Shelf, options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    info = shelf.indexes[0]
    wanted = {"looks", "recall"} & set(options.only)
    files = indexed_files(options.records, 400, options.seed) if wanted else {}
    outside = list(outside_files(options.outside))
    inside = [file for some in files.values() for file in some]
    values: dict[str, Any] = {
        "source": info.source_bytes,
        "files": info.files,
        "texts": info.texts,
        "tokens": info.tokens,
        "size": info.size,
        "share": info.size / info.source_bytes,
    }
    print(values)
    if "looks" in options.only:
        values |= all_looks(shelf, {"inside": inside, "outside": outside}, options)
    if "recall" in options.only:
        values["recall"] = recall(shelf, files, options.runs, options.seed)
        for language, row in values["recall"].items():
            print(language, row)
    if outside and "outside" in options.only:
        values["outside"] = false_alarms(shelf, outside, options.show)
    return values


def all_looks(
    shelf: Shelf, files: dict[str, list[File]], options: argparse.Namespace
) -> dict[str, Any]:
    """Look up windows of all files, each twice; return times and what is held in memory."""
    values: dict[str, Any] = {}
    for label, some in files.items():
        for turn in ("first", "again") if some else ():
            key = f"look-up {label}, {turn}"
            values[key] = look_up(shelf, some, options.looks, options.seed)
            print(f"{key}: {values[key]}")
    share, resident = mapped_memory(options.index.absolute())
    print(f"of the index in memory: {share / 1e6:.1f} MB proportional, {resident / 1e6:.1f} MB")
    return values | {"pss": share, "rss": resident}


if __name__ == "__main__":
    main()
