"""Every reason for silence is reached through the pipeline, and explained.

A reason that a filter, a surface or the confidence gives needs one row in `SAID`: what the model
says at a place for which nothing is shown. What takes more than that is a function in `STAGED`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import pytest

from lsp_server.completion.answering import ServedModel
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import (
    CompletionOptions,
    Healing,
    PrivacyOptions,
    PromptOptions,
    Settings,
    Trigger,
)
from lsp_server.inference.engine import EngineState
from lsp_server.patience import Patience
from lsp_server.prompt.formats import FORMATS
from lsp_server.text import split_lines
from lsp_server.types import (
    CompletionRequest,
    Document,
    Generation,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    SelectedCompletion,
    StopReason,
    TriggerKind,
)
from tests.completion.engines import Engine
from tests.completion.shelves import GPL, Shelf

URI = "file:///w/a.py"

Reason = RejectionReason


@dataclass(frozen=True)
class Said:
    """What the model says at a marked place."""

    marked: str
    answer: str
    options: CompletionOptions = field(default_factory=CompletionOptions)
    language: str = "python"
    stop: StopReason = StopReason.LINES
    path: str = "a.py"


SAID: dict[Reason, Said] = {
    Reason.DISABLED: Said("x = █\n", "1", CompletionOptions(enable=False)),
    Reason.LANGUAGE_DISABLED: Said(
        "x = █\n", "1", CompletionOptions(disabled_languages=("python",))
    ),
    Reason.MANUAL_ONLY: Said("x = █\n", "1", CompletionOptions(trigger=Trigger.MANUAL)),
    Reason.BINARY_DOCUMENT: Said("\0█\n", "1"),
    Reason.EMPTY: Said("x = █\n", ""),
    Reason.NOT_HEALED: Said("x = na█\n", "", stop=StopReason.NOT_HEALED),
    Reason.REPEATS_NEXT_LINE: Said("x = █\nx = total\n", "total"),
    Reason.REPEATS_REST_OF_LINE: Said("x = f(█, key)\n", ", key)"),
    Reason.SURFACE_OFF: Said("x = f(█, key)\n", "1", CompletionOptions(surfaces=("line",))),
    Reason.SURFACE_MANUAL: Said("x = █\n", "1", CompletionOptions(automatic=("block",))),
    Reason.REPEATS_LINES_ABOVE: Said("total = count(words)\n█\n", "total = count(words)"),
    Reason.REPEATS_ITSELF: Said("x = [█\n", "0, " * 12, stop=StopReason.TOKENS),
    Reason.ECHO: Said("// Close the file.\n█\n", "// close the file", language="go"),
    Reason.PLACEHOLDER: Said("def f():\n    █\n", "pass  # Your code here"),
    Reason.BROKEN_INDENTATION: Said(
        "def f(a):\n    for b in a:\n        c(b)\n█\n", "      return b"
    ),
    Reason.UNBALANCED: Said("x = 1\n█\n", ")"),
    Reason.ADDS_ERRORS: Said("x = 1\n█\n", "y = = 2"),
    Reason.TOO_LITTLE: Said("x = █\n", "comp", stop=StopReason.TOKENS),
    Reason.CONTROL_MARK: Said("x = █\n", "<|cursor|>"),
    # Put together here, so that nothing in this repository looks like a secret.
    Reason.CREDENTIALS: Said("password = █\n", '"' + "tr0ub4dor" + "&3" + '"'),
    Reason.SECRET_FILE: Said("x = █\n", "1", path="config/.env"),
}
"""One row a reason; the pipeline is asked once, automatically."""

IN_THE_SERVER: frozenset[Reason] = frozenset({Reason.UNKNOWN_DOCUMENT, Reason.DOCUMENT_TOO_LONG})
"""Reasons that only the server gives: see `tests/server/test_protocol.py`, which reaches them, as
`tests/server/test_explaining.py` checks."""


class Silent(Engine):
    """An engine that ends every answer in one way."""

    def __init__(self, text: str, stop: StopReason) -> None:
        super().__init__()
        self.made = Generation(text, stop, (0.0,), 10)

    async def complete(self, *_: Any, **__: Any) -> Generation:
        return self.made


def asked(
    marked: str, kind: TriggerKind = TriggerKind.AUTOMATIC, language: str = "python"
) -> CompletionRequest:
    before, _, after = marked.partition("█")
    above = split_lines(before)
    document = Document(URI, language, 1, tuple(split_lines(before + after)), "a.py", "/w")
    return CompletionRequest(document, Position(len(above) - 1, len(above[-1])), kind)


@asynccontextmanager
async def pipeline(
    engine: Engine,
    settings: Settings | None = None,
    *,
    ahead: bool = False,
    patience: Patience | None = None,
) -> AsyncIterator[Pipeline]:
    files = Workspace(patience=patience)
    found = Pipeline(engine, settings or Settings(), files, looks_ahead=ahead)
    found.serve(ServedModel("m", FORMATS["qwen2.5-coder"]))
    yield found
    await found.close()


async def inside_word() -> Outcome:
    settings = replace(Settings(), prompt=PromptOptions(healing=Healing.OFF))
    async with pipeline(Silent("me", StopReason.LINES), settings) as found:
        return await found.complete(asked("x = na█\n"))


async def path_off() -> Outcome:
    settings = replace(Settings(), privacy=PrivacyOptions(off_paths=("*.py", "!b.py")))
    async with pipeline(Silent("1", StopReason.LINES), settings) as found:
        return await found.complete(asked("x = █\n", TriggerKind.INVOKED))


async def server_without_healing() -> Outcome:
    async with pipeline(Silent("me", StopReason.LINES)) as found:
        model = ServedModel("m", FORMATS["qwen2.5-coder"], is_remote=True, heals=lambda: False)
        found.serve(model)
        return await found.complete(asked("x = na█\n"))


async def deleting() -> Outcome:
    async with pipeline(Silent("name", StopReason.LINES)) as found:
        found.opened(asked("x = na█\n").document)
        found.changed(asked("x = n█\n").document)
        return await found.complete(asked("x = n█\n"))


async def rejected_here() -> Outcome:
    async with pipeline(Silent("name", StopReason.LINES)) as found:
        await found.complete(asked("x = █\n"))
        found.rejected()
        return await found.complete(asked("x = █\n"))


async def selection_differs() -> Outcome:
    async with pipeline(Silent("name", StopReason.LINES)) as found:
        chosen = SelectedCompletion(Position(0, 2), Position(0, 4), "pop")
        return await found.complete(replace(asked("x.ap█\n"), selected=chosen))


async def left_out_by(name: str) -> Outcome:
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_text("/a.py\n")
        request = asked("x = █\n")
        request = replace(request, document=replace(request.document, folder=folder))
        async with pipeline(Silent("name", StopReason.LINES)) as found:
            return await found.complete(request)


class HeldUp(Patience):
    """A disk that gives nothing back, however long the machine takes for everything else."""

    async def wait_for(self, about: Hashable, work: Callable[[], Any]) -> Any:
        over = Event()
        try:
            return await super().wait_for(about, over.wait)
        finally:
            over.set()


async def disk_stalled() -> Outcome:
    async with pipeline(Silent("name", StopReason.LINES), patience=HeldUp(0.05)) as found:
        return await found.complete(asked("x = █\n"))


async def no_model() -> Outcome:
    async with pipeline(Silent("name", StopReason.LINES)) as found:
        found.serve(None)
        return await found.complete(asked("x = █\n"))


async def model_loading() -> Outcome:
    engine = Silent("name", StopReason.LINES)
    engine.state = EngineState.LOADING
    async with pipeline(engine) as found:
        return await found.complete(asked("x = █\n"))


async def engine_failed() -> Outcome:
    engine = Silent("name", StopReason.LINES)
    engine.state = EngineState.FAILED
    async with pipeline(engine) as found:
        return await found.complete(asked("x = █\n"))


async def superseded() -> Outcome:
    engine = Engine()
    async with pipeline(engine, ahead=True) as found:
        found.opened(asked("x = █\n").document)
        waiting = asyncio.create_task(found.complete(asked("x = █\n")))
        await engine.call(0)
        found.changed(asked("y = █\n").document)
        return await asyncio.wait_for(waiting, 10)


async def cancelled() -> Outcome:
    async with pipeline(Silent("", StopReason.CANCELLED)) as found:
        return await found.complete(asked("x = █\n"))


async def unsure() -> Outcome:
    engine = Silent("name", StopReason.LINES)
    engine.made = Generation("name", StopReason.LINES, (-6.0,), 10, ends=(4,))
    async with pipeline(engine) as found:
        return await found.complete(asked("x = █\n"))


async def late() -> Outcome:
    async with pipeline(Silent("name", StopReason.LINES)) as found:
        outcome = await found.complete(asked("x = █\n"), within=0.0)
        # What came too late is there at once at the next key.
        next_one = await found.complete(asked("x = n█\n"))
        assert not isinstance(next_one, Rejection)
        assert (next_one.text, next_one.is_kept) == ("ame", True)
        return outcome


async def resembles_code() -> Outcome:
    async with pipeline(Silent("total(items)", StopReason.LINES)) as found:
        found.resemblance.use(Shelf({"x = total(items)": GPL}))
        outcome = await found.complete(asked("x = █\n"))
        (fate,) = found.fates.latest(9)
        # It says which code, as nothing of the user's is in that.
        assert fate.detail == "GPL-3.0-only: sdist:b 2.0."
        return outcome


STAGED: dict[Reason, Callable[[], Awaitable[Outcome]]] = {
    Reason.INSIDE_WORD: inside_word,
    Reason.DELETING: deleting,
    Reason.REJECTED_HERE: rejected_here,
    Reason.SELECTION_DIFFERS: selection_differs,
    Reason.IGNORED_FILE: lambda: left_out_by(".gitignore"),
    Reason.EXCLUDED_FILE: lambda: left_out_by(".fimbulignore"),
    Reason.DISK_STALLED: disk_stalled,
    Reason.NO_MODEL: no_model,
    Reason.MODEL_LOADING: model_loading,
    Reason.ENGINE_FAILED: engine_failed,
    Reason.PATH_OFF: path_off,
    Reason.SUPERSEDED: superseded,
    Reason.CANCELLED: cancelled,
    Reason.UNSURE: unsure,
    Reason.LATE: late,
    Reason.RESEMBLES_CODE: resembles_code,
}
"""Reasons that take more than one answer."""


def test_every_reason_has_a_case() -> None:
    places = [*SAID, *STAGED, *IN_THE_SERVER]
    assert set(places) == set(Reason)
    assert len(places) == len(set(places)), "a reason stands in two places"


@pytest.mark.parametrize("reason", SAID, ids=lambda reason: reason.value)
async def test_what_the_model_says_leads_to_it(reason: Reason) -> None:
    said = SAID[reason]
    settings = replace(Settings(), completion=said.options)
    request = asked(said.marked, language=said.language)
    request = replace(request, document=replace(request.document, path=said.path))
    async with pipeline(Silent(said.answer, said.stop), settings) as found:
        outcome = await found.complete(request)
        assert isinstance(outcome, Rejection)
        assert outcome.reason is reason
        (fate,) = found.fates.latest(9)
        assert fate.reason == reason.value


@pytest.mark.parametrize("reason", STAGED, ids=lambda reason: reason.value)
async def test_a_course_of_events_leads_to_it(reason: Reason) -> None:
    outcome = await STAGED[reason]()
    assert isinstance(outcome, Rejection)
    assert outcome.reason is reason


async def test_a_server_that_cannot_heal_says_nothing_inside_words() -> None:
    outcome = await server_without_healing()
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.INSIDE_WORD


@pytest.mark.parametrize("reason", RejectionReason, ids=lambda reason: reason.value)
def test_every_reason_is_one_sentence(reason: Reason) -> None:
    text = reason.explanation
    assert text[0].isupper()
    assert text.endswith(".")
    assert ". " not in text


# What is asked for is never held back by the rules about timing


@pytest.mark.parametrize("marked", ["x = na█\n", "x = n█\n"])
async def test_what_is_asked_for_comes_inside_words(marked: str) -> None:
    settings = replace(Settings(), prompt=PromptOptions(healing=Healing.OFF))
    async with pipeline(Silent("me", StopReason.LINES), settings) as found:
        outcome = await found.complete(asked(marked, TriggerKind.INVOKED))
        assert not isinstance(outcome, Rejection)


async def test_what_is_asked_for_comes_while_deleting_and_after_a_refusal() -> None:
    async with pipeline(Silent("name", StopReason.LINES)) as found:
        found.opened(asked("x = na█\n").document)
        found.changed(asked("x = █\n").document)
        for _ in range(2):
            outcome = await found.complete(asked("x = █\n", TriggerKind.INVOKED))
            assert not isinstance(outcome, Rejection)
            found.rejected()


async def test_a_suggestion_that_is_typed_stays_inside_words_without_healing() -> None:
    settings = replace(Settings(), prompt=PromptOptions(healing=Healing.OFF))
    async with pipeline(Silent("total(a)", StopReason.LINES), settings) as found:
        await found.complete(asked("x = █\n"))
        outcome = await found.complete(asked("x = tot█\n"))
        assert not isinstance(outcome, Rejection)
        assert outcome.text == "al(a)"


async def test_suggestions_come_again_with_the_first_key_after_a_correction() -> None:
    async with pipeline(Silent("name", StopReason.LINES), ahead=True) as found:
        found.opened(asked("x = █\n").document)
        await found.complete(asked("x = █\n"))
        for marked in ("x = q█\n", "x = qu█\n", "x = q█\n", "x = █\n"):
            found.changed(asked(marked).document)
            outcome = await found.complete(asked(marked))
        assert isinstance(outcome, Rejection)
        assert outcome.reason is Reason.DELETING
        found.changed(asked("x = n█\n").document)
        outcome = await found.complete(asked("x = n█\n"))
        assert not isinstance(outcome, Rejection)
        assert outcome.text == "ame"


async def test_a_model_that_goes_while_somebody_waits_is_loading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with pipeline(Silent("name", StopReason.LINES)) as found:

        async def change_settings(_request: CompletionRequest) -> None:
            found.serve(None)

        monkeypatch.setattr(found, "_wait_for_burst", change_settings)
        outcome = await found.complete(asked("x = █\n"))
        assert isinstance(outcome, Rejection)
        assert outcome.reason is Reason.MODEL_LOADING
