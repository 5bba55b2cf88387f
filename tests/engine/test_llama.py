"""llama.cpp itself, in a worker process, with a model of a few kilobytes."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lsp_server.errors import EngineRefused, ModelUnusable
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.inspection import describe_model
from lsp_server.inference.protocol import LoadOptions
from lsp_server.prompt.formats import FORMATS, custom_format, family_of
from lsp_server.types import BodyStop, Generation, Prompt, Segment, StopReason, StopRules
from tests.engine.tiny import CONTEXT, FIM, write_tiny_model

pytestmark = pytest.mark.engine
OPTIONS = LoadOptions(threads=1, context_length=CONTEXT)


@asynccontextmanager
async def engine(model: Path, options: LoadOptions = OPTIONS) -> AsyncIterator[WorkerClient]:
    worker = await WorkerClient.start(worker_command())
    try:
        await worker.load(str(model), options)
        yield worker
    finally:
        await worker.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")


def prompt(*texts: str, healed: str = "") -> Prompt:
    return Prompt(tuple(Segment(text) for text in texts), healed)


async def complete(worker: WorkerClient, asked: Prompt, tokens: int = 24) -> Generation:
    stop = StopRules(tokens, max_lines=tokens)
    return await worker.complete(asked, stop, line_has_text=True)


def check_alike(found: Generation, expected: Generation) -> None:
    """Assert that two answers have the same tokens; batches round their logits differently."""
    assert (found.text, found.stop) == (expected.text, expected.stop)
    assert found.logprobs == pytest.approx(expected.logprobs, abs=0.05)


async def test_the_same_prompt_gives_the_same_answer_however_much_was_cached(model: Path) -> None:
    choice = random.Random(0)
    texts = ["def area(self):\n", "    return self.get(", "x = 1\n", "語 😀\n", "self.ge"]
    asked = [prompt("".join(choice.choices(texts, k=choice.randint(1, 6)))) for _ in range(12)]
    async with engine(model) as worker:
        warm = [await complete(worker, one) for one in asked]
    for one, expected in zip(asked, warm, strict=True):
        async with engine(model) as worker:
            check_alike(await complete(worker, one), expected)


async def test_what_was_evaluated_is_not_evaluated_again(model: Path) -> None:
    async with engine(model) as worker:
        first = await complete(worker, prompt("x = 1\ny = 2\n"), tokens=1)
        assert first.reused_tokens == 0
        longer = await complete(worker, prompt("x = 1\ny = 2\nz"), tokens=1)
        assert longer.reused_tokens == first.prompt_tokens
        other = await complete(worker, prompt("x = 1\ny = 3\n"), tokens=1)
        assert other.reused_tokens == len("x = 1\ny = ")
        same = await complete(worker, prompt("x = 1\ny = 3\n"), tokens=1)
        assert same.reused_tokens == same.prompt_tokens


async def test_a_key_inside_a_word_evaluates_nothing_and_answers_as_a_fresh_engine(
    model: Path,
) -> None:
    code = "def area(self):\n    return self"
    asked = [prompt(code, healed=healed) for healed in ("", ".", ".g", ".ge", "(s", "")]
    async with engine(model) as worker:
        answers = [await complete(worker, one) for one in asked[:3]]
        # Another prompt in between takes the live tokens away, and the logits stay known.
        await complete(worker, prompt("class A:\n" * 12))
        answers += [await complete(worker, one) for one in asked[3:]]
    assert [made.prompt_tokens - made.reused_tokens for made in answers[1:]] == [0] * 5
    for one, made in zip(asked, answers, strict=True):
        async with engine(model) as worker:
            check_alike(await complete(worker, one), made)


async def test_prefilling_makes_the_answer_cheap(model: Path) -> None:
    async with engine(model) as worker:
        ahead = await worker.prefill(prompt("x = 1\n" * 20))
        assert (ahead.text, ahead.logprobs) == ("", ())
        found = await complete(worker, prompt("x = 1\n" * 20), tokens=1)
        assert found.reused_tokens == found.prompt_tokens - 1


async def test_going_back_returns_to_what_was_evaluated(model: Path) -> None:
    here, there = "x = 1\n" * 20, "class A:\n" * 12
    async with engine(model) as worker:
        first = await complete(worker, prompt(here))
        other = await complete(worker, prompt(there))
        assert other.reused_tokens == 0
        back = await complete(worker, prompt(here, "y"), tokens=4)
        assert back.reused_tokens == first.prompt_tokens
        again = await complete(worker, prompt(there))
        assert again.reused_tokens == again.prompt_tokens
        check_alike(again, other)
        assert (await worker.counters()).restored == 2
    async with engine(model) as worker:
        check_alike(await complete(worker, prompt(here, "y"), tokens=4), back)


async def test_a_jump_into_the_middle_of_saved_work_uses_what_fits(model: Path) -> None:
    async with engine(model) as worker:
        await worker.prefill(prompt("x = 1\n" * 30))
        await worker.prefill(prompt("class A:\n" * 10))
        part = await complete(worker, prompt("x = 1\n" * 20, "z"))
        assert part.reused_tokens == part.prompt_tokens - 1
    async with engine(model) as worker:
        check_alike(await complete(worker, prompt("x = 1\n" * 20, "z")), part)


async def test_drafts_change_no_token(model: Path) -> None:
    choice = random.Random(5)
    texts = ["def area(self):\n", "    return self.get(", "x = 1\n", "語 😀\n", "self.ge", "re"]
    healed = ["", "", ".ge", "(", "é", "x"]
    asked = [
        prompt("".join(choice.choices(texts, k=choice.randint(1, 9))), healed=choice.choice(healed))
        for _ in range(40)
    ]
    answers = {}
    for drafts in (0, 7):
        async with engine(model, LoadOptions(1, CONTEXT, draft_tokens=drafts)) as worker:
            answers[drafts] = [await complete(worker, one, tokens=40) for one in asked * 2]
            counters = await worker.counters()
            assert bool(counters.drafted) is bool(drafts)
            assert bool(counters.accepted) is bool(drafts)
            assert counters.accepted <= counters.drafted
    for plain, drafted in zip(answers[0], answers[7], strict=True):
        check_alike(drafted, plain)


async def test_an_answer_ends_inside_a_draft_where_it_ends_without(model: Path) -> None:
    ends = [StopRules(count, max_lines=99) for count in range(1, 12)]
    ends += [StopRules(30, max_lines=lines) for lines in (1, 2)]
    ends += [StopRules(tokens, 99, body=BodyStop(0, "    ")) for tokens in (4, 30)]
    async with engine(model, LoadOptions(1, CONTEXT, draft_tokens=0)) as worker:
        whole = (await complete(worker, prompt("x = self"), tokens=30)).text
        ends += [StopRules(30, 99, (whole[at : at + 2],)) for at in range(2, len(whole) - 2, 5)]
        plain = [
            await worker.complete(prompt("x = self"), stop, line_has_text=True) for stop in ends
        ]
    async with engine(model) as worker:
        await complete(worker, prompt("x = self"), tokens=30)
        pieces: list[str] = []
        for stop, expected in zip(ends, plain, strict=True):
            pieces.clear()
            found = await worker.complete(
                prompt("x = self"), stop, line_has_text=True, on_text=pieces.append
            )
            check_alike(found, expected)
            assert "".join(pieces).startswith(found.text)
        assert (await worker.counters()).accepted > 0


async def test_learned_texts_are_guessed(model: Path) -> None:
    asked = prompt("def area(self):\n")
    async with engine(model) as worker:
        answer = (await complete(worker, asked, tokens=30)).text
    async with engine(model) as worker:
        long = f"def area(self):\n{answer}\n"
        await worker.learn([long, "語" * 5000, "", long])
        assert (await complete(worker, asked, tokens=30)).text == answer
        assert (await worker.counters()).accepted > 0


async def test_nothing_is_drafted_where_it_is_switched_off(model: Path) -> None:
    async with engine(model, LoadOptions(1, CONTEXT, draft_tokens=0)) as worker:
        await worker.learn(["x = 1\n" * 9])
        for _ in range(3):
            await complete(worker, prompt("x = 1\n" * 9))
        counters = await worker.counters()
        assert (counters.drafted, counters.accepted) == (0, 0)


async def test_a_cold_place_is_answered_from_the_smaller_prompt(model: Path) -> None:
    whole = (Segment("class A:\n" * 12), Segment("x = 1\n" * 12))
    short = (Segment("x = 1\n" * 4),)
    async with engine(model) as worker:
        plain = await complete(worker, Prompt(short))
    async with engine(model) as worker:
        asked = Prompt(whole, short=short, cold_tokens=60)
        cold = await complete(worker, asked)
        assert cold.is_short
        assert cold.prompt_tokens == 24
        check_alike(cold, plain)
        # Nearly the whole of it is known, so what is left is evaluated.
        await worker.prefill(Prompt((whole[0],)))
        await complete(worker, prompt("y = 2\n"))
        nearly = await complete(
            worker, Prompt((whole[0], Segment("x")), short=short, cold_tokens=60)
        )
        assert (nearly.is_short, nearly.reused_tokens) == (False, nearly.prompt_tokens - 1)
        warm = await complete(worker, Prompt(whole, short=short, cold_tokens=180))
        assert not warm.is_short
    async with engine(model) as worker:
        never = await complete(worker, Prompt(whole, short=short))
        assert not never.is_short
        check_alike(never, warm)


async def test_a_small_prompt_that_needs_as_much_is_passed_over(model: Path) -> None:
    async with engine(model) as worker:
        asked = Prompt((Segment("x = 1\n" * 9),), short=(Segment("y = 2\n" * 9),), cold_tokens=5)
        assert not (await complete(worker, asked)).is_short


async def test_an_interrupted_prefill_keeps_what_it_evaluated(model: Path) -> None:
    choice = random.Random(2)
    long = Prompt((Segment("".join(choice.choices("abcdefgh \n", k=480))),))
    kept = []
    async with engine(model) as worker:
        for attempt in range(40):
            ahead = asyncio.create_task(worker.prefill(long))
            await asyncio.sleep(0.001 * attempt)
            # A completion of another place, in whose favour the prefill gives way by itself.
            await complete(worker, prompt("x"), tokens=1)
            if (await ahead).stop is not StopReason.CANCELLED:
                break
            kept.append((await worker.counters()).cached_tokens)
        found = await worker.complete(long, StopRules(1), line_has_text=True)
    async with engine(model) as worker:
        check_alike(await worker.complete(long, StopRules(1), line_has_text=True), found)
    # Whatever was interrupted, the next attempt went on from there.
    assert found.reused_tokens == found.prompt_tokens - 1
    assert all(cells <= found.prompt_tokens for cells in kept)


@pytest.mark.parametrize(
    "healed", [".ge", "(s", " ", "    ", "ret", "é", "語", "😀", ".", "self", "_x9", "\t"]
)
async def test_healed_text_begins_the_answer_and_is_taken_off_it(model: Path, healed: str) -> None:
    async with engine(model) as worker:
        free = await complete(worker, prompt("x = self"))
        found = await complete(worker, prompt("x = self", healed=healed))
        assert found.stop is not StopReason.NOT_HEALED
        assert found.prompt_tokens == free.prompt_tokens
        # Without the healed text in front, the same tokens would have to be evaluated as one
        # prompt to be asked for what follows.
        again = await complete(worker, prompt(f"x = self{healed}"), tokens=1)
        assert again.prompt_tokens > free.prompt_tokens


async def test_healing_never_ends_a_line(model: Path) -> None:
    async with engine(model) as worker:
        for typed in ("x = f", "if a", "self"):
            found = await complete(worker, prompt(typed, healed="("), tokens=2)
            assert not found.text.startswith("\n")


async def test_special_tokens_in_text_are_text(model: Path) -> None:
    async with engine(model) as worker:
        (count,) = await worker.count_tokens([FIM[2]])
        assert count > 1
        as_text = await worker.prefill(prompt("x", FIM[2]))
        as_token = await worker.prefill(Prompt((Segment("x"), Segment(FIM[2], special=True))))
        assert (as_text.prompt_tokens, as_token.prompt_tokens) == (1 + count, 2)


async def test_a_token_the_model_has_not_is_named(model: Path) -> None:
    async with engine(model) as worker:
        with pytest.raises(EngineRefused, match="<nothing>"):
            await worker.prefill(Prompt((Segment("<nothing>", special=True),)))
        assert (await complete(worker, prompt("x"))).prompt_tokens == 1


async def test_a_prompt_too_long_for_the_context_is_refused(model: Path) -> None:
    async with engine(model) as worker:
        with pytest.raises(EngineRefused, match="context_length"):
            await complete(worker, prompt("x " * CONTEXT))
        assert (await complete(worker, prompt("x"))).prompt_tokens == 1


async def test_an_empty_prompt_is_answered(model: Path) -> None:
    async with engine(model) as worker:
        assert (await complete(worker, Prompt((Segment(""),)))).prompt_tokens == 1


async def test_cancelling_leaves_a_sound_cache(model: Path) -> None:
    choice = random.Random(1)
    text = "".join(choice.choices("abcdefgh \n", k=400))
    async with engine(model) as worker:
        expected = await complete(worker, prompt(text))
    async with engine(model) as worker:
        for pause in (0.0, 0.001, 0.003, 0.005, 0.01, 0.02):
            task = asyncio.create_task(complete(worker, prompt(text), tokens=99))
            await asyncio.sleep(pause)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        check_alike(await complete(worker, prompt(text)), expected)


async def test_lone_surrogates_never_reach_the_tokenizer(model: Path) -> None:
    async with engine(model) as worker:
        assert await worker.count_tokens(["a\ufffdb"]) == [5]


async def test_an_answer_may_not_outgrow_its_budget(model: Path) -> None:
    async with engine(model) as worker:
        found = await complete(worker, prompt("x"), tokens=5)
        assert len(found.logprobs) <= 5
        assert found.stop in (StopReason.TOKENS, StopReason.END)
        assert all(value <= 0 for value in found.logprobs)


def test_a_model_describes_itself(model: Path) -> None:
    found = describe_model(model)
    assert (found.architecture, found.name, found.context_length) == ("llama", "Tiny", CONTEXT)
    assert found.fim_tokens == dict(zip(("prefix", "suffix", "middle"), FIM, strict=True))
    assert family_of(found) == "qwen2.5-coder"


def test_a_model_without_fim_tokens_is_told_apart(tmp_path: Path) -> None:
    found = describe_model(write_tiny_model(tmp_path / "plain.gguf", fim=False))
    assert family_of(found) is None
    assert custom_format(found.fim_tokens) == FORMATS["none"]


@pytest.mark.parametrize("kept", [0.01, 0.3, 0.6, 0.999])
def test_a_truncated_model_is_refused_with_a_reason(
    kept: float, model: Path, tmp_path: Path
) -> None:
    content = model.read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ModelUnusable, match=r"cut\.gguf"):
        describe_model(cut)


async def test_the_worker_survives_a_bad_model(model: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_text("print('not a model')\n")
    async with engine(model) as worker:
        with pytest.raises(EngineRefused, match=r"bad\.gguf"):
            await worker.load(str(bad), OPTIONS)
        with pytest.raises(EngineRefused, match="No model is loaded"):
            await complete(worker, prompt("x"))
        await worker.load(str(model), LoadOptions(2, CONTEXT))
        assert (await complete(worker, prompt("x"))).prompt_tokens == 1


async def test_plain_buffers_give_the_same_answer(model: Path) -> None:
    answers = []
    for extra in (True, False):
        options = LoadOptions(1, CONTEXT, extra_buffers=extra)
        async with engine(model, options) as worker:
            answers.append((await complete(worker, prompt("def area(self):\n"))).text)
    assert answers[0] == answers[1]


async def test_time_ends_an_answer_after_the_token_that_it_ran_out_in(model: Path) -> None:
    async with engine(model) as worker:
        asked = prompt("def area(self):\n    return ")
        whole = await complete(worker, asked)
        ends = StopRules(24, max_lines=24, milliseconds=0.0001)
        late = await worker.complete(asked, ends, line_has_text=True)
        assert (late.stop, len(late.logprobs)) == (StopReason.TIME, 1)
        assert whole.text.startswith(late.text)
        assert len(whole.logprobs) > 1
