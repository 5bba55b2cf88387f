from dataclasses import replace
from pathlib import Path

import pytest

from fimbul_models.evaluation.caching import caching_worker_command
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.oracle import Oracle, with_definition
from lsp_server.completion.serving import ChosenModel
from lsp_server.config.options import ContextForm, Settings
from lsp_server.inference.engine import ModelFile
from lsp_server.prompt.formats import FORMATS

DEFINITION = "def area(w, h):\n\n    return w * h\n"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (
            "import b\n    x = b.",
            "import b\n    # pack/b.py\n    # def area(w, h):\n    #     return w * h\n    x = b.",
        ),
        (
            "a\r\n\tx",
            "a\r\n\t# pack/b.py\r\n\t# def area(w, h):\r\n\t#     return w * h\r\n\tx",
        ),
        ("b.", "# pack/b.py\n# def area(w, h):\n#     return w * h\nb."),
    ],
)
def test_the_definition_stands_above_the_line(prefix: str, expected: str) -> None:
    item = Item("t", "python", "a.py", prefix, "\n", "area(1, 2)", "cross/after-dot")
    assert with_definition(item) == item
    full = Item(
        **{field: getattr(item, field) for field in item.__struct_fields__[:7]},
        definition=DEFINITION,
        definition_path="pack/b.py",
    )
    found = with_definition(full)
    assert found.prefix == expected
    assert (found.suffix, found.answer, found.task_id) == ("\n", "area(1, 2)", "t")


def test_comments_are_those_of_the_language_and_end_where_they_should() -> None:
    item = Item(
        "t", "css", "a.css", "b {\n  ", "\n}", "x", "cross/other",
        definition=".c { /* red */ }", definition_path="b.css",
    )  # fmt: skip
    lines = with_definition(item).prefix.splitlines()
    assert lines[1:] == ["  /* b.css */", "  /* .c { /* red  } */", "  "]


def scripted_model(_settings: Settings) -> ChosenModel:
    file = ModelFile("scripted", Path("scripted"), "scripted")
    return ChosenModel(file, lambda _description: FORMATS["qwen2.5-coder"])


def oracle(folder: Path, settings: Settings) -> Oracle:
    """Return an oracle whose engine tells whether a definition is the last thing it sees."""
    script = folder / "script.toml"
    script.write_text(
        '[[rules]]\nafter = "# path: pack/b.py\\n# X = 1\\ny = b."\nanswer = "X"\n'
        '[[rules]]\nafter = "zz"\nanswer = ""\n'
        '[[rules]]\nanswer = "other"\n'
    )
    command = caching_worker_command(folder / "kept.jsonl", "scripted", script)
    return Oracle(
        settings, command=command, choose=scripted_model, kept_answers=folder / "kept.jsonl"
    )


def above_the_line() -> Settings:
    settings = Settings()
    return replace(
        settings, prompt=replace(settings.prompt, context_form=ContextForm.COMMENT_ABOVE)
    )


async def test_the_pipeline_shows_the_definition_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    plain = Item("t", "python", "a.py", "import b\ny = b.", "\n", "X", "cross/after-dot")
    item = Item(
        "u", "python", "a.py", plain.prefix, "\n", "X", "cross/after-dot",
        project="p", definition="X = 1\n", definition_path="pack/b.py",
    )  # fmt: skip
    async with oracle(tmp_path, above_the_line()) as server:
        assert server.model == "scripted"
        answers = [await server.complete(each) for each in (plain, item, item)]
        silent = await server.complete(Item("v", "python", "a.py", "zz", "\n", "X", "k"))
    assert [(answer.text, answer.sources) for answer in answers] == [
        ("other", ()), ("X", ("oracle",)), ("X", ("oracle",)),
    ]  # fmt: skip
    assert [answer.context_tokens > 0 for answer in answers] == [False, True, True]
    assert [answer.generated for answer in answers] == [True, True, False]
    assert answers[1].prompt_tokens > answers[0].prompt_tokens
    assert (silent.text, silent.reason) == ("", "empty")
