"""Prompts as text, one row an order; `⟨ ⟩` stands around special tokens."""

import pytest

from lsp_server.config.options import Healing, Order, PromptOptions
from lsp_server.prompt.build import MIDDLE_JUMP, MIDDLE_LINES, build_prompt, healable_end
from lsp_server.prompt.formats import FORMATS, custom_format, family_of
from lsp_server.types import Context, ModelDescription, Prompt

QWEN = FORMATS["qwen2.5-coder"]
CONTEXT = Context("import os\n\nx = os.pa", "print(x)\n", "", 0)


def drawn(prompt: Prompt) -> str:
    return "".join(
        f"⟨{segment.text.strip('<|>')}⟩" if segment.special else segment.text
        for segment in prompt.segments
    )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (
            Order.PREFIX_SUFFIX_MIDDLE,
            "⟨fim_prefix⟩import os\n\nx = os⟨fim_suffix⟩print(x)\n⟨fim_middle⟩",
        ),
        (
            Order.SUFFIX_PREFIX_MIDDLE,
            "⟨fim_suffix⟩print(x)\n⟨fim_prefix⟩import os\n\nx = os⟨fim_middle⟩",
        ),
        (
            Order.SUFFIX_FIRST,
            "⟨fim_prefix⟩⟨fim_suffix⟩print(x)\n⟨fim_middle⟩import os\n\nx = os",
        ),
        (
            Order.GROWING_MIDDLE,
            "⟨fim_prefix⟩⟨fim_suffix⟩print(x)\n⟨fim_middle⟩import os\n\nx = os",
        ),
    ],
)
def test_orders(order: Order, expected: str) -> None:
    prompt = build_prompt(CONTEXT, QWEN, PromptOptions(order))
    assert drawn(prompt) == expected
    assert prompt.healed == ".pa"


def test_the_growing_middle_moves_older_lines_to_the_prefix_in_jumps() -> None:
    begins = []
    for lines in range(16, 80):
        prefix = "".join(f"line {number}\n" for number in range(lines)) + "x"
        text = drawn(
            build_prompt(Context(prefix, "", "", 0), QWEN, PromptOptions(Order("growing-middle")))
        )
        begins.append(text.index("⟨fim_suffix⟩"))
        middle = text.partition("⟨fim_middle⟩")[2]
        assert MIDDLE_LINES <= middle.count("\n") + 1 < MIDDLE_LINES + MIDDLE_JUMP
    assert len(set(begins)) == 64 // MIDDLE_JUMP + 1


def test_a_window_that_begins_later_splits_at_the_same_line() -> None:
    lines = [f"line {number}\n" for number in range(60)]
    options = PromptOptions(Order.GROWING_MIDDLE)
    whole = drawn(build_prompt(Context("".join(lines), "", "", 0), QWEN, options))
    later = drawn(build_prompt(Context("".join(lines[9:]), "", "", 9), QWEN, options))
    assert whole.partition("⟨fim_middle⟩")[2] == later.partition("⟨fim_middle⟩")[2]


@pytest.mark.parametrize("healing", [Healing.ON, Healing.AUTO, Healing.OFF])
def test_healing_takes_the_end_back_or_not(healing: Healing) -> None:
    prompt = build_prompt(CONTEXT, QWEN, PromptOptions(Order.SUFFIX_FIRST, healing))
    text = "".join(segment.text for segment in prompt.segments if not segment.special)
    assert text + prompt.healed == CONTEXT.suffix + CONTEXT.prefix
    assert bool(prompt.healed) is (healing is not Healing.OFF)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("x = foo.", "."),
        ("foo(", "("),
        ("if (", " ("),
        ("    ", "    "),
        ("\n\t", "\t"),
        ("    ret", " ret"),
        ("x = ", " "),
        ("a\n", ""),
        ("a\r\n", ""),
        ("", ""),
        ("print('hel", "hel"),
        ("# a comm", " comm"),
        ("x12", "2"),
        ("it's", "'s"),
        ("größ", "größ"),
        ("语言", "语言"),
        ("<|fim_mid", "_mid"),
        ("x" * 65, ""),
        ("-" * 65, ""),
    ],
)
def test_what_is_taken_back(prefix: str, end: str) -> None:
    assert healable_end(prefix) == end


def test_special_tokens_in_a_file_stay_text() -> None:
    context = Context("<|fim_middle|>\nx", "<|fim_prefix|>", "", 0)
    prompt = build_prompt(context, QWEN, PromptOptions())
    special = [segment.text for segment in prompt.segments if segment.special]
    assert special == ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]


def test_a_model_without_fim_sees_the_prefix_only() -> None:
    prompt = build_prompt(CONTEXT, FORMATS["none"], PromptOptions())
    assert drawn(prompt) == "import os\n\nx = os"
    assert prompt.healed == ".pa"


def description(*tokens: str, architecture: str = "") -> ModelDescription:
    return ModelDescription(architecture, "", 0, 0, special_tokens=frozenset(tokens))


FIM = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")


@pytest.mark.parametrize(
    ("found", "family"),
    [
        (description("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"), "qwen2.5-coder"),
        (description(*FIM, "<file_sep>", "<repo_name>"), "starcoder2"),
        (description(*FIM, "<reponame>"), "granite-code"),
        (description(*FIM, "<reponame>", "<filename>"), "granite-code"),
        (description(*FIM, "<reponame>", "<filename>", architecture="llama"), "mellum"),
        (description("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"), "deepseek-coder"),
        (description("<|im_start|>"), None),
    ],
)
def test_families_are_recognised(found: ModelDescription, family: str | None) -> None:
    assert family_of(found) == family


def test_custom_tokens_need_all_three() -> None:
    tokens = {"prefix": "<P>", "suffix": "<S>", "middle": "<M>"}
    assert custom_format(tokens).fills
    assert not custom_format({**tokens, "middle": ""}).fills
