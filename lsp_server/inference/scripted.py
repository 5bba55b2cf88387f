"""An engine without a model: answers and faults from a script.

It runs in a worker process like llama.cpp does, so tests and demonstrations meet the same
pipes, cancellations and crashes. A script is TOML; each rule names how the text before the
cursor ends or what the prompt holds, and what happens then. A token is a word or a single other
character.
"""

import os
import re
import signal
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec

from lsp_server.errors import AdapterUnfit, EngineRefused
from lsp_server.inference.backend import Cancelled, common_length
from lsp_server.inference.lines import ForbiddenLines
from lsp_server.inference.protocol import (
    Alternative,
    Complete,
    Counters,
    Finished,
    Learn,
    Learned,
    Load,
    Loaded,
    Prefill,
    WireAdapter,
    WireSegment,
)
from lsp_server.inference.stopping import AnswerText
from lsp_server.types import GeneratedText, StopReason

_TOKEN = re.compile(r"\w+|\W", re.DOTALL)

_FIM_TOKENS = {
    "prefix": "<|fim_prefix|>",
    "suffix": "<|fim_suffix|>",
    "middle": "<|fim_middle|>",
}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens at one kind of place."""

    answer: str = ""
    after: str = ""
    """How the text before the cursor ends; empty fits everywhere."""
    contains: str = ""
    """What stands somewhere in the text of the prompt."""
    token_ms: float = 0.0
    """Time that each token takes, in milliseconds."""
    logprob: float = -0.1
    """Log probability of each of its tokens."""
    fault: str = ""
    """``crash`` (a signal), ``exit``, ``hang`` (deaf to cancelling), ``fail`` (an error) or
    ``memory`` (more is asked for than there is)."""
    adapter: str = ""
    """What the path of the adapter that is over the model ends with; empty fits all and none."""
    others: tuple[str, ...] = ()
    """Less likely answers, for where `answer` may not come or several are wanted."""


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules; the first that fits decides."""

    rules: tuple[Rule, ...] = (Rule(answer="scripted()"),)
    load_ms: float = 0.0
    """Time that loading takes, in milliseconds."""
    load_fault: str = ""
    """A fault, as in a rule, that strikes while loading."""
    crash_with_extra_buffers: bool = False
    """Crash at the first evaluation unless repacked buffers are off, as some machines do."""


class ScriptedBackend:
    """Answers by rules."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._stopping = False
        self._beats = 0
        self._extra_buffers = False
        self._cached: list[str] = []
        self._adapter = ""
        self._totals = dict.fromkeys(
            ("requests", "prompt_tokens", "reused_tokens", "generated_tokens"), 0
        )

    @classmethod
    def from_file(cls, path: str | None) -> "ScriptedBackend":
        """Read the script at `path`; without one, every place gets the same answer."""
        if path is None:
            return cls(Script())
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
            return cls(msgspec.convert(values, Script))
        except (OSError, ValueError, msgspec.ValidationError) as error:
            raise EngineRefused(f"The script {path} cannot be used: {error}.") from error

    @property
    def beats(self) -> int:
        """See `Backend.beats`."""
        return self._beats

    def begin(self) -> None:
        """See `Backend.begin`."""
        self._stopping = False

    def cancel(self) -> None:
        """See `Backend.cancel`."""
        self._stopping = True

    def load(self, request: Load) -> Loaded:
        """See `Backend.load`."""
        self._wait(self._script.load_ms)
        self._strike(self._script.load_fault)
        self._extra_buffers = request.options.extra_buffers
        return Loaded(
            id=request.id,
            architecture="scripted",
            name="scripted",
            parameters=0,
            context_length=request.options.context_length,
            fim_tokens=_FIM_TOKENS,
            special_tokens=list(_FIM_TOKENS.values()),
            system="scripted",
            milliseconds=self._script.load_ms,
        )

    def count_tokens(self, texts: list[str]) -> list[int]:
        """See `Backend.count_tokens`."""
        return [len(_TOKEN.findall(text)) for text in texts]

    def prefill(self, request: Prefill) -> Finished:
        """See `Backend.prefill`."""
        self._put(request.adapter)
        return self._evaluate(request.id, _split(request.segments))

    def _put(self, adapter: WireAdapter | None) -> None:
        """Put an adapter over the model; what was evaluated under another one is forgotten."""
        path = adapter.path if adapter else ""
        if path and not Path(path).is_file():
            raise AdapterUnfit(f"There is no adapter {path}.")
        if path != self._adapter:
            self._adapter, self._cached = path, []

    def learn(self, request: Learn) -> Learned:
        """See `Backend.learn`; there is nothing to guess, as answers are known."""
        return Learned(request.id)

    def _is_cold(self, request: Complete) -> bool:
        """Return whether the smaller prompt is to be answered."""
        if not (request.short and request.cold_tokens):
            return False
        whole, short = _split(request.segments), _split(request.short)
        missing = len(whole) - common_length(whole, self._cached)
        return missing > max(request.cold_tokens, len(short))

    def _evaluate(self, request_id: int, prompt: list[str]) -> Finished:
        if self._script.crash_with_extra_buffers and self._extra_buffers:
            self._strike("crash")
        reused = common_length(prompt, self._cached)
        self._cached = prompt
        self._totals["requests"] += 1
        self._totals["prompt_tokens"] += len(prompt)
        self._totals["reused_tokens"] += reused
        end = StopReason.END.value
        return Finished(request_id, "", end, [], len(prompt), reused, 0.0, 0.0)

    def generate(self, request: Complete, emit: Callable[[str], None]) -> Finished:
        """See `Backend.generate`."""
        self._put(request.adapter)
        is_short = self._is_cold(request)
        segments = request.short if is_short else request.segments
        evaluated = self._evaluate(request.id, _split(segments))
        texts = [segment.text for segment in segments if not segment.special]
        before = (texts[-1] if texts else "") + request.healed
        whole = "".join(texts) + request.healed
        fitting = (
            rule
            for rule in self._script.rules
            if before.endswith(rule.after)
            and rule.contains in whole
            and self._adapter.endswith(rule.adapter)
        )
        rule = next(fitting, Rule())
        self._strike(rule.fault)
        given, *others = _choose(rule, request)
        answer = AnswerText(request)
        stop: StopReason | None = None
        spent = 0.0
        ends: list[int] = []
        for token in [request.healed, *_TOKEN.findall(given)]:
            if not token:
                continue
            self._wait(rule.token_ms)
            spent += rule.token_ms
            stop = answer.add(token.encode())
            ends.append(len(answer.text()))
            if stop is None and 0 < request.milliseconds <= spent:
                stop = answer.out_of_time()
            if fresh := answer.fresh():
                emit(GeneratedText(fresh, rule.logprob))
            if stop is not None:
                break
        self._totals["generated_tokens"] += len(ends)
        return Finished(
            id=request.id,
            text=answer.text(),
            stop=(stop or StopReason.END).value,
            logprobs=[rule.logprob] * len(ends),
            prompt_tokens=evaluated.prompt_tokens,
            reused_tokens=evaluated.reused_tokens,
            prefill_ms=0.0,
            decode_ms=rule.token_ms * len(ends),
            is_short=is_short,
            alternatives=[_alternative(other, request) for other in others],
            ends=ends,
            end_logprob=rule.logprob if stop is None else None,
        )

    def _wait(self, milliseconds: float) -> None:
        until = time.monotonic() + milliseconds / 1000.0
        while True:
            self._beats += 1
            if self._stopping:
                raise Cancelled
            if (left := until - time.monotonic()) <= 0:
                return
            time.sleep(min(left, 0.002))

    def _strike(self, fault: str) -> None:
        match fault:
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                os._exit(1)
            case "hang":
                time.sleep(3600)
            case "memory":
                bytearray(1 << 62)
            case "fail":
                raise EngineRefused("The script says that this fails.")

    def counters(self, request_id: int) -> Counters:
        """See `Backend.counters`."""
        return Counters(
            id=request_id,
            **self._totals,
            prefill_ms=0.0,
            decode_ms=0.0,
            cached_tokens=len(self._cached),
        )


def _choose(rule: Rule, request: Complete) -> list[str]:
    """Return as many answers as are wanted, without those whose line may not come."""
    lines = ForbiddenLines(request.typed, request.forbidden)
    answers = [rule.answer, *rule.others]
    allowed = [one for one in answers if not lines.hold(_alternative(one, request).text)]
    return (allowed or answers)[: max(1, request.candidates)]


def _alternative(text: str, request: Complete) -> Alternative:
    answer = AnswerText(request)
    tokens = [token for token in (request.healed, *_TOKEN.findall(text)) if token]
    for count, token in enumerate(tokens, start=1):
        if (stop := answer.add(token.encode())) is not None:
            return Alternative(answer.text(), stop.value, [-0.1] * count)
    return Alternative(answer.text(), StopReason.END.value, [-0.1] * len(tokens))


def _split(segments: list[WireSegment]) -> list[str]:
    return [
        token
        for segment in segments
        for token in ([segment.text] if segment.special else _TOKEN.findall(segment.text))
    ]
