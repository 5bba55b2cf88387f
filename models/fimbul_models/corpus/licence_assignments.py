"""Files that assign licences to other files by globs: ``debian/copyright``, REUSE's tables.

Knows nothing about what else is in a repository.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fimbul_models.corpus.licence_names import expression_of, names_all
from fimbul_models.corpus.licence_policy import UNKNOWN, all_of, identifiers
from fimbul_models.corpus.licence_texts import said_in_licence


@dataclass(frozen=True)
class Assignment:
    """What some files are licensed under."""

    files: "re.Pattern[str]"
    """Of paths inside the folder that the assigning file speaks for."""
    expression: str
    attributions: tuple[str, ...]
    general: bool
    """It holds for everything, and gives way to what is said nearer to a file."""


def assignments_in(path: str, text: str) -> tuple[Assignment, ...] | None:
    """Return what the file at `path` assigns, None if it is no such file.

    Of several that fit a path, the last one counts.
    """
    if path.endswith("REUSE.toml"):
        return tuple(_of_toml(text))
    if path.endswith(("debian/copyright", ".reuse/dep5")):
        return tuple(_of_stanzas(text))
    return None


def assigned(assignments: Sequence[Assignment], path: str) -> Assignment | None:
    """Return what counts for `path`, None if nothing does."""
    fits = [one for one in assignments if one.files.fullmatch(path)]
    return fits[-1] if fits else None


def _of_toml(text: str) -> Iterator[Assignment]:
    try:
        rows = tomllib.loads(text).get("annotations", [])
    except tomllib.TOMLDecodeError:
        return
    for row in rows if isinstance(rows, list) else []:
        globs = _listed(row.get("path"))
        names = _listed(row.get("SPDX-License-Identifier"))
        holders = tuple(_listed(row.get("SPDX-FileCopyrightText")))
        if globs and names:
            yield Assignment(_pattern(globs, "/"), names_all(names), holders, globs == ["**"])


def _listed(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def _of_stanzas(text: str) -> Iterator[Assignment]:
    stanzas = [_fields(stanza) for stanza in re.split(r"\n[ \t]*\n", text)]
    texts = {
        stanza["license"].split("\n")[0].strip().lower(): stanza["license"].partition("\n")[2]
        for stanza in stanzas
        if "license" in stanza and "files" not in stanza
    }
    for stanza in stanzas:
        if "files" not in stanza or "license" not in stanza:
            continue
        globs = stanza["files"].replace(",", " ").split()
        name, _, own = stanza["license"].partition("\n")
        holders = [line.strip() for line in stanza.get("copyright", "").splitlines()]
        lines = tuple(f"Copyright {line}" for line in holders if line)
        yield Assignment(_pattern(globs, ""), _meaning(name, own, texts), lines, globs == ["*"])


def _fields(stanza: str) -> dict[str, str]:
    """Return the fields of one stanza, names in small letters, with their continued lines."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace() and name:
            fields[name] += "\n" + line.strip().removeprefix(".")
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _meaning(name: str, own: str, texts: dict[str, str]) -> str:
    """Return what a short name means; one that nobody knows means what its text says."""
    found = expression_of(name) or UNKNOWN
    if UNKNOWN not in identifiers(found):
        return found
    text = own.strip() or texts.get(name.strip().lower(), "")
    said = said_in_licence(text).expression if text.strip() else ""
    if found == UNKNOWN:
        return said or UNKNOWN
    return all_of((found, said))


def _pattern(globs: Sequence[str], not_by_star: str) -> "re.Pattern[str]":
    """Translate globs; a star never stands for `not_by_star`, two always for everything."""
    star = f"[^{not_by_star}]*" if not_by_star else ".*"
    parts = []
    for glob in globs:
        pieces = re.findall(r"\*\*|\*|\?|\\.|[^*?\\]+", glob.removeprefix("./"))
        signs = {"**": ".*", "*": star, "?": "."}
        parts.append("".join(signs.get(p, re.escape(p.removeprefix("\\"))) for p in pieces))
    return re.compile("|".join(f"(?:{part})" for part in parts), re.DOTALL)
