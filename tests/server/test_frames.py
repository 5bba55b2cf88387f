"""Messages are found on the wire whatever stands between them."""

import io

import pytest

from lsp_server.server.frames import Frames, TooLarge


def frame(body: bytes, head: bytes = b"Content-Length: %d\r\n\r\n") -> bytes:
    return head % len(body) + body


def all_of(data: bytes, largest: int = 1000) -> list[bytes]:
    frames, found = Frames(io.BytesIO(data), largest), []
    while (body := frames.read()) is not None:
        found.append(body)
    return found


def test_messages_one_after_the_other() -> None:
    assert all_of(frame(b"one") + frame(b"\r\n\r\n") + frame(b"three")) == [
        b"one",
        b"\r\n\r\n",
        b"three",
    ]


@pytest.mark.parametrize(
    "head",
    [
        b"content-length:%d\r\n\r\n",
        b"Content-Length: %d \n\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
        b"Content-Length: %d\r\nContent-Type: x\r\n\r\n",
        b"Content-Length: 999999\r\nContent-Length: %d\r\n\r\n",
    ],
)
def test_heads_as_clients_write_them(head: bytes) -> None:
    assert all_of(frame(b"{}", head)) == [b"{}"]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\r\n",
        b"nothing of the kind\r\n\r\n",
        b"Content-Length: nine\r\n\r\n",
        b"Content-Length: -9\r\n\r\n",
        b"Content-Length:\r\n",
        b'"left over": "of a body whose length was too short"}',
        b"\0" * 200_000,
    ],
)
def test_what_follows_rubbish_is_found(rubbish: bytes) -> None:
    assert all_of(rubbish + frame(b"{}") + frame(b"[]")) == [b"{}", b"[]"]


def test_a_length_that_is_too_short_costs_one_message() -> None:
    lying = b"Content-Length: 3\r\n\r\n" + b'{"a": 1}'
    assert all_of(lying + frame(b"{}")) == [b'{"a', b"{}"]


@pytest.mark.parametrize("end", range(len(frame(b"half a message"))))
def test_half_a_message_is_the_end(end: int) -> None:
    assert all_of(frame(b"{}") + frame(b"half a message")[:end]) == [b"{}"]


def test_a_message_that_is_too_long_is_read_past() -> None:
    frames = Frames(io.BytesIO(frame(b"x" * 1001) + frame(b"{}")), 1000)
    with pytest.raises(TooLarge, match="1,001 bytes"):
        frames.read()
    assert frames.read() == b"{}"
    assert frames.read() is None


def test_an_absurd_length_takes_no_memory() -> None:
    frames = Frames(io.BytesIO(b"Content-Length: 999999999999999999\r\n\r\nx"))
    assert frames.read() is None
