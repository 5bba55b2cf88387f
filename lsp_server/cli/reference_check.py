"""Which files that exist resemble published code, for people, for CI and for a pre-commit hook.

All that stands in a file counts here, whoever wrote it. Knows nothing about arguments.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.config.options import ReferenceOptions, Resembling
from lsp_server.context.index.files import (
    FoundFile,
    LeftOut,
    Limits,
    Walk,
    lines_of,
    look_at,
    read_source,
)
from lsp_server.errors import ReferencesError
from lsp_server.privacy.reading import may_read
from lsp_server.references.library import Library
from lsp_server.references.matches import Match
from lsp_server.references.policy import decide, references_of
from lsp_server.references.telling import NO_LICENCE, as_json
from lsp_server.syntax.languages import language_of_path

_LIMITS = Limits(files=1_000_000, total_bytes=100_000_000_000, entries=10_000_000)
"""Whoever asks for a folder means all of it."""

_LEVELS = {Resembling.BLOCK: "error", Resembling.ANNOTATE: "warning", Resembling.ALLOW: "note"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A run of a file that stands in published code, too."""

    file: str
    """As the user would name it."""
    first: int
    last: int
    """Its lines, counted from 1."""
    match: Match
    verdict: Resembling
    """What the policy makes of it."""
    rule: str = ""
    """Why it means nothing all the same; empty if it does mean something."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file to look into."""

    root: Path
    path: str
    """Below `root`, with ``/``."""
    size: int
    shown: str
    """As the user would name it."""


@dataclass(slots=True)
class Checked:
    """What a check came to."""

    findings: list[Finding]
    files: int = 0
    """That were looked into."""
    left_out: Counter[str] | None = None
    """How many others, by reason."""


def targets(places: Sequence[Path], left_out: Counter[str]) -> Iterator[Target]:
    """Yield the files at `places`: each by itself, of folders all that git does not ignore.

    What is no code is counted in `left_out`. Raises ReferencesError if a place is not there.
    """
    for place in places:
        if place.is_dir():
            walk = Walk(place, _LIMITS)
            for found in walk:
                if found is not None:
                    yield from _code(place, found, place / found.path, left_out)
            left_out.update({reason.value: count for reason, count in walk.left_out.items()})
            continue
        file = look_at(place.absolute().parent, place.name, _LIMITS)
        if file is LeftOut.VANISHED or file is LeftOut.UNREADABLE:
            raise ReferencesError(f"{place} cannot be read. {file.explanation}")
        if isinstance(file, LeftOut):
            left_out[file.value] += 1
        else:
            yield from _code(place.absolute().parent, file, place, left_out)


def _code(root: Path, found: FoundFile, shown: Path, left_out: Counter[str]) -> Iterator[Target]:
    if language_of_path(found.path) is None:
        left_out["no-code"] += 1
    else:
        yield Target(root, found.path, found.size, shown.as_posix())


def check(
    files: Iterable[Target],
    library: Library,
    options: ReferenceOptions,
    *,
    least: int,
    left_out: Counter[str],
    done: Callable[[int], object] = lambda _: None,
) -> Checked:
    """Look into `files`; `done` is called with the size of each."""
    checked = Checked([], left_out=left_out)
    for target in files:
        source = read_source(target.root / target.path, may_read, _LIMITS)
        lines = source if isinstance(source, LeftOut) else lines_of(source.data, _as_they_are)
        if isinstance(lines, LeftOut):
            left_out[lines.value] += 1
        else:
            checked.files += 1
            checked.findings += _look(target, lines, library, options, least)
        done(target.size)
    return checked


def _as_they_are(lines: Sequence[str]) -> Sequence[str]:
    # Nothing of them is kept or shown, so secrets need no placeholders.
    return lines


def _look(
    target: Target, lines: Sequence[str], library: Library, options: ReferenceOptions, least: int
) -> Iterator[Finding]:
    language = language_of_path(target.path)
    text = "".join(line.rstrip("\r\n") + "\n" for line in lines)
    found = library.look(text, language.name if language else "", least=least)
    told = [(match, "") for match in found.matches]
    told += [(one.match, one.rule) for one in found.suppressed]
    for match, rule in sorted(told, key=lambda one: (one[0].start, one[0].end)):
        first = text.count("\n", 0, match.start) + 1
        last = first + text.count("\n", match.start, max(match.start, match.end - 1))
        verdict = Resembling.ALLOW if rule else decide(match, options)
        yield Finding(target.shown, first, last, match, verdict, rule)


# What is printed


def as_table(findings: Sequence[Finding]) -> list[str]:
    """Return one line for each finding."""
    rows = [_row(finding) for finding in findings]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "  ".join([*map(str.ljust, row, widths), row[-1]]) if widths else row[-1] for row in rows
    ]


def _row(finding: Finding) -> tuple[str, ...]:
    match = finding.match
    first = match.sources[0]
    more = f" +{len(match.sources) - 1}" if len(match.sources) > 1 else ""
    return (
        f"{finding.file}:{finding.first}-{finding.last}",
        f"not told ({finding.rule})" if finding.rule else finding.verdict.value,
        first.licence or NO_LICENCE,
        f"{match.tokens} tokens {match.likeness.value}",
        f"{first.project}, {first.path}:{first.line}{more}",
    )


def as_values(checked: Checked) -> dict[str, Any]:
    """Return all of a check as one object of JSON."""
    return {
        "files": checked.files,
        "leftOut": dict(checked.left_out or {}),
        "findings": [
            {
                "file": finding.file,
                "first": finding.first,
                "last": finding.last,
                "verdict": finding.verdict.value,
                "rule": finding.rule,
                "tokens": finding.match.tokens,
                "likeness": finding.match.likeness.value,
                "sources": [as_json(one) for one in references_of(finding.match)],
            }
            for finding in checked.findings
        ],
    }


def as_sarif(checked: Checked, version: str) -> str:
    """Return a check in SARIF 2.1.0, as code hosts show it beside the lines."""
    classes = sorted({one.match.sources[0].licence_class for one in checked.findings})
    driver = {
        "name": "fimbul references",
        "version": version,
        "rules": [
            {
                "id": f"references/{name}",
                "shortDescription": {"text": f"Resembles published code ({name})"},
            }
            for name in classes
        ],
    }
    run = {"tool": {"driver": driver}, "results": [_result(one) for one in checked.findings]}
    document = {"version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _result(finding: Finding) -> dict[str, Any]:
    sources = references_of(finding.match)
    first = sources[0]
    text = (
        f"{first.tokens} tokens ({first.likeness}) as in {first.project}, {first.path}:{first.line}"
        f" ({first.licence or NO_LICENCE})"
    )
    result: dict[str, Any] = {
        "ruleId": f"references/{first.licence_class}",
        "level": _LEVELS[finding.verdict],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": finding.file},
                    "region": {"startLine": finding.first, "endLine": finding.last},
                }
            }
        ],
        "properties": {"sources": [as_json(one) for one in sources]},
    }
    if finding.rule:
        result["suppressions"] = [{"kind": "external", "justification": finding.rule}]
    return result
