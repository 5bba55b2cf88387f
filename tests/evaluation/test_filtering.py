from pathlib import Path

import pytest

from fimbul_models.evaluation.caching import caching_worker_command
from fimbul_models.evaluation.filtering import Filtered, as_lines, as_values, filter_items
from fimbul_models.evaluation.items import Item
from lsp_server.completion.serving import ChosenModel
from lsp_server.config.options import Settings
from lsp_server.inference.engine import ModelFile
from lsp_server.prompt.formats import FORMATS

SCRIPT = r"""
[[rules]]
after = "a = "
answer = "f(1)"
[[rules]]
after = "b = "
answer = "f(1))"
[[rules]]
after = "c = "
answer = "= 1"
[[rules]]
after = "d = "
answer = ""
[[rules]]
after = "if e:\n"
answer = "    return e"
"""


def scripted_model(_settings: Settings) -> ChosenModel:
    file = ModelFile("scripted", Path("scripted"), "scripted")
    return ChosenModel(file, lambda _description: FORMATS["qwen2.5-coder"])


def item(prefix: str, answer: str, suffix: str = "\n") -> Item:
    return Item(prefix.strip(), "python", "a.py", prefix, suffix, answer, "kind")


async def test_answers_are_counted_before_and_after_the_filters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT)
    command = caching_worker_command(tmp_path / "kept.jsonl", "scripted", script)
    filtered = Filtered(Settings(), command=command, choose=scripted_model)
    found = await filter_items(
        filtered,
        [
            item("a = ", "f(1)"),
            item("b = ", "f(1)"),
            item("c = ", "1"),
            item("d = ", "1"),
            item("if e:\n", "    return e", "\n    return e\n"),
        ],
    )
    values = as_values(found)
    assert values["items"] == 5
    assert values["cut"] == 1
    assert values["said"] == {"answers": 4, "right": 2, "errors": 2, "strict_errors": 2}
    assert values["shown"] == {"answers": 2, "right": 2, "errors": 0, "strict_errors": 0}
    assert values["won"] == ["b ="]
    assert values["lost"] == ["if e:"]
    assert values["reasons"]["empty"] == 1
    assert "5 items, 1 answers cut, 1 right only since, 1 lost" in as_lines(found)
