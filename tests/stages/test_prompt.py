"""Prompts as text, one row an order; `⟨ ⟩` stands around special tokens."""

from dataclasses import replace

import pytest

from lsp_server.config.options import ContextForm, Healing, Order, PromptOptions
from lsp_server.prompt.build import build_prompt, healable_end
from lsp_server.prompt.formats import FORMATS, custom_format, family_of
from lsp_server.types import Context, ModelDescription, Prompt, Snippet

QWEN = FORMATS["qwen2.5-coder"]
CONTEXT = Context("import os\n", "\nx = os.pa", "print(x)\n", "")
WITH_SNIPPETS = replace(
    CONTEXT,
    path="app/main.py",
    repository="shop",
    snippets=(
        Snippet("app/one.py", "def one():\n\n    return 1\n", "definitions"),
        Snippet("two.py", "TWO = 2\r\n", "similar"),
    ),
)


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
            "⟨fim_prefix⟩import os\n⟨fim_suffix⟩print(x)\n⟨fim_middle⟩\nx = os",
        ),
    ],
)
def test_orders(order: Order, expected: str) -> None:
    prompt = build_prompt(CONTEXT, QWEN, PromptOptions(order))
    assert drawn(prompt) == expected
    assert prompt.healed == ".pa"


@pytest.mark.parametrize("form", ContextForm)
@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("family", FORMATS)
def test_without_snippets_every_form_is_the_same(
    family: str, order: Order, form: ContextForm
) -> None:
    named = replace(CONTEXT, path="app/main.py", repository="shop")
    fim = FORMATS[family]
    bare = build_prompt(CONTEXT, fim, PromptOptions(order))
    assert build_prompt(named, fim, PromptOptions(order, context_form=form)) == bare


QWEN_FRONT = (
    "⟨repo_name⟩shop\n⟨file_sep⟩app/one.py\ndef one():\n\n    return 1\n"
    "⟨file_sep⟩two.py\nTWO = 2\r\n⟨file_sep⟩app/main.py\n"
)
STARCODER_FRONT = QWEN_FRONT.replace("shop\n", "shop").replace("app/main.py\n", "")
COMMENTS = "# path: app/one.py\n# def one():\n#\n#     return 1\n# path: two.py\n# TWO = 2\n"


@pytest.mark.parametrize(
    ("family", "order", "form", "expected"),
    [
        (
            "qwen2.5-coder", "growing-middle", "auto",
            QWEN_FRONT + "⟨fim_prefix⟩import os\n⟨fim_suffix⟩print(x)\n⟨fim_middle⟩\nx = os",
        ),
        (
            "qwen2.5-coder", "suffix-first", "repository",
            QWEN_FRONT + "⟨fim_prefix⟩⟨fim_suffix⟩print(x)\n⟨fim_middle⟩import os\n\nx = os",
        ),
        (
            "starcoder2", "growing-middle", "auto",
            STARCODER_FRONT
            + "⟨fim_prefix⟩app/main.py\nimport os\n⟨fim_suffix⟩print(x)\n⟨fim_middle⟩\nx = os",
        ),
        (
            "starcoder2", "suffix-first", "auto",
            STARCODER_FRONT
            + "⟨fim_prefix⟩app/main.py\n⟨fim_suffix⟩print(x)\n⟨fim_middle⟩import os\n\nx = os",
        ),
        (
            "mellum", "auto", "auto",
            QWEN_FRONT.removeprefix("⟨repo_name⟩shop\n").replace("file_sep", "filename")
            + "⟨fim_suffix⟩print(x)\n⟨fim_prefix⟩import os\n\nx = os⟨fim_middle⟩",
        ),
        (
            "granite-code", "growing-middle", "repository",
            f"⟨fim_prefix⟩{COMMENTS}import os\n⟨fim_suffix⟩print(x)\n⟨fim_middle⟩\nx = os",
        ),
        (
            "qwen2.5-coder", "growing-middle", "comment-top",
            f"⟨fim_prefix⟩{COMMENTS}import os\n⟨fim_suffix⟩print(x)\n⟨fim_middle⟩\nx = os",
        ),
        (
            "qwen2.5-coder", "growing-middle", "comment-above",
            f"⟨fim_prefix⟩import os\n⟨fim_suffix⟩print(x)\n⟨fim_middle⟩\n{COMMENTS}x = os",
        ),
        (
            "qwen2.5-coder", "growing-middle", "none",
            "⟨fim_prefix⟩import os\n⟨fim_suffix⟩print(x)\n⟨fim_middle⟩\nx = os",
        ),
        ("none", "auto", "auto", f"{COMMENTS}import os\n\nx = os"),
    ],
)  # fmt: skip
def test_where_snippets_stand(family: str, order: str, form: str, expected: str) -> None:
    options = PromptOptions(Order(order), context_form=ContextForm(form))
    prompt = build_prompt(WITH_SNIPPETS, FORMATS[family], options)
    assert drawn(prompt) == expected
    assert prompt.healed == ".pa"


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (("// ", ""), "// path: a\n// x */ y --> z\n"),
        (("/* ", " */"), "/* path: a */\n/* x  y --> z */\n"),
        (("<!-- ", " -->"), "<!-- path: a -->\n<!-- x */ y  z -->\n"),
    ],
)
def test_comments_of_a_language(marks: tuple[str, str], expected: str) -> None:
    snippet = Snippet("a", "x */ y --> z", "similar")
    context = Context("", "", "", "", comment=marks, snippets=(snippet,))
    assert drawn(build_prompt(context, FORMATS["none"], PromptOptions())) == expected


def test_names_that_are_odd_or_missing() -> None:
    context = replace(WITH_SNIPPETS, path="", repository="", snippets=(Snippet("a\nb", "", ""),))
    text = drawn(build_prompt(context, QWEN, PromptOptions()))
    assert text.startswith("⟨file_sep⟩a b\n⟨file_sep⟩untitled\n⟨fim_prefix⟩")


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
    snippet = Snippet("<|file_sep|>", "<|fim_suffix|>\n", "similar")
    context = Context(
        "<|fim_middle|>\n", "x", "<|fim_prefix|>", "", "<|repo_name|>", snippets=(snippet,)
    )
    prompt = build_prompt(context, QWEN, PromptOptions())
    special = [segment.text for segment in prompt.segments if segment.special]
    separators = ["<|file_sep|>", "<|file_sep|>"]
    assert special == [*separators, "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]


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
