"""How sure the model has to be: chances from log probabilities, and what is shown of them."""

import asyncio
import math
from dataclasses import replace
from itertools import pairwise

import pytest

from lsp_server.completion.confidence import (
    Calibration,
    Judge,
    Judgement,
    Likelihood,
    Spot,
    Where,
    chance_at,
    features,
    first_line,
    first_word,
    likelihood_of,
    shipped,
    spot_of,
    statements,
)
from lsp_server.config.options import DEFAULT_MODEL, SURFACES, Show
from lsp_server.inference.client import OnText
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    GeneratedText,
    Generation,
    Outcome,
    Position,
    Prompt,
    Rejection,
    RejectionReason,
    StopReason,
    StopRules,
    Surface,
    TriggerKind,
)
from tests.completion.engines import Engine
from tests.completion.test_pauses import SETTINGS, typist, until

GATED = [Show.EAGER, Show.BALANCED, Show.SUBTLE]


def plain(show_word: float, show_line: float) -> Calibration:
    """Return a calibration by which a chance is the probability of the tokens."""
    judgement = Judgement(0.0, {"probability": 1.0}, [(0.0, 0.0), (1.0, 1.0)])
    return Calibration(
        model="m",
        model_sha256="",
        prefixes=["m"],
        fitted={},
        line=judgement,
        word=judgement,
        least_word={show.value: dict.fromkeys(SURFACES, show_word) for show in GATED},
        least_line={show.value: dict.fromkeys(SURFACES, show_line) for show in GATED},
        least_mean=dict.fromkeys([show.value for show in GATED], 0.5),
    )


def request(marked: str, kind: TriggerKind = TriggerKind.AUTOMATIC) -> CompletionRequest:
    before, _, after = marked.partition("█")
    lines = split_lines(before)
    document = Document("file:///w/a.py", "python", 1, tuple(split_lines(before + after)))
    return CompletionRequest(document, Position(len(lines) - 1, len(lines[-1])), kind)


def completion(
    *tokens: tuple[str, float], is_part: bool = False, is_kept: bool = False
) -> Completion:
    text, ends = "", []
    for piece, _ in tokens:
        text += piece
        ends.append(len(text))
    logprobs = tuple(math.log(probability) for _, probability in tokens)
    made = Generation(text, StopReason.LINES, logprobs, ends=tuple(ends))
    here = Position(0, 4)
    return Completion(text, here, here, Surface.LINE, made, is_part=is_part, is_kept=is_kept)


# The data that is shipped


def test_the_shipped_calibration_is_for_the_default_model_and_says_where_it_comes_from() -> None:
    found = shipped()
    assert Judge.of(DEFAULT_MODEL).is_calibrated
    assert found.model == DEFAULT_MODEL
    assert len(found.model_sha256) == 64
    assert not set(found.fitted["projects"]) & set(found.fitted["held_out"])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["line", "word"])
def test_shipped_chances_rise_with_the_score(name: str) -> None:
    judgement: Judgement = getattr(shipped(), name)
    assert len(judgement.knots) >= 3
    for (low, below), (high, above) in pairwise(judgement.knots):
        assert low < high
        assert 0 < below <= above < 1


@pytest.mark.parametrize("name", ["line", "word"])
def test_shipped_weights_are_of_features_that_exist(name: str) -> None:
    judgement: Judgement = getattr(shipped(), name)
    likelihood = Likelihood((-0.1,), 0.0)
    known = {
        feature
        for spot in Spot
        for surface in Surface
        for feature in features(likelihood, 3, Where(spot, surface))
    }
    assert set(judgement.weights) <= known


def test_shipped_thresholds_are_there_for_all_values_and_rise() -> None:
    found = shipped()
    for table in (found.least_word, found.least_line):
        assert set(table) == {show.value for show in GATED}
        for surface in SURFACES:
            least = [table[show.value][surface] for show in GATED]
            assert 0 <= least[0] <= least[1] <= least[2] < 1
    least = [found.least_mean[show.value] for show in GATED]
    assert 0 < least[0] <= least[1] <= least[2] < 1


@pytest.mark.parametrize("show", GATED)
@pytest.mark.parametrize("model", [DEFAULT_MODEL, "another"])
@pytest.mark.parametrize("marked", ["█\n", "x = █\n", "x = to█\n", "items.█\n", "f(█\n"])
def test_what_the_model_is_certain_of_is_shown_everywhere(
    show: Show, model: str, marked: str
) -> None:
    judge = Judge.of(model)
    asked = request(marked)
    made = judge.judged(asked, completion(("total", 0.9999), ("()", 0.9999)), "total()")
    assert judge.gated(asked, made, show) is made


@pytest.mark.parametrize("model", [DEFAULT_MODEL, "another"])
def test_what_the_model_guesses_is_not_shown(model: str) -> None:
    judge = Judge.of(model)
    asked = request("x = █\n")
    made = judge.judged(asked, completion(("tot", 0.02), ("al", 0.02), ("()", 0.02)), "total()")
    outcome = judge.gated(asked, made, Show.BALANCED)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.UNSURE


# What is judged


@pytest.mark.parametrize(
    ("left", "spot"),
    [
        ("", Spot.LINE_START),
        ("    ", Spot.LINE_START),
        ("x = ", Spot.OTHER),
        ("x = to", Spot.IN_WORD),
        ("self.", Spot.AFTER_DOT),
        ("f(", Spot.AFTER_OPENER),
        ("x = [ ", Spot.AFTER_OPENER),
        ("# what ", Spot.IN_COMMENT),
        ("x = '# not", Spot.IN_STRING),
        (r"x = 'it\'s ", Spot.IN_STRING),
        ("x = 'a' + ", Spot.OTHER),
        ("x = 'a'  # b", Spot.IN_COMMENT),
    ],
)
def test_the_spot_of_a_cursor(left: str, spot: Spot) -> None:
    assert spot_of(left, "#", "\"'") is spot


def test_the_first_line_is_the_first_with_something_in_it() -> None:
    assert first_line("f(x)\ng()") == len("f(x)")
    assert first_line("\n    f(x)  \ng()") == len("\n    f(x)")
    assert first_line("") == 0


def test_the_first_word_is_the_first_name_and_what_stands_before() -> None:
    assert first_word("(items, name)") == len("(items")
    assert first_word(")") == 1


def test_the_likelihood_of_a_beginning_is_that_of_its_tokens_and_of_the_next() -> None:
    made = Generation("f(x)\n", StopReason.LINES, (-1.0, -2.0, -3.0), ends=(1, 4, 4))
    assert likelihood_of(made, 1) == Likelihood((-1.0,), -2.0)
    assert likelihood_of(made, 4) == Likelihood((-1.0, -2.0), -3.0)
    assert likelihood_of(made, 4, begin=1) == Likelihood((-2.0,), -3.0)


def test_a_token_that_the_model_ended_with_is_the_ending() -> None:
    made = Generation("f()", StopReason.END, (-1.0,), ends=(3,), end_logprob=-0.5)
    assert likelihood_of(made, 3) == Likelihood((-1.0,), -0.5)


def test_what_was_typed_is_taken_for_certain() -> None:
    # "se" was typed: the tokens "s" and "elf" were chosen among those that fit it.
    made = Generation(
        "lf", StopReason.LINES, (-2.0, -0.5, -0.1), ends=(0, 2, 2), typed_logprob=-2.3
    )
    found = likelihood_of(made, 2)
    assert found is not None
    assert found.tokens == pytest.approx((-0.2,))
    assert found.ending == -0.1


def test_without_log_probabilities_nothing_is_said_and_everything_shown() -> None:
    here = Position(0, 4)
    made = Completion("total", here, here, Surface.LINE, Generation("total", StopReason.END))
    judge = Judge(plain(0.99, 0.99), is_calibrated=True)
    judged = judge.judged(request("x = █\n"), made, "total")
    assert judged.chance is None
    assert judge.is_sure(judged, Show.SUBTLE)


def test_a_chance_lies_on_the_line_between_knots_and_stays_beyond() -> None:
    knots = [(0.0, 0.2), (1.0, 0.4), (3.0, 0.8)]
    assert [chance_at(knots, at) for at in (-9, 0, 0.5, 2, 3, 9)] == pytest.approx(
        [0.2, 0.2, 0.3, 0.6, 0.8, 0.8]
    )


# Who is let through


@pytest.mark.parametrize("show", GATED)
def test_a_suggestion_has_to_be_as_sure_as_the_threshold_says(show: Show) -> None:
    asked = request("x = █\n")
    tokens = (("total", 0.6), ("()", 0.5), ("\n", 1.0))
    for word, line, passes in ((0.6, 0.3, True), (0.61, 0.0, False), (0.0, 0.31, False)):
        judge = Judge(plain(word - 1e-9, line - 1e-9), is_calibrated=True)
        made = judge.judged(asked, completion(*tokens), "total()")
        assert made.chance == pytest.approx(0.3)
        assert made.word_chance == pytest.approx(0.6)
        outcome = judge.gated(asked, made, show)
        assert isinstance(outcome, Completion) is passes
        if isinstance(outcome, Rejection):
            assert outcome.reason is RejectionReason.UNSURE
            assert outcome.detail == "first line 0.30, first word 0.60"


def test_a_beginning_is_judged_by_its_first_word() -> None:
    judge = Judge(plain(0.5, 0.99), is_calibrated=True)
    asked = request("x = █\n")
    made = judge.judged(asked, completion(("total", 0.6), ("(", 0.1), is_part=True), "total(")
    assert made.chance is None
    assert made.word_chance == pytest.approx(0.6)
    assert judge.is_sure(made, Show.SUBTLE)


def test_show_all_and_what_was_asked_for_are_never_held_back() -> None:
    judge = Judge(plain(0.99, 0.99), is_calibrated=True)
    asked = request("x = █\n")
    made = judge.judged(asked, completion(("total", 0.1)), "total")
    assert isinstance(judge.gated(asked, made, Show.EAGER), Rejection)
    assert judge.gated(asked, made, Show.ALL) is made
    assert judge.gated(request("x = █\n", TriggerKind.INVOKED), made, Show.SUBTLE) is made


def test_another_model_is_judged_by_the_mean_probability_of_its_tokens() -> None:
    judge = Judge(plain(0.0, 0.0), is_calibrated=False)
    asked = request("x = █\n")
    likely = judge.judged(asked, completion(("tot", 0.9), ("al", 0.4)), "total")
    assert likely.chance is None
    assert likely.word_chance == pytest.approx(math.sqrt(0.36))
    assert judge.is_sure(likely, Show.BALANCED)
    unlikely = judge.judged(asked, completion(("tot", 0.4), ("al", 0.4)), "total")
    assert not judge.is_sure(unlikely, Show.BALANCED)


def test_what_is_typed_through_keeps_its_chance_until_the_word_is_there() -> None:
    judge = Judge(plain(0.0, 0.0), is_calibrated=True)
    tokens = (("to", 0.9), ("tal", 0.8), ("(", 0.5), ("x", 0.5), (")", 0.5))
    first = judge.judged(request("x = █\n"), completion(*tokens), "total(x)")
    assert first.word_chance == pytest.approx(0.72)
    assert first.chance == pytest.approx(0.09)
    inside = judge.judged(request("x = to█\n"), first, "tal(x)", 2)
    assert inside.word_chance == pytest.approx(0.8)
    assert inside.chance == pytest.approx(0.1)
    within = judge.judged(request("x = tot█\n"), inside, "al(x)", 3)
    assert within.word_chance == pytest.approx(0.8)
    behind = judge.judged(request("x = total█\n"), within, "(x)", 5)
    assert behind.word_chance == pytest.approx(0.25)
    assert behind.chance == pytest.approx(0.125)


def test_chances_are_the_same_every_time() -> None:
    made = completion(("total", 0.3), ("()", 0.7))
    asked = request("x = █\n")
    found = {Judge.of(DEFAULT_MODEL).judged(asked, made, "total()").chance for _ in range(3)}
    assert len(found) == 1
    assert found != {None}


# Bodies


@pytest.mark.parametrize(
    ("text", "typed", "found"),
    [
        ("\n    a = f(\n        1\n    )\n    b = 2\n", "if x:", ["b = 2"]),
        ("a = 1\n    b = 2\n\n    return b", "    ", ["b = 2", "return b"]),
        ("for a in b:\n        c()\n    d()", "    ", ["d()"]),
        ("\n    @cached\n    def f(): ...", "class A:", ["def f(): ..."]),
        ("one", "    ", []),
        ("", "    ", []),
    ],
)
def test_the_statements_of_a_body(text: str, typed: str, found: list[str]) -> None:
    assert [text[at:].partition("\n")[0] for at in statements(text, typed)] == found


def body(second: float) -> Completion:
    made = completion(
        ("\n    ", 0.9),
        ("a", 0.9),
        (" = 1\n    ", 0.9),
        ("b", second),
        (" = 2\n    ", 0.9),
        ("c()", 0.9),
    )
    return replace(made, surface=Surface.BLOCK)


def test_a_body_ends_before_the_first_unsure_statement() -> None:
    judge = Judge(plain(0.5, 0.0), is_calibrated=True)
    asked = request("if x:█\n")
    unsure = body(0.3)
    cut = judge.cut(asked, unsure, unsure.text, Show.BALANCED)
    assert cut.text == "\n    a = 1"
    assert judge.cut(asked, unsure, unsure.text, Show.ALL) is unsure
    sure = body(0.6)
    assert judge.cut(asked, sure, sure.text, Show.BALANCED) is sure


def test_neither_lines_nor_what_was_asked_for_are_cut() -> None:
    judge = Judge(plain(0.5, 0.0), is_calibrated=True)
    unsure = body(0.3)
    asked = request("if x:█\n", TriggerKind.INVOKED)
    assert judge.cut(asked, unsure, unsure.text, Show.BALANCED) is unsure
    line = replace(unsure, surface=Surface.LINE)
    assert judge.cut(request("if x:█\n"), line, line.text, Show.BALANCED) is line


# In the pipeline

UNSURE = -4.0


async def test_an_unsure_suggestion_is_not_shown_unless_it_is_asked_for() -> None:
    engine = Engine()
    one = replace(SETTINGS, completion=replace(SETTINGS.completion, candidates=1))
    async with typist(engine, one) as user:
        asked = user.ask("x = █\n")
        (await engine.call(0)).finish("total", UNSURE)
        outcome: Outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Rejection)
        assert outcome.reason is RejectionReason.UNSURE
        assert user.pipeline.rejections[RejectionReason.UNSURE] == 1
        invoked = await asyncio.wait_for(user.ask("x = █\n", TriggerKind.INVOKED), 10)
        assert isinstance(invoked, Completion)
        assert invoked.text == "total"
        # What is known already is not computed again.
        assert len(engine.calls) == 1


async def test_an_unsure_beginning_ends_what_is_computed() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("x = █\n")
        call = await engine.call(0)
        call.say("total", UNSURE)
        await asyncio.sleep(0.05)
        assert not asked.done()
        call.say("(items, ")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Rejection)
        assert outcome.reason is RejectionReason.UNSURE
        assert engine.cancelled == 1
        assert user.pipeline.parts == 0
        # Who types the word gets nothing as long as it is the same word, and nothing is computed.
        for typed in ("t", "tot"):
            assert await user.shown(f"x = {typed}█\n") == ""
        assert len(engine.calls) == 1
        assert user.pipeline.rejections[RejectionReason.UNSURE] == 3
        # Then there is something new to say.
        asked = user.ask("x = total█\n")
        (await engine.call(1)).finish("(1)")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
        assert outcome.text == "(1)"


@pytest.mark.parametrize("asked_for", [True, False])
async def test_nothing_is_ended_where_it_would_be_shown(*, asked_for: bool) -> None:
    engine = Engine()
    show = Show.BALANCED if asked_for else Show.ALL
    options = replace(SETTINGS.completion, show=show, candidates=1, time_budget=0)
    kind = TriggerKind.INVOKED if asked_for else TriggerKind.AUTOMATIC
    async with typist(engine, replace(SETTINGS, completion=options)) as user:
        asked = user.ask("x = █\n", kind)
        call = await engine.call(0)
        call.say("total", UNSURE)
        call.say("(items, ")
        call.finish("name)")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
        assert outcome.text == "total(items, name)"
        assert not engine.cancelled


async def test_who_asks_for_an_unsure_suggestion_gets_all_of_it() -> None:
    engine = Engine()
    one = replace(SETTINGS, completion=replace(SETTINGS.completion, candidates=1))
    async with typist(engine, one) as user:
        asked = user.ask("x = █\n")
        call = await engine.call(0)
        call.say("total", UNSURE)
        call.say("(items, ")
        assert isinstance(await asyncio.wait_for(asked, 10), Rejection)
        asked = user.ask("x = █\n", TriggerKind.INVOKED)
        (await engine.call(1)).finish("total(items, name)", UNSURE)
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
        assert outcome.text == "total(items, name)"


async def test_what_is_being_typed_is_not_ended() -> None:
    engine = Engine()
    async with typist(engine) as user:
        user.ask("x = █\n")
        call = await engine.call(0)
        call.say("tot", UNSURE)
        asked = user.ask("x = t█\n")
        call.say("al(")
        call.finish("items)")
        assert isinstance(await asyncio.wait_for(asked, 10), Completion | Rejection)
        assert not engine.cancelled


class AtOnce(Engine):
    """Says all before anybody can end it."""

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        assert on_text is not None
        on_text(GeneratedText("total", UNSURE))
        on_text(GeneratedText("(items)", 0.0))
        return Generation("total(items)", StopReason.LINES, (UNSURE, 0.0), 10, ends=(5, 12))


async def test_an_engine_that_says_all_at_once_is_ended_too() -> None:
    async with typist(AtOnce()) as user:
        assert await user.shown("x = █\n") == ""
        assert user.pipeline.rejections[RejectionReason.UNSURE] == 1


async def test_a_body_ends_at_its_first_unsure_statement() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("if a:\n    █\n\nb = 1\n")
        call = await engine.call(0)
        call.say("c = 1")
        call.say("\n    ")
        call.say("total", UNSURE)
        call.say(" = 2")
        outcome = await asyncio.wait_for(asked, 10)
        assert engine.cancelled == 1
        assert isinstance(outcome, Completion)
        assert (outcome.text, outcome.surface) == ("c = 1", Surface.BLOCK)


async def test_a_sure_beginning_is_shown_and_what_follows_too() -> None:
    engine = Engine()
    async with typist(engine) as user:
        asked = user.ask("x = █\n")
        call = await engine.call(0)
        call.say("total")
        call.say("(items, ", UNSURE)
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
        assert outcome.is_part
        assert outcome.word_chance == pytest.approx(1.0)
        call.finish("name)", UNSURE)
        await until(lambda: user.told)
        # It is not taken back: its first word is as sure as before.
        assert user.told[0][1] is not None
        assert user.told[0][1].text == "total(items, name)"
