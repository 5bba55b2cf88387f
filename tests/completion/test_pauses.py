"""What happens between requests: parts, small prompts, the line below, places visited."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from lsp_server.completion.answering import ServedModel
from lsp_server.completion.effort import Efforts
from lsp_server.completion.lookahead import LEARNED
from lsp_server.completion.pauses import PAUSE
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.rhythm import Rhythm
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import (
    Ahead,
    CompletionOptions,
    ContextOptions,
    EngineOptions,
    Settings,
)
from lsp_server.inference.engine import EngineState
from lsp_server.prompt.formats import FORMATS
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
    TriggerKind,
)
from tests.completion.engines import Engine, text_of

URI = "file:///w/a.py"
ENOUGH = 4 * PAUSE
"""Seconds after which whatever was to happen in a pause has happened."""

SETTINGS = Settings(
    completion=replace(CompletionOptions(), time_budget=20),
    engine=replace(EngineOptions(), ahead=Ahead.ALWAYS),
)


@dataclass
class Typist:
    """Somebody who types in one document."""

    pipeline: Pipeline
    workspace: Workspace
    engine: Engine
    told: list[tuple[CompletionRequest, Completion | None]] = field(default_factory=list)
    version: int = 0

    def has(self, marked: str, kind: TriggerKind = TriggerKind.AUTOMATIC) -> CompletionRequest:
        """Make the document say something; return the question about the marked place."""
        before, _, after = marked.partition("█")
        self.version += 1
        lines = tuple(split_lines(before + after))
        document = Document(URI, "python", self.version, lines, "a.py", "/w")
        above = split_lines(before)
        (self.workspace.changed if self.version > 1 else self.workspace.opened)(document)
        self.pipeline.changed(document)
        return CompletionRequest(document, Position(len(above) - 1, len(above[-1])), kind)

    def ask(
        self, marked: str, kind: TriggerKind = TriggerKind.AUTOMATIC
    ) -> "asyncio.Task[Outcome]":
        return asyncio.create_task(self.pipeline.complete(self.has(marked, kind)))

    async def shown(self, marked: str) -> str:
        """Return what is shown at a place; empty if nothing is."""
        outcome = await asyncio.wait_for(self.ask(marked), 10)
        return outcome.text if isinstance(outcome, Completion) else ""


@asynccontextmanager
async def typist(
    engine: Engine, settings: Settings = SETTINGS, *, looks_ahead: bool = True
) -> AsyncIterator[Typist]:
    told: list[tuple[CompletionRequest, Completion | None]] = []
    workspace = Workspace()
    pipeline = Pipeline(
        engine,
        settings,
        workspace,
        looks_ahead=looks_ahead,
        longer=lambda request, completion: told.append((request, completion)),
    )
    pipeline.serve(ServedModel("m", FORMATS["qwen2.5-coder"]))
    yield Typist(pipeline, workspace, engine, told)
    await pipeline.close()


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.005)


# Parts


async def test_a_part_is_shown_when_the_time_is_up_and_the_rest_follows() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("x = █\n")
        call = await engine.call(0)
        call.say("total(items, na")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
        assert outcome.text == "total(items,"
        assert outcome.is_part
        assert outcome.generation.stop is StopReason.TIME
        assert user.pipeline.parts == 1
        call.finish("me)")
        await until(lambda: user.told)
        request, whole = user.told[0]
        assert request.position == Position(0, 4)
        assert whole is not None
        assert whole.text == "total(items, name)"
        assert not whole.is_part
        assert len(engine.calls) == 1


async def test_the_rest_follows_though_other_files_changed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, states = Engine(), ["before"]
    async with typist(engine) as user:
        monkeypatch.setattr(user.workspace, "state", lambda _document: states[-1])
        asked = user.ask("x = █\n")
        call = await engine.call(0)
        call.say("total(items, na")
        await asyncio.wait_for(asked, 10)
        states.append("after")
        call.finish("me)")
        await until(lambda: user.told)
        assert await user.shown("x = █\n") == "total(items, name)"
        assert len(engine.calls) == 1


async def test_a_part_waits_for_a_whole_word() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("x = █\n")
        call = await engine.call(0)
        call.say("tot")
        await asyncio.sleep(0.1)
        assert not asked.done()
        call.say("al")
        await asyncio.sleep(0)
        assert not asked.done()
        call.say("(")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
        assert outcome.text == "total("


async def test_what_may_repeat_the_line_below_is_shown_whole_or_not_at_all() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("█\ntotal(items, name)\n")
        call = await engine.call(0)
        call.say("total(items, ")
        await asyncio.sleep(0.1)
        assert not asked.done()
        call.finish("name)")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Rejection)
        assert outcome.reason is RejectionReason.REPEATS_NEXT_LINE


async def test_a_part_is_taken_back_if_the_whole_is_refused() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("x█\n")
        call = await engine.call(0)
        call.say(" = 1")
        call.say(" +")
        assert isinstance(await asyncio.wait_for(asked, 10), Completion)
        call.text = "\x00"
        call.finish()
        await until(lambda: user.told)
        assert user.told[0][1] is None


async def test_typing_on_in_a_part_shows_the_rest_of_what_has_come_at_once() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("x = █\n")
        call = await engine.call(0)
        call.say("total(items, name, ")
        await asyncio.wait_for(asked, 10)
        assert await user.shown("x = to█\n") == "tal(items, name,"
        call.finish("more)")
        await until(lambda: user.told)
        request, whole = user.told[0]
        assert request.position == Position(0, 6)
        assert whole is not None
        assert whole.text == "tal(items, name, more)"
        assert await user.shown("x = tot█\n") == "al(items, name, more)"
        assert len(engine.calls) == 1


async def test_typing_something_else_in_a_part_ends_it() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("x = █\n")
        call = await engine.call(0)
        call.say("total(items, ")
        await asyncio.wait_for(asked, 10)
        user.has("x = z█\n")
        await until(lambda: engine.cancelled)
        assert not user.told


@pytest.mark.parametrize("how", ["invoked", "no budget", "nobody listens"])
async def test_the_whole_is_waited_for(how: str) -> None:
    engine = Engine()
    settings = Settings(completion=replace(CompletionOptions(), time_budget=0))
    chosen = settings if how == "no budget" else SETTINGS
    kind = TriggerKind.INVOKED if how == "invoked" else TriggerKind.AUTOMATIC
    async with typist(engine, chosen, looks_ahead=how != "nobody listens") as user:
        asked = user.ask("x = █\n", kind)
        call = await engine.call(0)
        call.say("total(items, ")
        await asyncio.sleep(0.1)
        assert not asked.done()
        call.finish("name)")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
        assert outcome.text == "total(items, name)"


async def test_in_a_burst_nothing_is_begun_before_the_next_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rhythm, "delay", lambda *_: 0.3)
    engine = Engine(answers={"x = ": "1"})
    async with typist(engine) as user:
        first = user.ask("x =█\n")
        await asyncio.sleep(0.05)
        first.cancel()
        assert await user.shown("x = █\n") == "1"
        assert len(engine.calls) == 1
        # What is known already is never waited for.
        monkeypatch.setattr(Rhythm, "delay", lambda *_: 60.0)
        assert await user.shown("x = █\n") == "1"


# A cold place

LONG = "".join(f"name_{number} = value_{number}\n" for number in range(200))


async def test_a_cold_place_brings_a_small_prompt_and_is_warmed_in_the_pause() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask(LONG + "x = █\n")
        call = await engine.call(0)
        small = "".join(segment.text for segment in call.prompt.short)
        assert "name_199" in small
        assert len(small) < len(call.seen) / 3
        call.finish("1", is_short=True)
        assert isinstance(await asked, Completion)
        await until(lambda: engine.prefilled)
        assert engine.prefilled[0].segments == call.prompt.segments
        assert not engine.prefilled[0].short
        # Once is enough.
        engine.prefilled.clear()
        (await engine.call(1)).finish("q = 3")
        engine.answers = {"y = ": "2", "y = 2\n": "z = 3"}
        assert await user.shown(LONG + "x = 1\ny = █\n") == "2"
        await asyncio.sleep(ENOUGH)
        assert not engine.prefilled


async def test_an_engine_that_was_just_started_begins_with_half_of_it() -> None:
    cold = ContextOptions().cold_tokens
    engine = Engine(prefill_seconds=60)
    never = replace(SETTINGS, engine=replace(SETTINGS.engine, ahead=Ahead.OFF))
    sizes: list[tuple[int, int]] = []

    async def ask(user: Typist, marked: str, *, is_short: bool) -> None:
        asked = user.ask(LONG + marked)
        call = await engine.call(len(sizes))
        prompt = call.prompt
        sizes.append((prompt.cold_tokens, sum(len(segment.text) for segment in prompt.short)))
        call.finish("1", is_short=is_short)
        assert isinstance(await asked, Completion)

    async with typist(engine, never) as user:
        await ask(user, "x = █\n", is_short=True)
        # The pause has not brought the whole: what is evaluated has to stay of use.
        await ask(user, "y = █\n", is_short=True)
        await ask(user, "z = █\n", is_short=False)
        await ask(user, "v = █\n", is_short=True)
        # An engine that died says so to who asks meanwhile.
        engine.state = EngineState.LOADING
        assert isinstance(await user.ask(LONG + "w = █\n"), Rejection)
        engine.state = EngineState.READY
        await ask(user, "w = █\n", is_short=True)
    assert [size for size, _ in sizes] == [cold // 2, cold // 2, cold // 2, cold, cold // 2]
    first, _, _, whole, again = (length for _, length in sizes)
    assert first == again
    assert first < 0.7 * whole


async def test_a_key_ends_what_is_done_in_a_pause() -> None:
    engine = Engine(prefill_seconds=60)
    async with typist(engine) as user:
        asked = user.ask("x = █\n")
        (await engine.call(0)).finish("1", is_short=True)
        await asked
        await until(lambda: engine.prefilled)
        idle = [task for task in asyncio.all_tasks() if task.get_name() == "pause"]
        user.has("x = z█\n")
        await asyncio.sleep(0.01)
        assert len(idle) == 1
        assert idle[0].cancelled()


async def test_typing_what_is_shown_does_not_end_it() -> None:
    engine = Engine(prefill_seconds=60)
    async with typist(engine) as user:
        asked = user.ask("x = █\n")
        (await engine.call(0)).finish("total(1)", is_short=True)
        await asked
        await until(lambda: engine.prefilled)
        (idle,) = [task for task in asyncio.all_tasks() if task.get_name() == "pause"]
        assert await user.shown("x = to█\n") == "tal(1)"
        assert await user.shown("x = total(█)\n") == "1"
        await asyncio.sleep(ENOUGH)
        assert not idle.done()
        assert len(engine.prefilled) == 1
        user.has("x = total(z█)\n")
        await asyncio.sleep(0.01)
        assert idle.cancelled()


async def test_without_pauses_the_prompt_has_no_smaller_one() -> None:
    engine = Engine(answers={"x = ": "1"})
    async with typist(engine, looks_ahead=False) as user:
        assert await user.shown(LONG + "x = █\n") == "1"
        assert not engine.calls[0].prompt.short
        await asyncio.sleep(ENOUGH)
        assert not engine.prefilled
        assert len(engine.calls) == 1


# The line below


async def test_the_line_below_is_there_before_it_is_asked_for() -> None:
    engine = Engine(answers={"x = ": "f(1)", "x = f(1)\n": "y = 2"})
    async with typist(engine) as user:
        assert await user.shown("def g():\n    x = █\n") == "f(1)"
        engine.answers = {"x = f(1)\n    ": "y = 2"}
        await until(lambda: len(engine.calls) == 2)
        assert await user.shown("def g():\n    x = f█\n") == "(1)"
        assert await user.shown("def g():\n    x = f(1)\n    █\n") == "y = 2"
        assert len(engine.calls) == 2
        assert user.pipeline.kept == 2


async def test_the_line_below_one_that_is_whole_is_thought_of() -> None:
    engine = Engine(answers={"x = f(1)": "", "x = f(1)\n": "y = 2"})
    async with typist(engine) as user:
        assert await user.shown("x = f(1)█\n") == ""
        await until(lambda: len(engine.calls) == 2)
        assert await user.shown("x = f(1)\n█\n") == "y = 2"
        assert len(engine.calls) == 2


@pytest.mark.parametrize("indentation", ["", "  ", "    "])
async def test_it_is_found_whatever_indentation_the_editor_puts_there(indentation: str) -> None:
    engine = Engine(answers={"x = ": "f(1)", "x = f(1)\n    ": "y = 2"})
    async with typist(engine) as user:
        assert await user.shown("def g():\n    x = █\n") == "f(1)"
        await until(lambda: len(engine.calls) == 2)
        expected = "    "[len(indentation) :] + "y = 2"
        assert await user.shown(f"def g():\n    x = f(1)\n{indentation}█\n") == expected


async def test_typing_towards_it_leaves_it_alone_and_anything_else_ends_it() -> None:
    engine = Engine(answers={"x = ": "f(1)"})
    async with typist(engine) as user:
        assert await user.shown("x = █\n") == "f(1)"
        call = await engine.call(1)
        assert await user.shown("x = f(█)\n") == "1"
        await asyncio.sleep(ENOUGH)
        assert not engine.cancelled
        asked = user.ask("x = f(1)\n█\n")
        await asyncio.sleep(0.01)
        call.finish("y = 2")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
        assert outcome.text == "y = 2"
        assert await user.shown("x = f(1)\ny█\n") == " = 2"
        await until(lambda: len(engine.calls) == 3)
        user.has("x = f(1)\nyes█\n")
        await until(lambda: engine.cancelled)
    assert len(engine.calls) == 3


async def test_what_led_to_nothing_is_not_tried_at_each_key() -> None:
    engine = Engine(answers={"x = ": "f(1)", "x = f(1)\n": ""})
    async with typist(engine) as user:
        assert await user.shown("x = █\n") == "f(1)"
        await until(lambda: len(engine.calls) == 2)
        assert await user.shown("x = f█\n") == "(1)"
        await asyncio.sleep(ENOUGH)
        assert len(engine.calls) == 2


async def test_what_was_given_up_is_thought_of_again_when_the_user_comes_back() -> None:
    engine = Engine(answers={"x = ": "f(1)"})
    async with typist(engine) as user:
        assert await user.shown("x = █\n") == "f(1)"
        await engine.call(1)
        user.has("x = ?█\n")
        await until(lambda: engine.cancelled)
        outcome = await user.ask("x = █\n", TriggerKind.INVOKED)
        assert isinstance(outcome, Completion)
        await engine.call(3)


async def test_nothing_is_thought_of_where_that_is_switched_off() -> None:
    engine = Engine(answers={"x = ": "f(1)"})
    settings = replace(SETTINGS, engine=replace(EngineOptions(), ahead=Ahead.OFF))
    async with typist(engine, settings) as user:
        assert await user.shown("x = █\n") == "f(1)"
        user.pipeline.visited(user.has("x = █\n").document, Position(0, 4))
        await asyncio.sleep(ENOUGH)
        assert len(engine.calls) == 1
        assert not engine.prefilled


@pytest.mark.parametrize("busy", [True, False])
async def test_a_busy_machine_is_left_alone(busy: bool) -> None:
    engine = Engine(answers={"x = ": "f(1)"})
    settings = replace(SETTINGS, engine=EngineOptions())
    async with typist(engine, settings) as user:
        user.pipeline.efforts = Efforts(lambda: False, lambda: 9.0 if busy else 0.0)
        assert await user.shown("x = █\n") == "f(1)"
        if not busy:
            await until(lambda: len(engine.calls) == 2)
        await asyncio.sleep(ENOUGH)
        assert len(engine.calls) == 2 - busy


async def test_thinking_of_a_line_changes_nothing_about_the_prompts_that_follow() -> None:
    seen = []
    for ahead in (True, False):
        engine = Engine(answers={"x = ": "f(1)", "x = f(1)\n": "y = 2", "z = ": "3"})
        wanted = Ahead.ALWAYS if ahead else Ahead.OFF
        settings = replace(SETTINGS, engine=replace(EngineOptions(), ahead=wanted))
        async with typist(engine, settings) as user:
            assert await user.shown(LONG + "x = █\n" + LONG) == "f(1)"
            await until(lambda: len(engine.calls) == 2 or not ahead)  # noqa: B023
            assert await user.shown(LONG + "x = f(1)\n\nz = █\n" + LONG) == "3"
            seen.append(text_of(engine.calls[-1].prompt))
    assert seen[0] == seen[1]


# Places visited, documents opened


async def test_a_place_where_the_cursor_stays_is_read_ahead() -> None:
    engine = Engine(answers={"x = ": "1"})
    async with typist(engine) as user:
        request = user.has(LONG + "x = █\n")
        user.pipeline.visited(request.document, request.position)
        await until(lambda: engine.prefilled)
        assert await user.shown(LONG + "x = █\n") == "1"
        assert engine.calls[0].prompt.segments == engine.prefilled[0].segments


async def test_only_the_last_of_many_places_is_read() -> None:
    engine = Engine()
    async with typist(engine) as user:
        request = user.has(LONG + "█")
        for line in range(10):
            user.pipeline.visited(request.document, Position(line, 0))
        await until(lambda: engine.prefilled)
        await asyncio.sleep(ENOUGH)
        assert len(engine.prefilled) == 1
        assert "name_10" in text_of(engine.prefilled[0])


async def test_the_engine_learns_from_documents_and_may_fail_at_it() -> None:
    engine = Engine(breaks=True)
    async with typist(engine) as user:
        request = user.has("x = █\n")
        user.pipeline.opened(request.document)
        user.pipeline.visited(request.document, request.position)
        await until(lambda: engine.prefilled and engine.learned)
        assert engine.learned == ["x = \n"]
        user.pipeline.opened(user.has("data" * LEARNED + "█").document)
        await until(lambda: len(engine.learned) == 2)
        assert len(engine.learned[1]) == LEARNED
        user.has("x = █\n")
        engine.answers["x = "] = "1"
        assert await user.shown("x = █\n") == "1"
