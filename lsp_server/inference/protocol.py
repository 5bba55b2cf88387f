"""The messages between server and worker, and their frames on a pipe.

A frame is four bytes of length, big-endian, and one MessagePack message. Every request has a
number that its answers repeat. Knows nothing about models.
"""

import struct
from typing import Any, BinaryIO

import msgspec

from lsp_server.text import without_surrogates
from lsp_server.types import BodyStop

LENGTH = struct.Struct(">I")

MAX_FRAME = 64 * 1024 * 1024
"""Longest frame in bytes; a longer one means the stream is out of step."""


class Request(msgspec.Struct, frozen=True, tag=True):
    """What the server asks of the worker."""

    id: int


class LoadOptions(msgspec.Struct, frozen=True):
    """How a model is loaded."""

    threads: int = 2
    context_length: int = 4096
    """Size of the KV cache in tokens."""
    extra_buffers: bool = True
    """Whether llama.cpp may repack weights for this processor (`use_extra_bufts`)."""
    vocabulary_only: bool = False
    draft_tokens: int = 7
    """Most tokens that are guessed ahead and checked in one evaluation; 0 means none."""
    gpu_layers: int = 0
    """Layers that a graphics processor computes, where the build of llama.cpp can use one."""
    adapter: str = ""
    """Path of a LoRA adapter in GGUF form; empty means none."""
    adapter_scale: float = 1.0
    """What the adapter's change is multiplied by; 1 is as it was trained."""
    state_bytes: int = 96_000_000
    """Memory of all saved states together; a token of the default model has 12 kB."""


class Load(Request, frozen=True):
    """Load a model; answered by `Loaded`."""

    path: str
    options: LoadOptions


class CountTokens(Request, frozen=True):
    """Count the tokens of texts, also while a generation runs; answered by `Counted`."""

    texts: list[str]


class WireSegment(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of a prompt: one special token, or text."""

    text: str
    special: bool = False


class WireAdapter(msgspec.Struct, frozen=True, array_like=True):
    """A LoRA adapter to put over the model; an empty path is none."""

    path: str
    scale: float = 1.0


class Prefill(Request, frozen=True):
    """Evaluate a prompt into the KV cache; answered by `Finished` without text.

    It gives way to a `Complete`, and is then answered as cancelled.
    """

    segments: list[WireSegment]
    adapter: WireAdapter | None = None
    """What to put over the model for it; None is what the model was loaded with."""


class Complete(Request, frozen=True):
    """Generate; answered by any number of `Piece` and one `Finished`."""

    segments: list[WireSegment]
    healed: str
    max_tokens: int
    max_lines: int
    line_has_text: bool
    """Whether the cursor's line has something left of the cursor, the healed text included."""
    stop_strings: list[str] = []
    short: list[WireSegment] = []
    """A smaller prompt for the same place; empty means there is none."""
    cold_tokens: int = 0
    """Tokens still to be evaluated above which `short` is answered; 0 means never."""
    milliseconds: float = 0.0
    """Longest time to generate, the prompt's evaluation not counted; 0 is any."""
    body: BodyStop | None = None
    """The body that is to be written; None is the rest of a line."""
    typed: str = ""
    """What stands left of the cursor in its line, the healed text included."""
    forbidden: list[str] = []
    """Lines, stripped, that `typed` and the answer's first line together may not be."""
    candidates: int = 1
    """How many different answers are wanted."""
    following: str = ""
    """The line below the answer, which it is held against where it is unsure; empty is none."""
    comment: str = ""
    """Mark that begins a comment, which is never given in place of code."""
    names: list[str] = []
    """Names of which one is likely to stand at the cursor, what is typed of it included."""
    names_only: bool = False
    """Whether it has to be one of those, instead of one being favoured."""
    adapter: WireAdapter | None = None
    """What to put over the model for it; None is what the model was loaded with."""


class Learn(Request, frozen=True):
    """Take in texts from which answers are guessed ahead; answered by `Learned`.

    It is done when nothing else is to do.
    """

    texts: list[str]


class Cancel(Request, frozen=True):
    """Stop the request of the number `id`; that request is answered all the same."""


class Ping(Request, frozen=True):
    """Ask for a sign of life, also while a generation runs; answered by `Pong`."""


class Statistics(Request, frozen=True):
    """Ask for counters; answered by `Counters`."""


AnyRequest = Load | CountTokens | Prefill | Complete | Learn | Cancel | Ping | Statistics


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What the worker says."""

    id: int


class Loaded(Answer, frozen=True):
    """The model is ready."""

    architecture: str
    name: str
    parameters: int
    context_length: int
    fim_tokens: dict[str, str]
    special_tokens: list[str]
    system: str
    """CPU features in use, as llama.cpp prints them."""
    milliseconds: float


class Counted(Answer, frozen=True):
    """Token counts, in the order of the texts."""

    counts: list[int]


class Piece(Answer, frozen=True):
    """Text that was just generated."""

    text: str
    logprob: float | None = None
    """Natural log probability of its tokens, given what was typed; None if it is not known."""


class Alternative(msgspec.Struct, frozen=True, array_like=True):
    """Another answer to the same prompt."""

    text: str
    stop: str
    """A value of `lsp_server.types.StopReason`."""
    logprobs: list[float]
    ends: list[int] = []
    end_logprob: float | None = None


class Finished(Answer, frozen=True):
    """The end of a generation or prefill."""

    text: str
    stop: str
    """A value of `lsp_server.types.StopReason`."""
    logprobs: list[float]
    prompt_tokens: int
    reused_tokens: int
    prefill_ms: float
    decode_ms: float
    is_short: bool = False
    """Whether the smaller prompt was answered; the token counts are then that prompt's."""
    alternatives: list[Alternative] = []
    """Other answers, likeliest first."""
    ends: list[int] = []
    """Code points of `text` up to the end of each token; empty if it is not known."""
    end_logprob: float | None = None
    """Log probability of the control token that ended it; None if none did."""
    typed_logprob: float = 0.0
    """Log probability that the tokens of the healed text fit it."""


class Learned(Answer, frozen=True):
    """The texts were taken in."""


class Pong(Answer, frozen=True):
    """The process listens."""

    beats: int
    """Grows while something is computed."""
    is_computing: bool
    """Whether something runs whose beats can be told; loading a model has none."""


class Failed(Answer, frozen=True):
    """The request could not be done; the worker goes on."""

    message: str
    is_adapters: bool = False
    """Whether the adapter that it names is why; without that it could be done."""


class Counters(Answer, frozen=True):
    """What this worker has done so far."""

    requests: int
    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    prefill_ms: float
    decode_ms: float
    cached_tokens: int
    """Tokens in the KV cache now."""
    drafted: int = 0
    """Tokens that were guessed ahead and evaluated."""
    accepted: int = 0
    """Those of them that were right."""
    restored: int = 0
    """How often saved work was gone back to."""
    swaps: int = 0
    """How often another adapter was put over the model."""
    swap_ms: float = 0.0
    """Time that took, reading adapters' files included."""


AnyAnswer = Loaded | Counted | Piece | Finished | Learned | Pong | Failed | Counters


_ENCODER = msgspec.msgpack.Encoder()
_REQUESTS = msgspec.msgpack.Decoder(AnyRequest)
_ANSWERS = msgspec.msgpack.Decoder(AnyAnswer)


def encode(message: Request | Answer) -> bytes:
    """Return `message` as one frame.

    Halves of surrogate pairs, which a document may hold and UTF-8 cannot, become U+FFFD.
    """
    try:
        body = _ENCODER.encode(message)
    except UnicodeEncodeError:
        body = _ENCODER.encode(_encodable(msgspec.to_builtins(message)))
    return LENGTH.pack(len(body)) + body


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {name: _encodable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(inner) for inner in value]
    return value


def decode_answer(body: bytes) -> AnyAnswer:
    """Return the answer in the body of a frame."""
    answer: AnyAnswer = _ANSWERS.decode(body)
    return answer


def decode_request(body: bytes) -> AnyRequest:
    """Return the request in the body of a frame."""
    request: AnyRequest = _REQUESTS.decode(body)
    return request


def read_frame(stream: BinaryIO) -> bytes | None:
    """Read the body of one frame, blocking; None at the end of the stream."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(header)
    body = stream.read(length)
    return body if len(body) == length else None
