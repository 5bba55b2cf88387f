"""The engine on a server of the user's or the team's own.

Connections go only to the server that the user or the machine's policy has named; this module is
imported where one is named, and nowhere else. What is sent are the prompts themselves. Nothing is
sent only to be counted: counts come from the vocabulary on this machine if there is one, else
they are estimated from the length. Knows nothing about documents, and not what happens when the
server fails.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace

import msgspec

from lsp_server.config.options import RemoteKind
from lsp_server.errors import EngineError, EngineRefused, EngineUnreachable
from lsp_server.inference.address import RemoteOptions
from lsp_server.inference.client import OnText
from lsp_server.inference.connection import PAUSES, Connection, Passing
from lsp_server.inference.dialects import (
    Data,
    Dialect,
    LlamaServer,
    Models,
    OpenAI,
    Tokens,
    cut_spellings,
    spelling_in,
)
from lsp_server.inference.engine import EngineState
from lsp_server.inference.protocol import Complete
from lsp_server.inference.streamed import StreamedAnswer
from lsp_server.inference.vocabulary_worker import estimate_tokens
from lsp_server.types import (
    Generation,
    ModelDescription,
    Prompt,
    Segment,
    StopReason,
    StopRules,
)

_KEPT_SEGMENTS = 256
"""Texts whose tokens are remembered; a prompt has about six, and most stay as they were."""

IDLE = 60.0
"""Seconds without a request after which a server may have become another."""

Count = Callable[[list[str]], Awaitable[list[int]]]
"""Counts the tokens of texts without the server."""


class RemoteEngine:
    """One server: a llama-server, or any with OpenAI's completions."""

    def __init__(
        self,
        options: RemoteOptions,
        special_texts: Collection[str] = (),
        count: Count | None = None,
        pauses: Sequence[float] = PAUSES,
        idle: float = IDLE,
    ) -> None:
        """Ask nothing yet, but get the connection ready, which takes a moment: do it in a thread.

        `special_texts` are spellings of tokens to recognise the model by.
        """
        self._options = options
        self._special_texts = tuple(special_texts)
        self._count = count or _estimate
        self._connection = Connection(options, pauses)
        self._idle = idle
        self._last_asked = 0.0
        self._models = Models()
        self._state = EngineState.CLOSED
        self._dialect: Dialect = LlamaServer()
        self._has_tokens = False
        self._separates = False
        self._starts: tuple[int, ...] = ()
        self._specials: dict[str, int] = {}
        self._remembered: dict[str, tuple[int, ...]] = {}
        self._prefills: set[asyncio.Task[Generation]] = set()
        self.name = options.model
        """Name of the model that answers there."""
        self.description: ModelDescription | None = None
        """What is known of that model, once the server was asked."""

    @property
    def state(self) -> EngineState:
        """See `Engine.state`."""
        return self._state

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._options.url

    @property
    def heals(self) -> bool:
        """Whether token healing works there, as far as is known."""
        return self._dialect.constrains

    async def open(self) -> None:
        """Ask the server what it is; may be called again, when it is back or another.

        Raises EngineUnreachable.
        """
        self._state = EngineState.LOADING
        try:
            await self._connection.within(self._meet())
        except EngineError:
            self._state = EngineState.FAILED
            raise
        self._state = EngineState.READY

    async def close(self) -> None:
        """See `Engine.close`."""
        self._end_prefills()
        self._state = EngineState.CLOSED
        await self._connection.close()

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """See `Engine.count_tokens`; the server is not asked."""
        return await self._count(texts)

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        """See `Engine.complete`; the end of the awaiting task closes the stream.

        Raises EngineRefused if the server or this engine does not take the prompt, else
        EngineUnreachable. What has handed out text is not repeated.
        """
        self._end_prefills()
        rules = _request(prompt.healed, stop, line_has_text=line_has_text)
        return await self._connection.within(self._complete(prompt, rules, on_text))

    async def _complete(
        self, prompt: Prompt, rules: Complete, on_text: OnText | None
    ) -> Generation:
        dialect = self._dialect
        if not (prompt.healed and dialect.constrains):
            whole = Prompt(_with(prompt.segments, prompt.healed))
            return await self._answer(whole, msgspec.structs.replace(rules, healed=""), on_text)
        try:
            found = await self._answer(prompt, rules, on_text)
        except EngineRefused:
            if not isinstance(dialect, OpenAI):
                raise
        else:
            if found.stop is not StopReason.NOT_HEALED or not isinstance(dialect, OpenAI):
                return found
        # It says that it is vLLM, but is too old or too plain to be constrained.
        self._dialect = replace(dialect, constrains=False)
        return await self._complete(prompt, rules, on_text)

    async def _answer(self, prompt: Prompt, rules: Complete, on_text: OnText | None) -> Generation:
        answer = StreamedAnswer(rules, on_text)

        async def generate() -> Generation:
            await self._make_sure()
            data = await self._data(prompt.segments)
            body = self._dialect.completion(data, prompt.healed, rules.max_tokens)
            async with contextlib.aclosing(self._connection.chunks(self._dialect, body)) as chunks:
                async for chunk in chunks:
                    if answer.take(chunk):
                        break
            return answer.generation(data)

        return await self._connection.repeat(generate, lambda: not answer.begun)

    async def prefill(self, prompt: Prompt) -> Generation:
        """See `Engine.prefill`."""
        task = asyncio.ensure_future(
            self._connection.within(self._connection.repeat(lambda: self._evaluate(prompt)))
        )
        self._prefills.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return Generation("", StopReason.CANCELLED)
        finally:
            self._prefills.discard(task)

    async def learn(self, texts: list[str]) -> None:
        """Do nothing: guessing ahead is the server's own affair, and nothing is sent for it."""

    def _end_prefills(self) -> None:
        for task in self._prefills:
            task.cancel()

    async def _evaluate(self, prompt: Prompt) -> Generation:
        await self._make_sure()
        data = await self._data(prompt.segments)
        answer = StreamedAnswer(_request("", StopRules(1), line_has_text=True), None)
        async with contextlib.aclosing(
            self._connection.chunks(self._dialect, self._dialect.completion(data, "", 0))
        ) as chunks:
            async for chunk in chunks:
                answer.take(chunk)
        return answer.nothing(data)

    # What the server is

    async def _meet(self) -> None:
        models = self._models = await self._ask_for_models()
        self._last_asked = time.monotonic()
        self.name = self._options.model or next(iter(models.names), "")
        kind = self._options.kind
        if kind is RemoteKind.AUTO:
            kind = RemoteKind.LLAMA_SERVER if models.is_of("llamacpp") else RemoteKind.OPENAI
        if kind is RemoteKind.LLAMA_SERVER:
            self._dialect = LlamaServer(self._options.model)
            # Unless it was given another name it says where its file lies.
            self.name = self.name.rpartition("/")[2]
        else:
            self._dialect = OpenAI(self._named(models), constrains=models.is_of("vllm"))
        self._remembered.clear()
        await self._learn_vocabulary()
        self.description = ModelDescription(
            architecture="",
            name=self.name,
            parameters=0,
            context_length=0,
            special_tokens=frozenset(self._specials),
        )

    async def _make_sure(self) -> None:
        """Look after a pause whether the server is still what it was.

        It may have been started anew with another model, to which the numbers of our tokens would
        mean something else.
        """
        now, before = time.monotonic(), self._last_asked
        self._last_asked = now
        if now - before > self._idle and await self._ask_for_models() != self._models:
            self._last_asked = before
            raise EngineUnreachable(f"The server {self.url} has other models than before.")

    async def _ask_for_models(self) -> Models:
        try:
            return await self._connection.json("GET", "/v1/models", Models)
        except Passing:
            raise
        except EngineUnreachable:
            if self._options.kind is RemoteKind.AUTO or not self._options.model:
                raise
            # A list of models is a courtesy; who has named kind and model needs none.
            return Models()

    def _named(self, models: Models) -> str:
        if not self.name:
            raise EngineUnreachable(
                f"The server {self.url} names no model; name one in engine.remote_model."
            )
        if models.names and self.name not in models.names:
            raise EngineUnreachable(
                f"The server {self.url} has no model {self.name} (engine.remote_model), only: "
                f"{', '.join(models.names[:10])}."
            )
        return self.name

    async def _learn_vocabulary(self) -> None:
        """Find out which special tokens there are, and what every sequence begins with."""
        self._specials, self._starts = {}, ()
        self._separates = self._dialect.separates
        self._has_tokens = True
        try:
            bare = await self._tokenize("a", special=False)
            begun = await self._tokenize("a", special=False, starts=True)
        except Passing:
            raise
        except EngineError:
            if self._dialect.separates:
                raise
            bare = begun = ()
        if not bare:
            # A llama-server that is asked as if it were vLLM finds nothing in the request.
            self._has_tokens = False
            return
        if begun[-len(bare) :] == bare:
            self._starts = begun[: -len(bare)]
        found = await asyncio.gather(
            *(self._tokenize(text, special=True) for text in self._special_texts)
        )
        self._specials = {
            text: tokens[0]
            for text, tokens in zip(self._special_texts, found, strict=True)
            if len(tokens) == 1
        }
        for text, token in tuple(self._specials.items())[:1]:
            # Old servers do not know the parameter, and recognise special tokens everywhere.
            self._separates &= await self._tokenize(text, special=False) != (token,)

    # Prompts

    async def _data(self, segments: Sequence[Segment]) -> Data:
        if not self._has_tokens:
            return self._text(segments)
        found = await asyncio.gather(*(self._tokens(segment) for segment in segments))
        tokens = (*self._starts, *(token for part in found for token in part))
        # A model without a begin token still needs something to look at.
        return tokens or await self._plain("\n")

    def _text(self, segments: Sequence[Segment]) -> str:
        """Return the prompt as text; raise EngineRefused if it would be read otherwise."""
        for segment in segments:
            if not segment.special and spelling_in(segment.text, self._special_texts):
                raise EngineRefused(
                    f"The text here spells a special token, and the server {self.url} would take "
                    "it for one, so nothing was sent."
                )
        return "".join(segment.text for segment in segments) or "\n"

    async def _tokens(self, segment: Segment) -> tuple[int, ...]:
        if not segment.special:
            return await self._plain(segment.text)
        if segment.text not in self._specials:
            found = await self._tokenize(segment.text, special=True)
            if len(found) != 1:
                raise EngineRefused(
                    f"The model on {self.url} has no token {segment.text!r}, so it is not of the "
                    "family that it was taken for; engine.model says how it is asked."
                )
            self._specials[segment.text] = found[0]
        return (self._specials[segment.text],)

    async def _plain(self, text: str) -> tuple[int, ...]:
        known = self._remembered.get(text)
        if known is None:
            specials = (*self._special_texts, *self._specials)
            pieces = [text] if self._separates else cut_spellings(text, specials)
            found = await asyncio.gather(*(self._tokenize(part, special=False) for part in pieces))
            known = tuple(token for part in found for token in part)
            while len(self._remembered) >= _KEPT_SEGMENTS:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[text] = known
        return known

    async def _tokenize(self, text: str, *, special: bool, starts: bool = False) -> tuple[int, ...]:
        body = self._dialect.tokenization(text, special=special, starts=starts)
        return tuple((await self._connection.json("POST", "/tokenize", Tokens, body)).tokens)


def _request(healed: str, stop: StopRules, *, line_has_text: bool) -> Complete:
    return Complete(
        id=0,
        segments=[],
        healed=healed,
        max_tokens=stop.max_tokens,
        max_lines=stop.max_lines,
        line_has_text=line_has_text,
        stop_strings=list(stop.strings),
        milliseconds=stop.milliseconds,
        body=stop.body,
    )


def _with(segments: tuple[Segment, ...], healed: str) -> tuple[Segment, ...]:
    """Put text that cannot be healed back where it was taken."""
    if not healed:
        return segments
    *before, last = segments or (Segment(""),)
    if last.special:
        return (*segments, Segment(healed))
    return (*before, Segment(last.text + healed))


async def _estimate(texts: list[str]) -> list[int]:
    return [estimate_tokens(text) for text in texts]
