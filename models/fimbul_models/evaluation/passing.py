"""Say which answers make a program that passes its tests, and keep what was found.

The program is the document with the answer in it, then the item's test. It is checked first that
what really stood there passes: a sandbox in which it does not says nothing about a model. Knows
nothing about servers.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.parsing import text_with
from fimbul_models.evaluation.sandbox import Sandbox, Verdict

BROKEN_SHARE = 0.05
"""Share of reference solutions that may fail, left out then; above it the sandbox is at fault."""

_FILE = "verdicts.jsonl"

Tell = Callable[[str], None]


class Record(msgspec.Struct, frozen=True):
    """One verdict as it is kept."""

    key: str
    """Digest of the program and of everything around it."""
    verdict: Verdict


class Checker:
    """Runs programs, several at the same time, each text once."""

    def __init__(self, sandbox: Sandbox, folder: Path | None = None, at_once: int = 0) -> None:
        """Keep verdicts in `folder`, if there is one; 0 runs as many at once as there are cores.

        Raises EvaluationError if what the folder holds cannot be read.
        """
        self._sandbox = sandbox
        self._name = sandbox.name()
        self._path = folder / _FILE if folder else None
        self._at_once = at_once or os.cpu_count() or 1
        self._known = _read(self._path) if self._path else {}

    def check(self, programs: Iterable[str]) -> list[Verdict]:
        """Return a verdict for each program, in their order."""
        keys = {program: self._key(program) for program in programs}
        missing = [program for program, key in keys.items() if key not in self._known]
        asyncio.run(self._check_all({keys[program]: program for program in missing}))
        return [self._known[key] for key in keys.values()]

    async def _check_all(self, programs: Mapping[str, str]) -> None:
        turns = asyncio.Semaphore(self._at_once)

        async def check(key: str, program: str) -> None:
            async with turns:
                verdict = await self._sandbox.run(program)
            self._known[key] = verdict
            if verdict.is_certain:
                self._keep(Record(key, verdict))

        async with asyncio.TaskGroup() as tasks:
            for key, program in programs.items():
                tasks.create_task(check(key, program))

    def _keep(self, record: Record) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(record) + b"\n")

    def _key(self, program: str) -> str:
        return hashlib.sha256(f"{self._name}\0{program}".encode("utf-8", "replace")).hexdigest()[
            :32
        ]


def passes(
    checker: Checker,
    items: Sequence[Item],
    runs: Mapping[str, Mapping[str, Answer]],
    tell: Tell,
) -> dict[str, dict[str, bool]]:
    """Return by run and task whether the answers pass; items without a test are left out.

    No suggestion never passes, even where the line that is missing could be done without.

    Raises EvaluationError if the reference solutions do not pass, so that nothing can be said.
    """
    sound = _sound(checker, [item for item in items if item.test], tell)
    found: dict[str, dict[str, bool]] = {}
    for name, answers in runs.items():
        asked = [item for item in sound if item.task_id in answers]
        texts = {item.task_id: program(item, answers[item.task_id]) for item in asked}
        distinct = list(dict.fromkeys(texts.values()))
        verdicts = dict(zip(distinct, checker.check(distinct), strict=True))
        found[name] = {
            task: bool(answers[task].text) and verdicts[text].passed for task, text in texts.items()
        }
    return found


def program(item: Item, answer: Answer) -> str:
    """Return the document with the answer in it, and the test behind it."""
    return f"{text_with(item, answer.text, answer.replaced)}\n{item.test}"


def _sound(checker: Checker, items: Sequence[Item], tell: Tell) -> list[Item]:
    """Return the items whose reference solution passes."""
    if not items:
        raise EvaluationError(
            "No item carries a test, so there is no pass rate; the HumanEval data has them."
        )
    texts = {item.task_id: program(item, Answer(item.answer)) for item in items}
    distinct = list(dict.fromkeys(texts.values()))
    verdicts = dict(zip(distinct, checker.check(distinct), strict=True))
    broken = [item for item in items if not verdicts[texts[item.task_id]].passed]
    if broken:
        reason = verdicts[texts[broken[0].task_id]].reason
        said = (
            f"{len(broken)} of {len(items)} reference solutions fail in the sandbox"
            f" ({broken[0].task_id}: {reason})"
        )
        if len(broken) > BROKEN_SHARE * len(items):
            raise EvaluationError(f"{said}, so it cannot tell right from wrong; see the README.")
        tell(f"{said}; these items have no pass rate.")
    wrong = {item.task_id for item in broken}
    return [item for item in items if item.task_id not in wrong]


def _read(path: Path) -> dict[str, Verdict]:
    decoder = msgspec.json.Decoder(Record)
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise EvaluationError(f"The verdicts in {path} cannot be read: {error}.") from error
    known = {}
    for line in lines:
        try:
            record = decoder.decode(line)
        except msgspec.DecodeError:
            # The end of a call that was killed while it wrote; that program runs again.
            continue
        known[record.key] = record.verdict
    return known
