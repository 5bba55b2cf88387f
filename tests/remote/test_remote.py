"""The engine on a server, against a stand-in that speaks both protocols."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lsp_server.config.options import RemoteKind
from lsp_server.errors import EngineError, EngineRefused, EngineUnreachable
from lsp_server.inference.address import RemoteOptions
from lsp_server.inference.engine import EngineState
from lsp_server.inference.remote import RemoteEngine
from lsp_server.types import BodyStop, Generation, Prompt, Segment, StopReason, StopRules
from tests.remote.stand_in import SPECIALS, StandIn, running

PREFIX, SUFFIX, MIDDLE = SPECIALS[:3]
RULES = StopRules(max_tokens=20)


def prompt(typed: str = "x = self", healed: str = "", suffix: str = "\nend") -> Prompt:
    return Prompt(
        (
            Segment(PREFIX, special=True),
            Segment(SUFFIX, special=True),
            Segment(suffix),
            Segment(MIDDLE, special=True),
            Segment(typed),
        ),
        healed,
    )


@asynccontextmanager
async def met(server: StandIn, **more: Any) -> AsyncIterator[RemoteEngine]:
    async with running(server):
        engine = RemoteEngine(
            RemoteOptions(server.url, **{"timeout": 5.0, **more}), SPECIALS, pauses=(0.0, 0.0)
        )
        try:
            await engine.open()
            yield engine
        finally:
            await engine.close()


async def ask(engine: RemoteEngine, asked: Prompt | None = None, **more: Any) -> Generation:
    return await engine.complete(
        asked or prompt(), more.pop("rules", RULES), line_has_text=True, **more
    )


@pytest.mark.parametrize("owner", ["llamacpp", "vllm", "somebody"])
async def test_an_answer_comes_as_a_stream_and_ends_with_its_line(owner: str) -> None:
    pieces: list[str] = []
    server = StandIn(owner, token_seconds=0.01)
    async with met(server) as engine:
        assert engine.state is EngineState.READY
        found = await ask(engine, on_text=pieces.append)
        await asyncio.wait_for(server.left.wait(), 5)
    assert (found.text, found.stop) == ("value()", StopReason.LINES)
    assert pieces == ["value", "(", ")"]
    assert found.logprobs == (-0.1,) * 4
    assert found.prompt_tokens > 0
    (body,) = server.completions
    assert body["temperature"] == 0.0
    assert body["stream"] is True


@pytest.mark.parametrize(
    ("answer", "rules", "text", "stop"),
    [
        ("one two", StopRules(20), "one two", StopReason.END),
        ("one two", StopRules(2), "one ", StopReason.TOKENS),
        ("a\nb\nc\n", StopRules(20, max_lines=2), "a\nb", StopReason.LINES),
        ("a <end> b", StopRules(20, strings=("<end>",)), "a ", StopReason.STRING),
        ("é\u2028\x85z\n", StopRules(20), "é\u2028\x85z", StopReason.LINES),
        ("", StopRules(20), "", StopReason.END),
        ("one two", StopRules(20, milliseconds=0.0001), "one", StopReason.TIME),
        ("a\n    b\n", StopRules(20, 9, body=BodyStop(0, "  ")), "a\n    b\n", StopReason.END),
        ("a\nb\n", StopRules(20, 9, body=BodyStop(0, "  ")), "a", StopReason.DEDENTED),
    ],
)
@pytest.mark.parametrize("owner", ["llamacpp", "vllm"])
async def test_answers_end_as_on_this_machine(
    owner: str, answer: str, rules: StopRules, text: str, stop: StopReason
) -> None:
    async with met(StandIn(owner, answer)) as engine:
        found = await ask(engine, rules=rules)
    assert (found.text, found.stop) == (text, stop)


async def test_an_empty_line_counts_only_after_text() -> None:
    async with met(StandIn(answer="\n    a\nb")) as engine:
        found = await engine.complete(prompt("x\n"), RULES, line_has_text=False)
    assert found.text == "\n    a"


# Healing


@pytest.mark.parametrize("owner", ["llamacpp", "vllm"])
async def test_an_answer_is_made_to_begin_with_the_healed_text(owner: str) -> None:
    server = StandIn(owner, answer="value(1)\n")
    pieces: list[str] = []
    async with met(server) as engine:
        assert engine.heals
        found = await ask(engine, prompt(healed='."\\['), on_text=pieces.append)
    assert (found.text, found.stop) == ("value(1)", StopReason.LINES)
    assert "".join(pieces) == "value(1)"
    (body,) = server.completions
    assert "".join(server.text(body["prompt"])).endswith("x = self")


async def test_where_nothing_heals_the_text_is_put_back_into_the_prompt() -> None:
    server = StandIn("somebody", answer="value\n", tokenizes=False)
    async with met(server) as engine:
        assert not engine.heals
        found = await ask(engine, prompt(healed="."))
    assert (found.text, found.stop) == ("value", StopReason.LINES)
    (body,) = server.completions
    assert body["prompt"] == f"{PREFIX}{SUFFIX}\nend{MIDDLE}x = self."
    assert "structured_outputs" not in body


async def test_the_healed_text_stands_behind_a_special_token_if_nothing_else_is_left() -> None:
    server = StandIn("somebody", answer="value\n", tokenizes=False)
    async with met(server) as engine:
        await ask(engine, Prompt((Segment(MIDDLE, special=True),), "se"))
    assert server.completions[0]["prompt"] == f"{MIDDLE}se"


async def test_a_vllm_that_does_not_constrain_is_asked_without_from_then_on() -> None:
    server = StandIn("vllm", answer="value\n", constrains=False)
    async with met(server) as engine:
        for _ in range(2):
            found = await ask(engine, prompt(healed=".g"))
            assert (found.text, found.stop) == ("value", StopReason.LINES)
        assert not engine.heals
    constrained = ["structured_outputs" in body for body in server.completions]
    assert constrained == [True, False, False]


async def test_a_llama_server_that_ignores_the_grammar_is_not_believed() -> None:
    pieces: list[str] = []
    async with met(StandIn(constrains=False)) as engine:
        found = await ask(engine, prompt(healed=".g"), on_text=pieces.append)
    assert found.stop is StopReason.NOT_HEALED
    assert not pieces


# Special tokens


@pytest.mark.parametrize("separates", [True, False])
@pytest.mark.parametrize("owner", ["llamacpp", "vllm"])
async def test_the_text_of_the_user_never_becomes_a_special_token(
    owner: str, separates: bool
) -> None:
    server = StandIn(owner, separates=separates)
    async with met(server) as engine:
        await ask(engine, prompt(f"a{MIDDLE}b"))
    tokens = server.completions[0]["prompt"]
    specials = [token for token in tokens if token < len(SPECIALS)]
    assert server.text(specials) == [PREFIX, SUFFIX, MIDDLE]
    assert "".join(server.text(tokens)).endswith(f"a{MIDDLE}b")


async def test_where_text_cannot_be_kept_plain_it_is_not_sent() -> None:
    server = StandIn("somebody", tokenizes=False)
    async with met(server) as engine:
        with pytest.raises(EngineRefused, match="special token"):
            await ask(engine, prompt("secret <|im_start|>"))
        assert (await ask(engine, prompt("a <div> b"))).text == "value()"
    assert "secret" not in server.sent()


async def test_what_every_sequence_begins_with_is_sent() -> None:
    server = StandIn(begins=("<bos>",))
    async with met(server) as engine:
        await ask(engine)
    assert server.text(server.completions[0]["prompt"])[:2] == ["<bos>", PREFIX]


async def test_the_model_is_recognised_by_its_tokens() -> None:
    async with met(StandIn()) as engine:
        assert engine.description is not None
        assert engine.description.special_tokens == set(SPECIALS)
        assert engine.name == "team"
    async with met(StandIn("somebody", tokenizes=False)) as engine:
        assert engine.description is not None
        assert not engine.description.special_tokens


async def test_a_token_that_the_model_lacks_is_named() -> None:
    async with met(StandIn()) as engine:
        with pytest.raises(EngineRefused, match="no token '<PRE> x'"):
            await ask(engine, Prompt((Segment("<PRE> x", special=True),)))


# Counting, prefill, learning


async def test_counting_and_learning_send_nothing() -> None:
    server = StandIn()
    async with met(server) as engine:
        before = len(server.requests)
        counts = await engine.count_tokens(["", "four", "x" * 300])
        await engine.learn(["secret"])
        assert len(server.requests) == before
    assert counts == [0, 2, 100]


async def test_only_what_is_new_in_a_prompt_is_split_again() -> None:
    server = StandIn()
    async with met(server) as engine:
        await ask(engine, prompt("x"))
        before = [path for path, _, _ in server.requests].count("/tokenize")
        await ask(engine, prompt("xy"))
        assert [path for path, _, _ in server.requests].count("/tokenize") == before + 1


async def test_a_prefill_evaluates_and_gives_way_to_a_completion() -> None:
    server = StandIn("vllm", token_seconds=0.0)
    async with met(server) as engine:
        found = await engine.prefill(prompt())
        assert (found.text, found.stop) == ("", StopReason.END)
        assert server.completions[-1]["max_tokens"] == 1
        server.faults = ["silence"]
        waiting = asyncio.create_task(engine.prefill(prompt("other")))
        while len(server.completions) < 2:
            await asyncio.sleep(0.01)
        assert (await ask(engine)).text == "value()"
        assert (await waiting).stop is StopReason.CANCELLED


async def test_a_prefill_asks_llama_server_for_no_token() -> None:
    server = StandIn()
    async with met(server) as engine:
        await engine.prefill(prompt(healed="."))
    assert server.completions[0]["n_predict"] == 0
    assert "grammar" not in server.completions[0]


# Time, cancelling, failures


async def test_cancelling_closes_the_stream_and_is_not_repeated() -> None:
    server = StandIn(answer="a " * 500, token_seconds=0.01)
    begun = asyncio.Event()
    async with met(server) as engine:
        rules = StopRules(1000)
        task = asyncio.create_task(
            engine.complete(prompt(), rules, line_has_text=True, on_text=lambda _text: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.left.wait(), 5)
        assert len(server.completions) == 1
        assert (await ask(engine, rules=StopRules(1))).text == "a"


async def test_what_takes_too_long_is_given_up() -> None:
    server = StandIn(faults=["silence"])
    async with met(server, timeout=0.3) as engine:
        with pytest.raises(EngineUnreachable, match=r"within 0\.3 s .*remote_timeout"):
            await ask(engine)
    assert len(server.completions) == 1


@pytest.mark.parametrize("fault", [503, 429, 500])
async def test_a_passing_failure_is_repeated(fault: Any) -> None:
    server = StandIn(faults=[fault, fault])
    async with met(server) as engine:
        assert (await ask(engine)).text == "value()"
    assert len(server.completions) == 3


async def test_repetitions_end() -> None:
    server = StandIn(faults=[503] * 9)
    async with met(server) as engine:
        with pytest.raises(EngineUnreachable, match=r"HTTP 503, planned_error"):
            await ask(engine)
    assert len(server.completions) == 3


async def test_what_broke_off_after_text_is_not_repeated() -> None:
    server = StandIn(faults=["drop"])
    pieces: list[str] = []
    async with met(server) as engine:
        with pytest.raises(EngineUnreachable):
            await ask(engine, on_text=pieces.append)
    assert pieces == ["value"]
    assert len(server.completions) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (401, EngineUnreachable, "remote_key_file"),
        (404, EngineUnreachable, "remote_url"),
        (302, EngineUnreachable, "another address"),
        (400, EngineRefused, "does not take"),
        ("nonsense", EngineUnreachable, "remote_kind"),
        ("error", EngineRefused, "server_error"),
    ],
)
async def test_failures_speak_and_quote_nothing(
    fault: Any, kind: type[EngineError], says: str
) -> None:
    server = StandIn(faults=[fault])
    async with met(server) as engine:
        with pytest.raises(kind, match=says) as raised:
            await ask(engine)
        assert server.url in str(raised.value)
    assert "your code" not in str(raised.value)
    assert len(server.completions) == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    server = StandIn()
    async with running(server):
        pass
    engine = RemoteEngine(RemoteOptions(server.url), pauses=(0.0,))
    with pytest.raises(EngineUnreachable, match=server.url):
        await engine.open()
    assert engine.state is EngineState.FAILED
    await engine.close()


async def test_the_key_is_sent_and_never_said() -> None:
    async with met(StandIn(key="k3y"), key="k3y") as engine:
        assert (await ask(engine)).text == "value()"
        assert "k3y" not in repr(RemoteOptions("http://localhost", key="k3y"))
    with pytest.raises(EngineUnreachable, match="asks for a key") as raised:
        async with met(StandIn(key="k3y"), key="wr0ng"):
            pass
    assert "wr0ng" not in str(raised.value)


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    server, proxy = StandIn(), StandIn()
    async with running(proxy):
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        async with met(server) as engine:
            assert (await ask(engine)).text == "value()"
        assert not proxy.requests
        async with running(server):
            engine = RemoteEngine(RemoteOptions(server.url, use_proxy=True), pauses=())
            with pytest.raises(EngineUnreachable):
                await engine.open()
            await engine.close()
        assert proxy.requests


async def test_a_model_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(EngineUnreachable, match=r"no model other .*only: team"):
        async with met(StandIn("vllm"), model="other"):
            pass


async def test_a_server_without_a_list_of_models_will_do_if_all_is_named() -> None:
    server = StandIn("somebody", tokenizes=False)
    async with met(server, kind=RemoteKind.OPENAI, model="team") as engine:
        await ask(engine)
    assert server.completions[0]["model"] == "team"


@pytest.mark.parametrize("owner", ["llamacpp", "vllm"])
async def test_a_server_that_has_become_another_is_noticed_before_it_is_asked(owner: str) -> None:
    server = StandIn(owner)
    async with running(server):
        engine = RemoteEngine(RemoteOptions(server.url), SPECIALS, pauses=(0.0,), idle=0.0)
        await engine.open()
        assert (await ask(engine)).text == "value()"
        server.model = "other"
        for _ in range(2):
            with pytest.raises(EngineUnreachable, match="other models than before"):
                await ask(engine)
        assert len(server.completions) == 1
        await engine.open()
        assert engine.name == "other"
        assert (await ask(engine)).text == "value()"
        await engine.close()


async def test_while_one_types_a_server_is_not_asked_what_it_is() -> None:
    server = StandIn()
    async with met(server) as engine:
        for _ in range(3):
            await ask(engine)
    assert [path for path, _, _ in server.requests].count("/v1/models") == 1
