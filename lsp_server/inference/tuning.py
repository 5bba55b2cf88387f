"""What is asked of the process that makes and compares variants of a model, and its answers.

One request on one line of JSON, then any number of `Step` and one last answer, a line each. The
process is thrown away after it. Knows nothing about which variants are worth a try.
"""

import msgspec

SERVED_BATCH = 64
"""Tokens that the engine evaluates in one piece when it serves (`inference.kvcache.BATCH`)."""


class Request(msgspec.Struct, frozen=True, tag=True):
    """What is asked."""


class Requantise(Request, frozen=True):
    """Write a copy of a model with some tensors in other types; answered by `Done`."""

    source: str
    target: str
    types: dict[str, str]
    """The type of each tensor that may have one, by its name; keys of `tensors.TYPES`."""
    file_type: str
    """The type that the file says most of its tensors have."""
    threads: int


class Settings(msgspec.Struct, frozen=True):
    """How models are loaded."""

    threads: int
    extra_buffers: bool
    batch: int
    """Tokens evaluated in one piece."""


class Compare(Request, frozen=True):
    """Show two models the same texts and take their times by turns; answered by `Compared`."""

    original: str
    candidate: str
    texts: list[str]
    positions: int
    """How many positions are compared."""
    agreement: float
    """Share of equal choices below which the comparison ends as soon as it is certain."""
    rounds: int
    """How often times are taken."""
    settings: Settings


class TrySettings(Request, frozen=True):
    """Take the times of one model under several settings by turns; answered by `Tried`.

    The settings differ in threads and batch only.
    """

    model: str
    text: str
    rounds: int
    settings: list[Settings]


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What the process says."""


class Step(Answer, frozen=True):
    """It is under way."""

    done: int
    total: int


class Done(Answer, frozen=True):
    """It is done, and there is nothing more to say."""


class Failed(Answer, frozen=True):
    """It could not be done."""

    message: str


class Times(msgspec.Struct, frozen=True):
    """Medians of one model."""

    prefill: float
    """Milliseconds a token of a prompt."""
    decode: float
    """Milliseconds a generated token."""


class Compared(Answer, frozen=True):
    """How two models compare."""

    positions: int
    """Positions compared; fewer than asked for if it was certain before."""
    equal: int
    divergence: float
    """Mean KL divergence of the candidate from the original, in nats."""
    original: Times
    candidate: Times
    prefill_ratio: float
    """Median over rounds of the candidate's time by the original's."""
    decode_ratio: float


class Tried(Answer, frozen=True):
    """Times under each setting, in the order asked for."""

    times: list[Times]


AnyRequest = Requantise | Compare | TrySettings
AnyAnswer = Step | Done | Failed | Compared | Tried

_REQUESTS = msgspec.json.Decoder(AnyRequest)
_ANSWERS = msgspec.json.Decoder(AnyAnswer)


def to_line(message: Request | Answer) -> bytes:
    """Return `message` as one line."""
    return msgspec.json.encode(message) + b"\n"


def request_of(line: bytes) -> AnyRequest:
    """Return the request on a line; raises `msgspec.DecodeError`."""
    request: AnyRequest = _REQUESTS.decode(line)
    return request


def answer_of(line: bytes) -> AnyAnswer:
    """Return the answer on a line; raises `msgspec.DecodeError`."""
    answer: AnyAnswer = _ANSWERS.decode(line)
    return answer
