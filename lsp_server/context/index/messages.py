"""The messages between the server and the process that keeps indexes fresh, as lines of JSON.

Folders and files are named by absolute paths. A path that is not valid Unicode cannot be sent;
nothing of that name is ever indexed. Knows nothing about indexes.
"""

from collections.abc import Sequence

import msgspec


class Order(msgspec.Struct, frozen=True, tag=True):
    """What the server tells the process."""


class Watch(Order, frozen=True):
    """Index these workspace folders too, and keep them fresh."""

    roots: Sequence[str]


class Changed(Order, frozen=True):
    """These files or folders were saved, made, renamed or deleted."""

    paths: Sequence[str]


class Forget(Order, frozen=True):
    """Leave this workspace folder alone from now on; its index stays on disk."""

    root: str


class Rescan(Order, frozen=True):
    """Look through all folders again."""


AnyOrder = Watch | Changed | Forget | Rescan


class IndexEvent(msgspec.Struct, frozen=True, tag=True):
    """What the process tells the server."""


class Progress(IndexEvent, frozen=True):
    """A folder is being looked through."""

    root: str
    done: int
    total: int
    """Files; 0 while they are being counted."""


class Ready(IndexEvent, frozen=True):
    """A folder was looked through; its index is complete."""

    root: str
    files: int
    left_out: dict[str, int]
    """How many files and folders are not in it, by the values of `LeftOut`."""
    generation: int


class Updated(IndexEvent, frozen=True):
    """What was said to have changed is in the index now."""

    paths: Sequence[str]


class Failed(IndexEvent, frozen=True):
    """A folder, or if `root` is empty every one, cannot be indexed for now."""

    root: str
    message: str


AnyEvent = Progress | Ready | Updated | Failed

_ENCODER = msgspec.json.Encoder()
_ORDERS = msgspec.json.Decoder(AnyOrder)
_EVENTS = msgspec.json.Decoder(AnyEvent)


def encode(message: Order | IndexEvent) -> bytes:
    """Return `message` as one line."""
    return _ENCODER.encode(message) + b"\n"


def decode_order(line: bytes) -> AnyOrder | None:
    """Return the order in a line; None if it is none."""
    try:
        order: AnyOrder = _ORDERS.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return order


def decode_event(line: bytes) -> AnyEvent | None:
    """Return the event in a line; None if it is none."""
    try:
        event: AnyEvent = _EVENTS.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return event
