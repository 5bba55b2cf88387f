import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.driver import SERVER_COMMAND, Server, Surroundings
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.reaching import Asking, Typing
from lsp_server.text import split_lines

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
    assert (first.context_tokens, first.sources, first.engine_milliseconds) == (0, (), 1.75)
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


async def test_an_answer_says_what_it_replaces(
    server_command: Command, make_item: MakeItem
) -> None:
    async with Server(server_command("replaces")) as server:
        inside = await server.complete(make_item(prefix="f(", suffix="𝄞)\n# answer:x"))
        at_the_end = await server.complete(make_item(prefix="f", suffix="\n# answer:x"))
    async with Server(server_command()) as server:
        nothing = await server.complete(make_item(prefix="f(", suffix=")\n# answer:x"))
    assert (inside.replaced, at_the_end.replaced, nothing.replaced) == (1, 0, 0)


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


def events(log: Path, *kinds: str) -> list[dict[str, Any]]:
    """Return what the scripted server was told, of some kinds or of all."""
    found = [json.loads(line) for line in log.with_suffix(".events").read_text().splitlines()]
    return [event for event in found if not kinds or event["event"] in kinds]


def edited(text: str, change: dict[str, Any]) -> str:
    """Apply an insertion to a text without characters beyond the first plane."""
    assert change["start"] == change["end"], "Before the answer nothing is taken back."
    line, column = change["start"]
    lines = split_lines(text)
    place = sum(map(len, lines[:line])) + column
    return f"{text[:place]}{change['text']}{text[place:]}"


@pytest.mark.parametrize("asking", Asking)
async def test_typing_up_to_the_place_gives_the_same_document(
    server_command: Command, make_item: MakeItem, tmp_path: Path, asking: Asking
) -> None:
    log = tmp_path / "log"
    item = make_item(prefix="a = 0\r\nb = a\n\ndef f():\n    return b", suffix="\n# answer: + 1\n")
    around = Surroundings(typing=Typing(2, asking))
    async with Server(server_command("ready", str(log)), surroundings=around) as server:
        answer = await server.complete(item)
    assert answer.text == " + 1"
    first, *rest, undo = events(log, "open", "change", "ask")
    assert first["text"] == "a = 0\r\nb = a\n" + item.suffix
    assert rest[0] == {"event": "ask", "place": [2, 0], "kind": "Automatic"}
    text = first["text"]
    changes = [event for event in rest if event["event"] == "change"]
    for change in changes:
        text = edited(text, change)
    assert text == item.prefix + item.suffix
    assert [change["version"] for change in changes] == list(range(2, len(changes) + 2))
    assert undo == {
        "event": "change", "version": len(changes) + 2, "start": [2, 0], "end": [4, 12], "text": "",
    }  # fmt: skip
    assert rest[-1] == {"event": "ask", "place": [4, 12], "kind": "Invoked"}
    on_the_way = [event["place"] for event in rest[1:-1] if event["event"] == "ask"]
    if asking is Asking.WORD:
        assert len(on_the_way) == len(changes) - 1
    else:
        assert on_the_way == ([[3, 0], [4, 4]] if asking is Asking.LINE else [])


async def test_items_of_a_project_are_opened_in_its_folder(
    server_command: Command, make_item: MakeItem, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    folders = {name: tmp_path / f"{name} dir" for name in ("one", "two")}
    async with Server(
        server_command("ready", str(log)), {}, Surroundings(folders=folders)
    ) as server:
        assert server.index == {"state": "ready", "files": 7, "leftOut": {"size": 1}}
        await server.complete(make_item(project="two"))
        await server.complete(make_item(project="two"))
        await server.complete(make_item())
    (start,) = events(log, "initialize")
    assert start["folders"] == {name: path.as_uri() for name, path in folders.items()}
    assert [event["state"] for event in events(log, "poll")] == ["scanning", "scanning", "ready"]
    assert events(log)[4]["event"] == "open"
    inside = (folders["two"] / "pack" / "some file.py").as_uri()
    uris = [event["uri"] for event in events(log, "open")]
    assert uris[:2] == [inside, inside]
    assert not uris[2].startswith(tmp_path.as_uri())


@pytest.mark.parametrize("mode", ["no-index", "index-failed"])
async def test_a_server_may_have_no_index_but_not_fail_at_it(
    server_command: Command, tmp_path: Path, mode: str
) -> None:
    server = Server(server_command(mode), {}, Surroundings(folders={"one": tmp_path}))
    if mode == "no-index":
        async with server:
            assert server.index == {}
        return
    with pytest.raises(EvaluationError, match="could not read the workspace folders"):
        async with server:
            pytest.fail("Its answers would not be those of a server that can.")


async def test_what_context_an_answer_had_is_told(
    server_command: Command, make_item: MakeItem
) -> None:
    async with Server(server_command(), {"context": {"sources": ["tabs", "twin"]}}) as server:
        answer = await server.complete(make_item(suffix="\n# answer:x\n# answer-twin:y\n"))
    assert (answer.text, answer.sources, answer.context_tokens) == ("y", ("twin", "hint"), 5)


async def test_whether_the_engine_ran_shows_in_the_file_that_grows_then(
    server_command: Command, make_item: MakeItem, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    command = server_command("ready", str(log))
    async with Server(command, {}, Surroundings(kept_answers=log)) as server:
        assert (await server.complete(make_item())).generated
    async with Server(command, {}, Surroundings(kept_answers=tmp_path / "none")) as server:
        assert not (await server.complete(make_item())).generated


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


async def test_the_real_server_follows_a_typist(
    make_item: MakeItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.toml"
    script.write_text(
        '[[rules]]\nafter = "b = value\\n    "\nanswer = "total()"\n[[rules]]\nanswer = "no"\n'
    )
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    command = (*SERVER_COMMAND, "--engine", "scripted", "--script", str(script))
    around = Surroundings(typing=Typing(3, Asking.WORD))
    async with Server(command, {"prompt": {"healing": "off"}}, around) as server:
        answer = await server.complete(make_item(prefix="a = 1\nif '𝄞':\n    b = value\n    "))
    assert answer.text == "total()"
