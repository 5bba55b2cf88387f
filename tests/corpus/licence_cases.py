"""The labelled cases of licences as records; their texts come from the detector's data."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.corpus.legal import is_legal
from fimbul_models.corpus.licence_policy import LicenceRules
from fimbul_models.corpus.licences import LicenceStage
from fimbul_models.corpus.records import Drop, Record, Role
from tests.corpus.licence_texts_made import commented, licence_text

FOLDER = Path(__file__).parent / "licences"
CASES: list[dict[str, Any]] = [
    case | {"kind": path.stem}
    for path in sorted(FOLDER.glob("*.toml"))
    for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
]
GOOD = {"permissive", "own"}


def filled(text: str) -> str:
    """Put licence texts in the place of their names."""
    return re.sub(r"\{\{(.*?)\}\}", lambda match: _text(match[1]), text)


def _text(told: str) -> str:
    if told == "200 lines":
        return "x = 1\n" * 200
    if told == "thanks":
        return "We are grateful to all who have helped us with this small piece of work.\n" * 8
    if told.startswith("# "):
        return commented(licence_text(told[2:]))
    if told.startswith("  "):
        return licence_text(told.strip()).replace("\n\n", "\n.\n").replace("\n", "\n ")
    name, *change = told.split(":")
    text = licence_text(name)
    if change and change[0].isdigit():
        return text[: int(change[1])]
    if change:
        assert change[0] in text
        return text.replace(change[0], change[1], 1)
    return text


def records_of(case: dict[str, Any]) -> list[Record]:
    path = case.get("path", "src/a.py")
    files = {path: "x = 1\n"} | {name: filled(text) for name, text in case["files"].items()}
    return [
        Record(
            source="s",
            repository="folder:r",
            path=name,
            text=text,
            digest="",
            declared=case.get("declared", ""),
            role=Role.LEGAL if is_legal(name) else Role.CODE,
        )
        for name, text in sorted(files.items())
    ]


def became(case: dict[str, Any]) -> Record | Drop:
    rules = msgspec.convert(case.get("rules", {}), LicenceRules)
    records = records_of(case)
    path = case.get("path", "src/a.py")
    came = list(LicenceStage(rules)(records))
    assert [one.key for one in came] == [record.key for record in records]
    return next(one for one in came if one.key == f"folder:r\n{path}")
