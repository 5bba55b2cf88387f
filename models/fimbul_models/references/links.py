"""Where a person can read a repository, as far as its own files or its name tell.

Knows no host: what is not told is not guessed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fimbul_models.corpus.records import Record, Role

_IN_METADATA = re.compile(
    r"^(?:Project-URL:\s*(?:source(?: code)?|repository|code|git\w*|homepage)\s*,|Home-page:)"
    r"\s*(https?://\S+)",
    re.IGNORECASE | re.MULTILINE,
)
_IN_COPYRIGHT = re.compile(r"^Source:\s*(https?://\S+)", re.MULTILINE)
_IN_TOML = re.compile(
    r"^[\"']?(?:source|repository|homepage)[\"']?\s*=\s*[\"'](https?://[^\"'\s]+)",
    re.IGNORECASE | re.MULTILINE,
)
_PATTERNS = (("METADATA", _IN_METADATA), ("PKG-INFO", _IN_METADATA), ("copyright", _IN_COPYRIGHT),
             (".toml", _IN_TOML))  # fmt: skip


def link_of(records: Sequence[Record]) -> str:
    """Return the address that the files of a repository give for it; empty if they give none."""
    if not records:
        return ""
    repository = records[0].repository
    if repository.startswith("git:") and repository.count("/") >= 2:
        return f"https://{repository.removeprefix('git:')}"
    legal = (record for record in records if record.role is Role.LEGAL)
    for record in sorted(legal, key=lambda one: (one.path.count("/"), one.path)):
        if found := _told_by(record):
            return found
    return ""


def _told_by(record: Record) -> str:
    name = record.path.rpartition("/")[2]
    if name == "package.json":
        return _of_npm(record.text)
    for ending, pattern in _PATTERNS:
        if name.endswith(ending) and (match := pattern.search(record.text)):
            return match.group(1)
    return ""


def _of_npm(text: str) -> str:
    try:
        told = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(told, dict):
        return ""
    repository = told.get("repository")
    address = repository.get("url") if isinstance(repository, dict) else repository
    return next(_addresses((address, told.get("homepage"))), "")


def _addresses(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str) and "://" in value:
            path = value.partition("://")[2].removesuffix(".git").rpartition("@")[2]
            yield f"https://{path}"
