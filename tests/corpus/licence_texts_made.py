"""Licence texts for tests, made of the patterns that the detector ships; none is kept here."""

import gzip
import importlib.util
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def _patterns() -> dict[str, str]:
    """Return the longest pattern of each licence."""
    spec = importlib.util.find_spec("licenseclassifier")
    assert spec
    assert spec.origin
    data = Path(spec.origin).parent / "_engine" / "licenses.json.gz"
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(data.read_bytes()))
    found: dict[str, str] = {}
    for row in rows:
        if len(row.get("lre") or "") > len(found.get(row["id"], "")):
            found[row["id"]] = row["lre"]
    return found


@lru_cache(maxsize=64)
def licence_text(identifier: str) -> str:
    """Return a text that the pattern of `identifier` describes."""
    pattern = re.sub(r"//\*\*.*?\*\*//", " ", _patterns()[identifier], flags=re.DOTALL)
    pattern = re.sub(r"__\d+__", " ", pattern)
    tokens = [token for token in re.split(r"(\(\(|\)\)(?:\?\?)?|\|\|)", pattern) if token]
    text, _ = _alternatives(tokens, 0)
    paragraphs = re.split(r"\n\s*\n\s*\n", text)
    return "\n\n".join(" ".join(one.split()) for one in paragraphs if one.strip()) + "\n"


def _alternatives(tokens: list[str], at: int) -> tuple[str, int]:
    """Return the first alternative from `at` on, and where the group ends."""
    options = [""]
    while at < len(tokens):
        token = tokens[at]
        if token == "((":  # noqa: S105 - no secret, a bracket.
            inner, at = _alternatives(tokens, at + 1)
            options[-1] += inner
        elif token.startswith("))"):
            return options[0], at
        elif token == "||":  # noqa: S105 - no secret, a bar.
            options.append("")
        else:
            options[-1] += token
        at += 1
    return options[0], at


def commented(text: str, mark: str = "# ") -> str:
    """Return `text` as a comment."""
    return "".join(f"{mark}{line}".rstrip() + "\n" for line in text.splitlines())
