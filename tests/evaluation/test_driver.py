import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.driver import SERVER_COMMAND, Server
from fimbul_models.evaluation.items import Item

Command = Callable[..., tuple[str, ...]]
MakeItem = Callable[..., Item]


async def test_an_item_is_completed_where_it_says(
    server_command: Command, make_item: MakeItem, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with Server(server_command("ready", str(log))) as server:
        first = await server.complete(make_item(prefix="a = 0\n    b", answer=" = 1"))
        await server.complete(make_item(prefix="x\r\ny\rz\n"))
    assert (first.text, first.reason) == (" = 1", "")
    assert (first.prompt_tokens, first.reused_tokens) == (21, 8)
    assert first.milliseconds > 0
    uris, places = zip(*(line.split() for line in log.read_text().splitlines()), strict=True)
    assert places == ("1:5", "3:0")
    assert len(set(uris)) == 2
    assert all(uri.endswith("/pack/some%20file.py") for uri in uris)


async def test_columns_are_counted_in_the_encoding_that_was_agreed(
    server_command: Command, make_item: MakeItem, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with Server(server_command("ready", str(log))) as server:
        answer = await server.complete(make_item(prefix="𝄞é = ", answer="𝄞"))
    assert log.read_text().split()[-1] == "0:5"  # In UTF-16 it would be 6.
    assert answer.text == "𝄞"


async def test_silence_comes_with_its_reason(server_command: Command, make_item: MakeItem) -> None:
    async with Server(server_command()) as server:
        answer = await server.complete(make_item(suffix="\n"))
    assert (answer.text, answer.reason) == ("", "empty")


async def test_options_reach_a_server_that_asks_for_them(server_command: Command) -> None:
    async with Server(server_command(), {"prompt": {"order": "spm"}}) as server:
        assert server.model == "scripted-spm"


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("no-model", r"no model to serve \(no-model\): Run `fimbul models pull`"),
        ("exits", "(?s)ended.*no such option"),
    ],
)
async def test_a_server_that_cannot_serve_is_an_error_with_its_words(
    server_command: Command, mode: str, says: str
) -> None:
    with pytest.raises(EvaluationError, match=says):
        async with Server(server_command(mode)):
            pytest.fail("There is nothing to evaluate.")


async def test_a_server_that_dies_in_between_is_an_error_with_its_last_words(
    server_command: Command, make_item: MakeItem
) -> None:
    async with Server(server_command("crash")) as server:
        await server.complete(make_item())
        await server.complete(make_item())
        with pytest.raises(EvaluationError, match=r"(?s)exit status 3.*gives up"):
            await server.complete(make_item())


async def test_a_command_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="does not start"):
        async with Server((f"{sys.executable}-missing",)):
            pytest.fail("There is nothing to evaluate.")


async def test_the_real_server_is_understood(
    make_item: MakeItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.toml"
    script.write_text(
        '[[rules]]\nafter = "value."\nanswer = "total()"\n'
        '[[rules]]\nafter = "broken."\nfault = "fail"\n'
        '[[rules]]\nanswer = ""\n'
    )
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    command = (*SERVER_COMMAND, "--engine", "scripted", "--script", str(script))
    async with Server(command, {"prompt": {"healing": "off"}}) as server:
        items = [make_item(prefix=f"x = '𝄞' + {name}.") for name in ("value", "broken", "other")]
        answers = [await server.complete(item) for item in items]
    assert [(answer.text, answer.reason) for answer in answers] == [
        ("total()", ""), ("", "engine-failed"), ("", "empty"),
    ]  # fmt: skip
    assert answers[0].prompt_tokens > 0
    assert server.messages == []
