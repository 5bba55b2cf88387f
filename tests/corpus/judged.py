"""Records of one repository, made of paths and texts, and what a stage makes of them."""

from collections.abc import Mapping
from hashlib import sha256

from fimbul_models.corpus.guarding import pass_through
from fimbul_models.corpus.languages import language_of
from fimbul_models.corpus.legal import is_legal
from fimbul_models.corpus.records import Counts, Drop, Record, Role, Stage


def record(path: str, text: str, language: str | None = None) -> Record:
    return Record(
        source="test",
        repository="test:one",
        path=path,
        text=text,
        digest=sha256(text.encode()).hexdigest(),
        language=language_of(path, text) if language is None else language,
        role=Role.LEGAL if is_legal(path) else Role.CODE,
    )


def outcome(stage: Stage, files: Mapping[str, str]) -> dict[str, Record | Drop]:
    """Return what becomes of `files`, by path; all of them are accounted for."""
    records = [record(path, text) for path, text in sorted(files.items())]
    passage = pass_through(records, [stage])
    (count,) = passage.counts
    assert isinstance(count, Counts)
    assert count.files_in == len(files)
    assert count.files_out + sum(count.reasons.values()) == len(files)
    found: dict[str, Record | Drop] = {one.path: one for one in passage.records}
    found |= {drop.key.partition("\n")[2]: drop for drop in passage.drops}
    return found


def reason(stage: Stage, path: str, text: str) -> str:
    """Return why a file is dropped, and empty if it is not."""
    came = outcome(stage, {path: text})[path]
    return came.reason.value if isinstance(came, Drop) else ""


def text_of(came: Record | Drop) -> str:
    assert isinstance(came, Record), came
    return came.text
