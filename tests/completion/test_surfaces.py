"""What each kind of place gets: which surface, which budget, and bodies that come line by line."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.completion.answering import ServedModel
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.surfaces import BODIES, BUDGETS, permitted, stop_rules
from lsp_server.config.options import SURFACES, CompletionOptions, Settings
from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import LocalEngine, ModelFile
from lsp_server.inference.protocol import LoadOptions
from lsp_server.prompt.formats import FORMATS
from lsp_server.text import split_lines
from lsp_server.types import (
    BodyStop,
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
    Surface,
    TriggerKind,
)
from tests.completion.engines import Engine
from tests.completion.test_pauses import SETTINGS, Typist, typist, until
from tests.server.editor import write_script

AUTOMATIC, INVOKED = TriggerKind.AUTOMATIC, TriggerKind.INVOKED
LOOP = "for a in b:\n    █\n\nc()\n"


def options(
    surfaces: tuple[str, ...] = SURFACES, automatic: tuple[str, ...] = SURFACES
) -> CompletionOptions:
    return replace(CompletionOptions(), surfaces=surfaces, automatic=automatic)


# Options


@pytest.mark.parametrize(
    ("surface", "kind", "given", "expected"),
    [
        (Surface.LINE, AUTOMATIC, options(), Surface.LINE),
        (Surface.FUNCTION, AUTOMATIC, options(), Surface.FUNCTION),
        (Surface.FUNCTION, INVOKED, options(("line",)), Surface.LINE),
        (Surface.BLOCK, AUTOMATIC, options(("line", "function")), Surface.LINE),
        (Surface.BLOCK, INVOKED, options(("middle",)), RejectionReason.SURFACE_OFF),
        (Surface.MIDDLE, INVOKED, options(("line",)), RejectionReason.SURFACE_OFF),
        (Surface.LINE, AUTOMATIC, options(("block",)), RejectionReason.SURFACE_OFF),
        (Surface.BLOCK, AUTOMATIC, options(automatic=("line",)), Surface.LINE),
        (Surface.BLOCK, INVOKED, options(automatic=("line",)), Surface.BLOCK),
        (Surface.BLOCK, AUTOMATIC, options(automatic=("middle",)), RejectionReason.SURFACE_MANUAL),
        (Surface.LINE, AUTOMATIC, options(automatic=()), RejectionReason.SURFACE_MANUAL),
        (
            Surface.BLOCK,
            AUTOMATIC,
            options(("block",), ("line",)),
            RejectionReason.SURFACE_MANUAL,
        ),
    ],
)
def test_which_surface_is_answered(
    surface: Surface,
    kind: TriggerKind,
    given: CompletionOptions,
    expected: Surface | RejectionReason,
) -> None:
    assert permitted(surface, kind, given) is expected


def test_a_line_ends_where_it_always_did() -> None:
    for surface in (Surface.LINE, Surface.MIDDLE):
        rules = stop_rules(surface, AUTOMATIC, options(), None, timed=True)
        assert (rules.max_tokens, rules.max_lines, rules.milliseconds) == (64, 1, 0.0)


def test_what_comes_by_itself_costs_less_than_what_was_asked_for() -> None:
    body = BodyStop(0)
    for surface in BODIES:
        by_itself = stop_rules(surface, AUTOMATIC, options(), body, timed=True)
        asked = stop_rules(surface, INVOKED, options(), body, timed=True)
        assert 0 < by_itself.milliseconds < asked.milliseconds
        assert by_itself.max_tokens == asked.max_tokens <= options().body_tokens
    block, function = BUDGETS[Surface.BLOCK], BUDGETS[Surface.FUNCTION]
    assert block.body_percent < function.body_percent
    assert block.lines < function.lines


def test_without_an_editor_no_clock_ends_anything() -> None:
    assert stop_rules(Surface.BLOCK, INVOKED, options(), BodyStop(0), timed=False).milliseconds == 0


# In the pipeline


def with_options(**more: object) -> Settings:
    return replace(SETTINGS, completion=replace(SETTINGS.completion, **more))  # type: ignore[arg-type]


async def got(user: Typist, marked: str, kind: TriggerKind = AUTOMATIC) -> Outcome:
    return await asyncio.wait_for(user.ask(marked, kind), 10)


async def test_a_body_is_asked_for_and_told_as_one() -> None:
    engine = Engine(answers={"b:\n    ": "if a:\n        d(a)"})
    async with typist(engine) as user:
        outcome = await got(user, LOOP)
        assert isinstance(outcome, Completion)
        assert (outcome.text, outcome.surface) == ("if a:\n        d(a)", Surface.BLOCK)
        assert not outcome.is_lowered
        body = engine.calls[0].stop.body
        assert body is not None
        assert (body.indentation, body.typed, body.following) == (0, "    ", "c()")
        assert not engine.calls[0].line_has_text
        assert engine.calls[0].stop.milliseconds > 0


async def test_who_waits_for_the_whole_waits_for_all_of_a_body() -> None:
    engine = Engine(answers={"b:\n    ": "d(a)"})
    async with typist(engine, with_options(time_budget=0)) as user:
        await got(user, LOOP)
    async with typist(engine, looks_ahead=False) as user:
        await got(user, LOOP)
    assert [call.stop.milliseconds for call in engine.calls] == [0.0, 0.0]


async def test_the_rest_of_the_headers_line_is_no_line_of_the_body() -> None:
    engine = Engine(answers={"def f():": "\n    return 1"})
    async with typist(engine) as user:
        outcome = await got(user, "def f():█\n")
        assert isinstance(outcome, Completion)
        assert (outcome.text, outcome.surface) == ("\n    return 1", Surface.FUNCTION)
        assert not engine.calls[0].line_has_text


async def test_where_bodies_are_off_a_line_comes_and_asking_does_not_change_it() -> None:
    engine = Engine(answers={"b:\n    ": "d(a)"})
    async with typist(engine, with_options(surfaces=("line", "middle"))) as user:
        outcome = await got(user, LOOP)
        assert isinstance(outcome, Completion)
        assert outcome.surface is Surface.LINE
        assert engine.calls[0].stop.body is None
        assert engine.calls[0].stop.max_lines == 1


async def test_who_asks_gets_the_body_that_does_not_come_by_itself() -> None:
    engine = Engine(answers={"b:\n    ": "if a:"})
    async with typist(engine, with_options(automatic=("line",))) as user:
        line = await got(user, LOOP)
        assert isinstance(line, Completion)
        assert (line.surface, line.is_lowered) == (Surface.LINE, True)
        body = await got(user, LOOP, INVOKED)
        assert isinstance(body, Completion)
        assert (body.surface, body.is_lowered, body.is_kept) == (Surface.BLOCK, False, False)
        # Then it is there, also for the keys that type it.
        kept = await got(user, "for a in b:\n    if█\n\nc()\n")
        assert isinstance(kept, Completion)
        assert (kept.surface, kept.is_kept) == (Surface.BLOCK, True)


async def test_who_asks_does_not_wait_for_less() -> None:
    engine = Engine()
    async with typist(engine, with_options(automatic=("line",))) as user:
        first = user.ask(LOOP)
        await engine.call(0)
        second = user.ask(LOOP, INVOKED)
        call = await engine.call(1)
        assert call.stop.body is not None
        call.finish("d(a)\n    e(a)")
        body = await asyncio.wait_for(second, 10)
        assert isinstance(body, Completion)
        assert body.surface is Surface.BLOCK
        assert isinstance(await first, Rejection)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"surfaces": ("middle",)}, RejectionReason.SURFACE_OFF),
        ({"automatic": ()}, RejectionReason.SURFACE_MANUAL),
    ],
)
async def test_silence_has_its_reason(given: Mapping[str, object], reason: RejectionReason) -> None:
    engine = Engine(answers={"": "x"})
    async with typist(engine, with_options(**given)) as user:
        outcome = await got(user, LOOP)
        assert isinstance(outcome, Rejection)
        assert outcome.reason is reason
        assert not engine.calls


async def test_a_body_that_ran_out_of_time_is_made_again_for_who_asks() -> None:
    engine = Engine()
    async with typist(engine, with_options(time_budget=0)) as user:
        first = user.ask(LOOP)
        (await engine.call(0)).finish("d(a)", why=StopReason.TIME)
        assert isinstance(await first, Completion)
        second = user.ask(LOOP, INVOKED)
        (await engine.call(1)).finish("d(a)\n    e(a)")
        whole = await asyncio.wait_for(second, 10)
        assert isinstance(whole, Completion)
        assert whole.text == "d(a)\n    e(a)"


# Parts, and typing on


async def test_a_body_comes_line_by_line() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask(LOOP)
        call = await engine.call(0)
        call.say("if a:\n        d(a)\n        e(")
        part = await asyncio.wait_for(asked, 10)
        assert isinstance(part, Completion)
        assert (part.text, part.surface) == ("if a:\n        d(a)", Surface.BLOCK)
        assert part.is_part
        call.say("a)")
        assert not user.told
        call.say("\n")
        assert [whole and whole.text for _, whole in user.told] == [
            "if a:\n        d(a)\n        e(a)"
        ]
        call.say("    f(a)")
        call.finish()
        await until(lambda: len(user.told) == 2)
        whole = user.told[1][1]
        assert whole is not None
        assert whole.text == "if a:\n        d(a)\n        e(a)\n    f(a)"
        assert not whole.is_part


async def test_a_body_is_typed_over_several_lines() -> None:
    engine = Engine(answers={"b:\n    ": "if a:\n        d(a)\n\n    e(a)"})
    async with typist(engine) as user:
        assert await user.shown(LOOP) == "if a:\n        d(a)\n\n    e(a)"
        head = "for a in b:\n    if a:"
        tail = "\n\nc()\n"
        assert await user.shown(f"{head}█{tail}") == "\n        d(a)\n\n    e(a)"
        assert await user.shown(f"{head}\n        █{tail}") == "d(a)\n\n    e(a)"
        assert await user.shown(f"{head}\n        d(█){tail}") == "a"
        assert await user.shown(f"{head}\n        d(a)\n        █{tail}") == "\n    e(a)"
        assert await user.shown(f"{head}\n        d(a)\n\n    █{tail}") == "e(a)"
        assert user.pipeline.kept == 5


async def test_a_body_between_brackets_gets_its_own_lines() -> None:
    engine = Engine(answers={"b: {": "\n  c(b)"})
    async with typist(engine) as user:
        request = user.has("x█")
        lines = tuple(split_lines("  while (b: {}\n"))
        document = Document("file:///w/a.js", "javascript", 1, lines)
        lines = ("  while (b) {}\n", "")
        document = replace(document, lines=lines)
        engine.answers = {"(b) {": "\n    c(b)"}
        asked = CompletionRequest(document, Position(0, 13), request.trigger_kind)
        outcome = await user.pipeline.complete(asked)
        assert isinstance(outcome, Completion)
        assert outcome.text == "\n    c(b)\n  "


# With the rules of the engine: what it says beyond the body is not suggested


LANGUAGES = {
    "python": ("def f(x):\n    █\n", "if x:\n        return 1\n    return 2\n\n\ndef g():\n"),
    "javascript": ("function f(x) {\n  █\n}\n", "if (x) {\n    g();\n  }\n  h();\n}\n\nlet y;\n"),
    "go": ("package a\n\nfunc f() {\n\t█\n", "x := 1\n}\n\nfunc g() {\n\ty()\n}\n"),
    "rust": ("fn f() -> i32 {\n    █\n}\n", "match x {\n        _ => 1,\n    }\n}\n\nfn g() {}\n"),
    "java": ("class A {\n  int f() {\n    █\n  }\n}\n", "return 1;\n  }\n\n  int g() {\n"),
    "ruby": ("def f(x)\n  █\nend\n", "if x\n    g\n  end\nend\n\ndef h\n"),
    "lua": ("for i = 1, 2 do\n  █\n", "g(i)\nend\n\nlocal y = 1\n"),
    "bash": ("for a in b; do\n  █\ndone\n", "echo $a\ndone\n\necho b\n"),
    "c": ("int f(void)\n{\n    █\n}\n", "char c = '}';\n    return c;\n}\n\nint g;\n"),
    "php": ("<?php\nif ($a) {\n    █\n}\n", "b();\n} else {\n    c();\n}\n"),
}
BODY_TEXTS = {
    "python": "if x:\n        return 1\n    return 2",
    "javascript": "if (x) {\n    g();\n  }\n  h();",
    "go": "x := 1\n}",
    "rust": "match x {\n        _ => 1,\n    }",
    "java": "return 1;",
    "ruby": "if x\n    g\n  end",
    "lua": "g(i)\nend",
    "bash": "echo $a",
    "c": "char c = '}';\n    return c;",
    "php": "b();",
}


@asynccontextmanager
async def scripted(folder: Path) -> AsyncIterator[Pipeline]:
    rules = [{"after": text.split("█")[0], "answer": answer} for text, answer in LANGUAGES.values()]
    script = write_script(folder, *rules)
    engine = LocalEngine(worker_command("scripted", str(script)), folder / "selftest")
    await engine.open(ModelFile("scripted", script, "x"), LoadOptions())
    pipeline = Pipeline(engine, Settings())
    pipeline.serve(ServedModel("scripted", FORMATS["qwen2.5-coder"]))
    try:
        yield pipeline
    finally:
        await engine.close()


async def test_bodies_end_in_every_kind_of_language(tmp_path: Path) -> None:
    found = {}
    async with scripted(tmp_path) as pipeline:
        for language, (text, _) in LANGUAGES.items():
            before, _, after = text.partition("█")
            above = split_lines(before)
            lines = tuple(split_lines(before + after))
            document = Document(f"file:///{language}", language, 1, lines)
            cursor = Position(len(above) - 1, len(above[-1]))
            outcome = await pipeline.complete(CompletionRequest(document, cursor))
            found[language] = outcome.text if isinstance(outcome, Completion) else outcome.reason
    assert found == BODY_TEXTS
