"""Whole typing traces, as the benchmark of typing replays them, with words for tokens."""

import re
from itertools import pairwise, takewhile
from pathlib import Path

import pytest

from fimbul_models.evaluation.traces import Step, blocks, trace, typed
from lsp_server.config.options import ContextOptions, PromptOptions
from lsp_server.context.window import Window, context_of, place_window
from lsp_server.prompt.build import build_prompt
from lsp_server.prompt.formats import FORMATS
from lsp_server.types import CompletionRequest, Document

FILE = Path(__file__).parents[2] / "examples" / "ledger.py"
TEXT = FILE.read_text(encoding="utf-8")
BRACES = "function outer() {{\n{}}}\n\nouter();\n".format(
    "".join(
        f"    call{number}(function (a) {{\n        return [a, '{number}'];\n    }});\n"
        for number in range(12)
    )
)


def common_length(before: list[str], now: list[str]) -> int:
    pairs = zip(before, now, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def words(text: str) -> list[str]:
    return re.findall(r"\w+|\W", text)


def count(text: str) -> int:
    return len(words(text))


def costs(steps: list[Step], options: ContextOptions) -> list[tuple[str, int]]:
    window: Window | None = None
    before: list[str] = []
    found = []
    for step in steps:
        document = Document(step.path, "", 1, step.lines, step.path)
        window = place_window(CompletionRequest(document, step.position), options, count, window)
        prompt = build_prompt(context_of(window), FORMATS["qwen2.5-coder"], PromptOptions())
        now = [word for segment in prompt.segments for word in words(segment.text)]
        same = common_length(before, now)
        found.append((step.event, len(now) - same))
        before = now
    return found


@pytest.mark.parametrize("text", [TEXT, BRACES], ids=["indentation", "braces"])
def test_a_trace_types_the_file_again(text: str) -> None:
    found = list(blocks("a", text))
    assert found
    for block in found:
        last = list(typed(block))[-1]
        shown = "".join(line for line in last.lines if not line.startswith("import tool_"))
        assert shown == text


def test_a_step_is_one_edit_after_the_one_before() -> None:
    steps = list(trace(list(blocks("a", TEXT))))
    assert {"key", "enter", "auto-close", "typed-over closer", "move"} <= {s.event for s in steps}
    for before, after in pairwise(steps):
        if after.event == "key" and before.event == "key":
            assert len("".join(after.lines)) == len("".join(before.lines)) + 1


@pytest.mark.parametrize("text", [TEXT, BRACES], ids=["indentation", "braces"])
@pytest.mark.parametrize("prefix", [300, 3000], ids=["part of the file", "whole file"])
def test_a_key_makes_little_of_the_prompt_new(text: str, prefix: int) -> None:
    steps = list(trace(list(blocks("a", text))))
    found = costs(steps, ContextOptions(prefix, 100))[1:]
    ordered = sorted(cost for _, cost in found)
    assert ordered[len(ordered) // 2] <= 3
    assert ordered[len(ordered) * 95 // 100] <= 8
    jumps = [cost for event, cost in found if event == "enter" and cost > 8]
    enters = sum(event == "enter" for event, _ in found)
    assert len(jumps) <= enters / (3 if prefix == 300 else 8)
    if prefix == 3000:
        assert max(cost for event, cost in found if event == "import above") <= 3
