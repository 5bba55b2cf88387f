"""What is not somebody else's code: the open workspace, as an index may know it.

A workspace is known by its folder's name, by the repository it was cloned from and by the names
that its manifests give it. git itself is never run, as elsewhere. Knows nothing about indexes.
"""

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lsp_server.references.matches import Source

_LARGEST = 1_000_000
"""Bytes of a manifest that is read."""

_SCP = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!/)(.+)")
"""An address as ssh takes it: ``git@host:owner/name.git``."""

_SEPARATORS = re.compile(r"[-_.]+")


def names_of(folder: Path) -> frozenset[str]:
    """Return the names, see `_plain`, under which an index may know the workspace `folder`.

    Reads its manifests and git's own file; what cannot be read tells nothing.
    """
    found = {f"folder:{folder.name}"}
    found |= {f"git:{name}" for name in _remotes(folder)}
    found |= {f"{kind}:{name}" for name in _python(folder) for kind in ("wheel", "sdist", "pypi")}
    found |= {f"npm:{name}" for name in _npm(folder)}
    return frozenset(map(_plain, found))


def is_own(source: Source, names: frozenset[str]) -> bool:
    """Return whether a source is one of the workspaces that go by `names`."""
    return _plain(source.project.partition(" ")[0]) in names


def _plain(project: str) -> str:
    """Return a name as it compares: package indexes take ``-``, ``_`` and ``.`` for the same."""
    kind, _, name = project.lower().partition(":")
    return f"{kind}:{_SEPARATORS.sub('-', name)}"


def _read(file: Path, parse: Callable[[str], Any]) -> Any:
    """Return what a file holds; None if it is not there or nothing that can be read."""
    try:
        if file.stat().st_size > _LARGEST:
            return None
        return parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, configparser.Error):
        return None


def _remotes(folder: Path) -> Iterable[str]:
    """Yield host and path of each repository that git knows the folder to be a clone of."""

    def parse(text: str) -> configparser.ConfigParser:
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        # git indents its lines, which here would mean that they go on.
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
        return parser

    parser = _read(folder / ".git" / "config", parse)
    for section in parser.sections() if parser is not None else ():
        url = parser.get(section, "url", fallback="") if section.startswith("remote") else ""
        if url and (name := _repository(url)):
            yield name


def _repository(url: str) -> str:
    """Return host and path of an address, without user, port and ending; empty if it has none."""
    found = _SCP.fullmatch(url)
    if found is not None and "://" not in url:
        host, path = found[1], found[2]
    else:
        try:
            parts = urlsplit(url)
        except ValueError:
            return ""
        host, path = parts.hostname or "", parts.path
    path = path.strip("/").removesuffix(".git")
    return f"{host}/{path}" if host and path else ""


def _python(folder: Path) -> Iterable[str]:
    manifest = _read(folder / "pyproject.toml", tomllib.loads)
    for place in (("project",), ("tool", "poetry")):
        section = manifest
        for name in place:
            section = section.get(name) if isinstance(section, dict) else None
        called = section.get("name") if isinstance(section, dict) else None
        if isinstance(called, str):
            yield called


def _npm(folder: Path) -> Iterable[str]:
    manifest = _read(folder / "package.json", json.loads)
    name = manifest.get("name") if isinstance(manifest, dict) else None
    if isinstance(name, str):
        yield name
