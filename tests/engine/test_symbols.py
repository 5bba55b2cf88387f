"""Names that may stand at the cursor, and what a model of a few kilobytes makes of them."""

import re
from pathlib import Path

import pytest

from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.protocol import LoadOptions
from lsp_server.types import Prompt, Segment, StopRules
from tests.engine.tiny import CONTEXT, write_tiny_model

pytestmark = pytest.mark.engine
NAMES = ("area", "get", "get_all", "größe")


async def answers(model: Path, rules: StopRules, healed: str) -> list[tuple[str, float]]:
    worker = await WorkerClient.start(worker_command())
    found = []
    try:
        await worker.load(str(model), LoadOptions(1, CONTEXT))
        for text in ("self", "x = y", "def area(self):\n    return self"):
            prompt = Prompt((Segment(text),), healed)
            made = await worker.complete(prompt, rules, line_has_text=True)
            found.append((made.text, sum(made.logprobs)))
    finally:
        await worker.close()
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.mark.parametrize(
    ("typed", "healed", "rest"),
    [
        ("self.", ".", "area|get|get_all|größe"),
        ("self.ge", ".ge", "t|t_all"),
        ("self.ge", "", "t|t_all"),
        ("self.get_", "_", "all"),
        ("self.", "", "area|get|get_all|größe"),
    ],
)
async def test_where_a_name_is_required_the_answer_begins_with_one(
    model: Path, typed: str, healed: str, rest: str
) -> None:
    rules = StopRules(16, typed=typed, names=NAMES, names_only=True)
    for text, _ in await answers(model, rules, healed):
        assert re.match(rf"(?:{rest})(?!\w)", text), text


async def test_names_that_do_not_continue_what_is_typed_change_nothing(model: Path) -> None:
    plain = await answers(model, StopRules(12, typed="self.xy"), ".xy")
    rules = StopRules(12, typed="self.xy", names=NAMES, names_only=True)
    named = await answers(model, rules, ".xy")
    assert [text for text, _ in named] == [text for text, _ in plain]


async def test_a_favoured_name_comes_only_where_it_was_likely(model: Path) -> None:
    plain = await answers(model, StopRules(12, typed="self."), ".")
    rules = StopRules(12, typed="self.", names=("\u8a9e",))
    # The model of random weights has this name at no place among the likeliest.
    named = await answers(model, rules, ".")
    assert [text for text, _ in named] == [text for text, _ in plain]
