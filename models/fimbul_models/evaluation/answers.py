"""Keep every answer on disk as it comes, so that a run that was killed goes on where it was.

One file a run, as JSON lines: what decides the answers, then the answers. Knows nothing about
how they are judged.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.runs import Identity


class Record(msgspec.Struct, frozen=True):
    """One answer as it is kept."""

    task_id: str
    item: str
    """Digest of the item, so that an item that changed is asked again."""
    answer: Answer


class AnswerLog:
    """The answers of one run: those found on disk, and those added."""

    def __init__(self, folder: Path | None, identity: Identity) -> None:
        """Read what `folder` holds under `identity`; None keeps the answers in memory only."""
        self._answers: dict[tuple[str, str], Answer] = {}
        self._path = folder / f"{identity.run}-{identity.digest()}.jsonl" if folder else None
        if self._path is None:
            return
        whole = b"".join(_whole_lines(self._path))
        for record in _records(self._path, whole):
            self._answers[record.task_id, record.item] = record.answer
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Writing what is whole takes off the end that a killed run left unfinished.
        self._path.write_bytes(whole or msgspec.json.encode(identity) + b"\n")

    def find(self, item: Item) -> Answer | None:
        """Return the answer to `item`, if it is known."""
        return self._answers.get((item.task_id, item.digest()))

    def add(self, item: Item, answer: Answer) -> None:
        """Keep the answer to `item`."""
        digest = item.digest()
        self._answers[item.task_id, digest] = answer
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(Record(item.task_id, digest, answer)) + b"\n")


def read_answers(path: Path, items: Iterable[Item]) -> dict[str, Answer]:
    """Return, by task, the answers to `items` that an earlier call has kept in the file `path`.

    Nothing is asked about who gave them, so two versions of the server can be compared.

    Raises EvaluationError if the file cannot be read or does not hold answers.
    """
    try:
        whole = b"".join(_whole_lines(path))
    except OSError as error:
        raise EvaluationError(f"The answers in {path} cannot be read: {error}.") from error
    if not whole:
        raise EvaluationError(f"{path} holds no answers.")
    kept = {(record.task_id, record.item): record.answer for record in _records(path, whole)}
    found = ((item.task_id, kept.get((item.task_id, item.digest()))) for item in items)
    return {task: answer for task, answer in found if answer is not None}


def _whole_lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        lines = path.read_bytes().splitlines(keepends=True)
        yield from (line for line in lines if line.endswith(b"\n"))


def _records(path: Path, whole: bytes) -> list[Record]:
    try:
        return [msgspec.json.decode(line, type=Record) for line in whole.splitlines()[1:]]
    except msgspec.DecodeError as error:
        raise EvaluationError(
            f"{path} does not hold kept answers ({error}); remove it to ask again."
        ) from error
