"""An engine inside the test's own process: it says what it is told to, when it is told to."""

import asyncio
from dataclasses import dataclass, field

from lsp_server.errors import EngineCrashed
from lsp_server.inference.client import OnText
from lsp_server.inference.engine import EngineState
from lsp_server.types import GeneratedText, Generation, Prompt, StopReason, StopRules


@dataclass
class Call:
    """One prompt that is being answered."""

    prompt: Prompt
    on_text: OnText | None
    answer: "asyncio.Future[Generation]"
    text: str = ""
    stop: StopRules = field(default_factory=lambda: StopRules(0))
    line_has_text: bool = True
    logprobs: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    @property
    def seen(self) -> str:
        """The whole text of the prompt."""
        return text_of(self.prompt)

    def say(self, piece: str, logprob: float = 0.0) -> None:
        """Say one token."""
        self.text += piece
        self.logprobs.append(logprob)
        self.ends.append(len(self.text))
        if self.on_text is not None:
            self.on_text(GeneratedText(piece, logprob))

    def finish(
        self,
        piece: str = "",
        logprob: float = 0.0,
        *,
        is_short: bool = False,
        why: StopReason = StopReason.LINES,
    ) -> None:
        self.say(piece, logprob)
        logprobs, ends = tuple(self.logprobs), tuple(self.ends)
        generation = Generation(self.text, why, logprobs, 10, is_short=is_short, ends=ends)
        self.answer.set_result(generation)


@dataclass
class Engine:
    """Answers when the test says so, or at once with what `answers` holds for a prompt's end."""

    answers: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    prefilled: list[Prompt] = field(default_factory=list)
    learned: list[str] = field(default_factory=list)
    cancelled: int = 0
    state: EngineState = EngineState.READY
    prefill_seconds: float = 0.0
    breaks: bool = False

    async def count_tokens(self, texts: list[str]) -> list[int]:
        return [max(1, len(text) // 4) for text in texts]

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        loop = asyncio.get_running_loop()
        call = Call(prompt, on_text, loop.create_future(), "", stop, line_has_text)
        self.calls.append(call)
        end = text_of(prompt) + prompt.healed
        for after, answer in self.answers.items():
            if end.endswith(after):
                call.finish(answer)
        try:
            return await call.answer
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def prefill(self, prompt: Prompt) -> Generation:
        self.prefilled.append(prompt)
        if self.breaks:
            raise EngineCrashed("It broke.")
        await asyncio.sleep(self.prefill_seconds)
        return Generation("", StopReason.END)

    async def learn(self, texts: list[str]) -> None:
        self.learned += texts
        if self.breaks:
            raise EngineCrashed("It broke.")

    async def close(self) -> None:
        pass

    async def call(self, number: int) -> Call:
        """Wait for the prompt with that number, from 0."""
        async with asyncio.timeout(10):
            while len(self.calls) <= number:
                await asyncio.sleep(0.005)
        return self.calls[number]


def text_of(prompt: Prompt) -> str:
    return "".join(segment.text for segment in prompt.segments)
