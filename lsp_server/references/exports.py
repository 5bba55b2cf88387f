"""The reference log as others read it: CSV for tables, SPDX for tools, a NOTICE in Markdown.

Pure but for one thing: SPDX wants checksums and byte ranges, so the files that entries speak of
are read, where they are still there. Knows nothing about indexes.
"""

import csv
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lsp_server.references.log import Entry, Logged
from lsp_server.references.telling import NO_LICENCE

SPDX_VERSION = "SPDX-2.3"

COLUMNS = (
    "at",
    "file",
    "first_line",
    "last_line",
    "licence",
    "licence_class",
    "project",
    "path",
    "line",
    "link",
    "likeness",
    "tokens",
    "from_model",
    "model",
    "index",
    "gone_at",
)

_EXPRESSION = re.compile(r"[A-Za-z0-9.+\-]+(?:\s+(?:AND|OR|WITH)\s+[A-Za-z0-9.+\-]+)*")
"""What SPDX takes for a licence; anything else, brackets too, is told in a comment."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a table calculation would take for a formula."""


def as_csv(logged: Sequence[Logged]) -> str:
    """Return one row for each entry, below the names of the columns."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in logged:
        entry = one.entry
        row = (
            when(entry.at),
            entry.file,
            entry.first,
            entry.last,
            entry.licence,
            entry.licence_class,
            entry.project,
            entry.path,
            entry.line,
            entry.link,
            entry.likeness,
            entry.tokens,
            entry.share,
            entry.model,
            entry.index,
            "" if one.gone_at is None else when(one.gone_at),
        )
        writer.writerow(map(_harmless, row))
    return stream.getvalue()


def as_notice(logged: Sequence[Logged]) -> str:
    """Return a NOTICE in Markdown: each project with its licence, and where its code is alike."""
    lines = [
        "# Notice",
        "",
        "Parts of these files resemble code that others have published. The list was kept by fimbul"
        " while suggestions were accepted; that nothing else is alike does not follow from it.",
    ]
    if not logged:
        lines += ["", "Nothing is listed."]
    for (project, licence), entries in sorted(_by_project(logged).items()):
        lines += ["", f"## {_plain(project)}", "", f"Licence: {_plain(licence) or NO_LICENCE}"]
        link = next((entry.link for entry in entries if entry.link), "")
        if link:
            lines += ["", f"<{link}>"]
        lines.append("")
        for entry in sorted(entries, key=lambda one: (one.file, one.first)):
            place = f"{_plain(entry.file)}, lines {entry.first} to {entry.last}"
            source = f"{_plain(entry.path)}, line {entry.line}"
            lines.append(f"- {place}: {entry.tokens} tokens ({entry.likeness}) as in {source}")
    return "\n".join(lines) + "\n"


def as_spdx(logged: Sequence[Logged], *, created: float, version: str) -> str:
    """Return a document of SPDX 2.3 in JSON: projects as packages, places as snippets.

    What cannot be read any more has no checksum, so it stands in the comment of its project's
    package only. `created` is in seconds since 1970, `version` is that of fimbul.
    """
    packages: list[dict[str, Any]] = []
    files: dict[str, dict[str, Any]] = {}
    snippets: list[dict[str, Any]] = []
    relations: list[dict[str, str]] = []
    for number, ((project, licence), entries) in enumerate(sorted(_by_project(logged).items())):
        package = _package(f"SPDXRef-Package-{number}", project, licence, entries)
        packages.append(package)
        relations.append(_relation("SPDXRef-DOCUMENT", "DESCRIBES", package["SPDXID"]))
        for entry in entries:
            file = _file(files, entry)
            if file is None:
                package["comment"] += f" Also like it, but not there any more: {entry.file}."
                continue
            snippet = _snippet(f"SPDXRef-Snippet-{len(snippets)}", file, entry)
            snippets.append(snippet)
            relations.append(_relation(snippet["SPDXID"], "OTHER", package["SPDXID"]))
    name = hashlib.sha256(json.dumps([one.entry.id for one in logged]).encode()).hexdigest()
    document = {
        "spdxVersion": SPDX_VERSION,
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "references",
        "documentNamespace": f"urn:fimbul:references:{name[:32]}:{int(created)}",
        "creationInfo": {
            "created": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: fimbul-{version}"],
        },
        "packages": packages,
        "files": [
            {key: value for key, value in file.items() if not key.startswith("_")}
            for file in files.values()
        ],
        "snippets": snippets,
        "relationships": relations,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def when(at: float) -> str:
    """Return a time, in seconds since 1970, as ISO writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _by_project(logged: Sequence[Logged]) -> dict[tuple[str, str], list[Entry]]:
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for one in logged:
        found[one.entry.project, one.entry.licence].append(one.entry)
    return found


def _harmless(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_formula else value


def _plain(text: str) -> str:
    """Return a text on one line that Markdown takes for nothing else."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _package(name: str, project: str, licence: str, entries: Sequence[Entry]) -> dict[str, Any]:
    title, _, version = project.partition(" ")
    is_expression = _EXPRESSION.fullmatch(licence) is not None
    told = "" if is_expression or not licence else f" Its licence is given as: {licence}."
    link = next((entry.link for entry in entries if entry.link), "")
    package: dict[str, Any] = {
        "SPDXID": name,
        "name": title,
        "downloadLocation": link or "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence if is_expression else "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "comment": f"Published code that parts of the described files resemble.{told}",
    }
    if version:
        package["versionInfo"] = version
    return package


def _file(files: dict[str, dict[str, Any]], entry: Entry) -> dict[str, Any] | None:
    """Return what is said of a file, its lines included; None if it cannot be read."""
    if entry.file in files:
        return files[entry.file]
    try:
        data = Path(entry.file).read_bytes()
    except (OSError, ValueError):
        return None
    files[entry.file] = {
        "SPDXID": f"SPDXRef-File-{len(files)}",
        "fileName": entry.file,
        "checksums": [
            {
                "algorithm": "SHA1",
                "checksumValue": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
            },
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()},
        ],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "_lines": data.splitlines(keepends=True),
    }
    return files[entry.file]


def _snippet(name: str, file: dict[str, Any], entry: Entry) -> dict[str, Any]:
    lines: list[bytes] = file["_lines"]
    before = sum(map(len, lines[: entry.first - 1]))
    inside = sum(map(len, lines[entry.first - 1 : entry.last]))
    reference = file["SPDXID"]

    def pointers(kind: str, first: int, last: int) -> dict[str, Any]:
        return {
            "startPointer": {kind: first, "reference": reference},
            "endPointer": {kind: last, "reference": reference},
        }

    is_expression = _EXPRESSION.fullmatch(entry.licence) is not None
    return {
        "SPDXID": name,
        "snippetFromFile": reference,
        # Bytes and lines are counted from 1, the last one is inside.
        "ranges": [
            pointers("offset", before + 1, max(before + 1, before + inside)),
            pointers("lineNumber", entry.first, entry.last),
        ],
        "licenseConcluded": "NOASSERTION",
        "licenseInfoInSnippets": [entry.licence if is_expression else "NOASSERTION"],
        "copyrightText": "NOASSERTION",
        "comment": f"{entry.tokens} tokens ({entry.likeness}) as in {entry.path}:{entry.line}.",
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    relation = {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
    if kind == "OTHER":
        relation["comment"] = "resembles"
    return relation
