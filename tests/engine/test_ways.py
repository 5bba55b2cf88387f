"""Other answers than the greedy one, from llama.cpp and a model of a few kilobytes."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.protocol import LoadOptions
from lsp_server.types import Generation, Prompt, Segment, StopReason, StopRules
from tests.engine.tiny import CONTEXT, write_tiny_model

pytestmark = pytest.mark.engine
PLAIN = StopRules(12)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")


@asynccontextmanager
async def engine(model: Path, drafts: int = 7) -> AsyncIterator[WorkerClient]:
    worker = await WorkerClient.start(worker_command())
    try:
        await worker.load(str(model), LoadOptions(1, CONTEXT, draft_tokens=drafts))
        yield worker
    finally:
        await worker.close()


@dataclass
class Asked:
    """One prompt, and what was handed out while it was answered."""

    prompt: Prompt
    pieces: list[str]

    async def answer(self, worker: WorkerClient, rules: StopRules) -> Generation:
        self.pieces.clear()
        found = await worker.complete(
            self.prompt, rules, line_has_text=True, on_text=self.pieces.append
        )
        assert "".join(self.pieces) == found.text
        return found


def places(count: int) -> list[Asked]:
    choice = random.Random(7)
    texts = ["def area(self):\n", "    return self.get(", "x = 1\n", "語 😀\n", "self.ge", "re"]
    healed = ["", "", ".ge", "(", "x"]
    return [
        Asked(
            Prompt(
                (Segment("".join(choice.choices(texts, k=choice.randint(2, 6)))),),
                choice.choice(healed),
            ),
            [],
        )
        for _ in range(count)
    ]


def line(text: str) -> str:
    return text.splitlines()[0].strip() if text.strip() else ""


async def test_a_line_that_may_not_come_does_not_come(model: Path) -> None:
    changed = 0
    async with engine(model) as worker:
        for asked in places(12):
            plain = await asked.answer(worker, PLAIN)
            forbidden = (line("(" + plain.text),)
            found = await asked.answer(worker, replace(PLAIN, typed="(", forbidden=forbidden))
            assert line("(" + found.text) not in forbidden
            assert found.text.strip()
            assert len(found.logprobs) > 0
            changed += found.text != plain.text
            # What was evaluated for other ways leaves the prompt and its answer as they were.
            again = await asked.answer(worker, PLAIN)
            assert again.text == plain.text
            assert again.reused_tokens == again.prompt_tokens
    assert changed == 12


async def test_forbidding_what_does_not_come_changes_nothing(model: Path) -> None:
    async with engine(model) as worker:
        for asked in places(6):
            plain = await asked.answer(worker, PLAIN)
            rules = replace(PLAIN, typed="(", forbidden=("(never", line(plain.text)[:3]))
            assert (await asked.answer(worker, rules)).text == plain.text


async def test_several_answers_are_different_and_the_first_is_the_greedy_one(model: Path) -> None:
    async with engine(model) as worker:
        for asked in places(8):
            plain = await asked.answer(worker, PLAIN)
            found = await asked.answer(worker, replace(PLAIN, candidates=3))
            assert found.text == plain.text
            texts = [line(one.text) for one in (found, *found.alternatives)]
            assert len(set(texts)) == len(texts) == 3
            totals = [sum(one.logprobs) for one in found.alternatives]
            assert totals == sorted(totals, reverse=True)
            assert all(len(one.logprobs) <= PLAIN.max_tokens for one in found.alternatives)


async def test_drafts_change_no_other_way_either(model: Path) -> None:
    answers = {}
    for drafts in (0, 7):
        async with engine(model, drafts) as worker:
            found = [
                await asked.answer(worker, replace(PLAIN, candidates=2)) for asked in places(8) * 2
            ]
            answers[drafts] = [(one.text, one.alternatives[0].text) for one in found]
    assert answers[0] == answers[7]


async def test_an_unsure_line_may_become_another_whole_one(model: Path) -> None:
    rules = StopRules(12, strings=("(",), following="self.get(x)")
    changed = 0
    async with engine(model) as worker:
        for asked in places(30):
            plain = await asked.answer(worker, replace(rules, following=""))
            found = await asked.answer(worker, rules)
            if found.text == plain.text:
                continue
            changed += 1
            # Only an answer that is whole is held against what is below.
            assert plain.stop in (StopReason.LINES, StopReason.END)
            assert found.stop in (StopReason.LINES, StopReason.END)
            again = await asked.answer(worker, rules)
            assert (again.text, again.stop) == (found.text, found.stop)
    assert changed
