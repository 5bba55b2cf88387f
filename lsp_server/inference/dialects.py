"""What is said to a server and what it answers: llama-server's own requests, and OpenAI's.

Pure: values in, values out. Knows nothing about connections, retries and time.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from lsp_server.types import StopReason

_Kind = TypeVar("_Kind")

_LOOKS_SPECIAL = re.compile(
    r"<[|\uff5c][^<>|\uff5c\s]{1,64}[|\uff5c]>|</?s>|<(?:unk|pad|mask|bos|eos)>"
    r"|\[/?INST\]|<</?SYS>>|<(?:fim|repo|file|gh|issue|jupyter|commit)_?\w{0,32}>"
)
"""How the vocabularies of code models spell their control tokens. That it fits more than one
vocabulary holds does no harm where text can be sent in two halves."""

Data = str | tuple[int, ...]
"""A prompt as it is sent: tokens, or text in which the server recognises special tokens."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of a stream."""

    text: str = ""
    logprobs: tuple[float, ...] = ()
    """Natural log probability of each token of `text`."""
    end: StopReason | None = None
    """Why the server ends here, if it does."""
    prompt_tokens: int = 0
    """Tokens of the prompt; 0 where the event does not tell."""
    reused_tokens: int = 0
    error: str = ""
    """Kind of the error that ends the stream; empty is none."""


class Misunderstood(ValueError):
    """The server said something that no server of its kind says."""


class Dialect(Protocol):
    """How one kind of server is spoken to."""

    @property
    def path(self) -> str:
        """Where completions are asked for."""

    @property
    def constrains(self) -> bool:
        """Whether an answer can be made to begin with some text."""

    @property
    def separates(self) -> bool:
        """Whether text can be split into tokens without recognising special tokens in it."""

    def completion(self, prompt: Data, healed: str, max_tokens: int) -> dict[str, Any]:
        """Return the request for a greedy answer that begins with `healed`, as a stream."""

    def tokenization(self, text: str, *, special: bool, starts: bool) -> dict[str, Any]:
        """Return the request for the tokens of `text`.

        `special` says whether special tokens are recognised in it, where that can be said at all;
        `starts` whether what begins every sequence stands in front of it.
        """

    def chunk(self, data: bytes) -> Chunk:
        """Return what one event says; raise Misunderstood if it is no such event."""


class _Error(msgspec.Struct, frozen=True):
    type: str = ""


class _Failure(msgspec.Struct, frozen=True):
    error: _Error = _Error()


_KIND_OF_ERROR = re.compile(r"[A-Za-z_]{1,64}")


class _Logprob(msgspec.Struct, frozen=True):
    logprob: float | None = None


class _Timings(msgspec.Struct, frozen=True):
    cache_n: int = 0


class _LlamaEvent(msgspec.Struct, frozen=True):
    content: str | None = None
    stop: bool = False
    stop_type: str = ""
    tokens_evaluated: int = 0
    completion_probabilities: list[_Logprob] = []
    timings: _Timings = _Timings()
    error: _Error | None = None


_LLAMA_ENDS: Mapping[str, StopReason] = {
    "eos": StopReason.END,
    "limit": StopReason.TOKENS,
    "word": StopReason.STRING,
}


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """llama-server's own ``/completion``: token numbers in, a grammar for healing."""

    model: str = ""
    """Only a llama-server that serves several models looks at it."""
    path: str = "/completion"
    constrains: bool = True
    separates: bool = True

    def completion(self, prompt: Data, healed: str, max_tokens: int) -> dict[str, Any]:
        """See `Dialect.completion`."""
        body: dict[str, Any] = {
            "prompt": prompt,
            "n_predict": max_tokens,
            "stream": True,
            "cache_prompt": True,
            "timings_per_token": True,
            "n_probs": 1,
            # Whatever the server's own defaults are: always the likeliest token.
            "temperature": 0.0,
            "samplers": ["temperature"],
        }
        if healed:
            body["grammar"] = grammar_of(healed)
        return body | self._name()

    def tokenization(self, text: str, *, special: bool, starts: bool) -> dict[str, Any]:
        """See `Dialect.tokenization`."""
        body = {"content": text, "add_special": starts, "parse_special": special}
        return body | self._name()

    def _name(self) -> dict[str, Any]:
        return {"model": self.model} if self.model else {}

    def chunk(self, data: bytes) -> Chunk:
        """See `Dialect.chunk`."""
        event = decode(data, _LlamaEvent)
        if event.error is not None:
            return Chunk(error=_kind_of_error(event.error.type))
        if event.content is None:
            raise Misunderstood("an event without content")
        return Chunk(
            text=event.content,
            logprobs=_known(event.completion_probabilities),
            end=_LLAMA_ENDS.get(event.stop_type, StopReason.END) if event.stop else None,
            prompt_tokens=event.tokens_evaluated,
            reused_tokens=event.timings.cache_n,
        )


class _Logprobs(msgspec.Struct, frozen=True):
    token_logprobs: list[float | None] = []
    """As OpenAI and vLLM have it."""
    content: list[_Logprob] = []
    """As llama-server has it."""


class _Choice(msgspec.Struct, frozen=True):
    text: str = ""
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _OpenAIEvent(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: _Error | None = None


@dataclass(frozen=True, slots=True)
class OpenAI:
    """``/v1/completions``, which many servers have."""

    model: str
    constrains: bool = False
    """Whether it has vLLM's ``structured_outputs`` (from its version 0.12 on)."""
    path: str = "/v1/completions"
    separates: bool = False

    def completion(self, prompt: Data, healed: str, max_tokens: int) -> dict[str, Any]:
        """See `Dialect.completion`."""
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": prompt,
            "max_tokens": max(1, max_tokens),
            "stream": True,
            "temperature": 0.0,
            "logprobs": 1,
        }
        if healed and self.constrains:
            body["structured_outputs"] = {"regex": regex_of(healed)}
        return body

    def tokenization(
        self,
        text: str,
        *,
        special: bool,  # noqa: ARG002  # Special tokens are always recognised there.
        starts: bool,
    ) -> dict[str, Any]:
        """See `Dialect.tokenization`."""
        return {"model": self.model, "prompt": text, "add_special_tokens": starts}

    def chunk(self, data: bytes) -> Chunk:
        """See `Dialect.chunk`."""
        event = decode(data, _OpenAIEvent)
        if event.error is not None:
            return Chunk(error=_kind_of_error(event.error.type))
        if event.choices is None:
            raise Misunderstood("an event without choices")
        prompt_tokens = event.usage.prompt_tokens if event.usage else 0
        if not event.choices:
            return Chunk(prompt_tokens=prompt_tokens)
        choice = event.choices[0]
        found = choice.logprobs or _Logprobs()
        plain = tuple(number for number in found.token_logprobs if number is not None)
        end = StopReason.TOKENS if choice.finish_reason == "length" else StopReason.END
        return Chunk(
            text=choice.text,
            logprobs=plain or _known(found.content),
            end=end if choice.finish_reason else None,
            prompt_tokens=prompt_tokens,
        )


def grammar_of(healed: str) -> str:
    """Return the GBNF grammar of all texts that begin with `healed`.

    llama-server has no other way to force a beginning whose tokens the model may choose.
    """
    escaped = "".join(
        f"\\x{ord(character):02X}" if ord(character) < 32 or character in '"\\' else character
        for character in healed
    )
    return f'root ::= "{escaped}" [^\\x00]*\n'


def regex_of(healed: str) -> str:
    """Return the regular expression of all texts that begin with `healed`."""
    return re.sub(r"[\\.^$*+?()\[\]{}|]", r"\\\g<0>", healed).replace("\t", r"\t") + r"(.|\n)*"


def spelling_in(text: str, known: Collection[str]) -> re.Match[str] | None:
    """Return the first place where `text` spells what may be a special token.

    `known` are spellings that are special for certain; others are recognised by their form.
    """
    names = [re.escape(name) for name in sorted(known, key=len, reverse=True) if name]
    return re.search("|".join([*names, _LOOKS_SPECIAL.pattern]), text)


def cut_spellings(text: str, known: Collection[str]) -> list[str]:
    """Return `text` in pieces, none of which spells a special token.

    When each piece is split into tokens by itself, the text of a user stays text even where the
    server would recognise special tokens in it.
    """
    pieces: list[str] = []
    while (match := spelling_in(text, known)) is not None:
        cut = match.start() + 1
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text] if text else pieces


class Tokens(msgspec.Struct, frozen=True):
    """The answer to a request for tokens."""

    tokens: list[int]


class _ModelEntry(msgspec.Struct, frozen=True):
    id: str
    owned_by: str = ""


class Models(msgspec.Struct, frozen=True):
    """The answer to a request for ``/v1/models``, the first thing that a server is asked."""

    data: list[_ModelEntry] = []

    @property
    def names(self) -> list[str]:
        """Names of all models."""
        return [entry.id for entry in self.data]

    def is_of(self, owner: str) -> bool:
        """Whether the server says that it is `owner`'s: ``llamacpp`` or ``vllm``."""
        return any(entry.owned_by == owner for entry in self.data)


def decode(data: bytes, kind: type[_Kind]) -> _Kind:
    """Return `data`, which is JSON, as `kind`; raise Misunderstood if it is not that."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        # The text of the error may quote the answer, and so the user's code.
        raise Misunderstood("other JSON, or none") from error


def error_in(body: bytes) -> str:
    """Return which kind of error the body of an answer names; empty if it names none.

    Not its message: servers quote what they were sent, and that is the user's code.
    """
    try:
        found = msgspec.json.decode(body, type=_Failure)
    except msgspec.DecodeError:
        return ""
    return found.error.type if _KIND_OF_ERROR.fullmatch(found.error.type) else ""


def _kind_of_error(kind: str) -> str:
    return kind if _KIND_OF_ERROR.fullmatch(kind) else "it gave no reason"


def _known(entries: list[_Logprob]) -> tuple[float, ...]:
    return tuple(entry.logprob for entry in entries if entry.logprob is not None)
