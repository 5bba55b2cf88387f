"""The peer's rules: what is asked, what is kept, and what is shown of it."""

import asyncio
from typing import Any

import pytest

from benchmarks.peer import (
    MAX_CACHE_KEYS,
    T_FIRST_PREDICT_MS,
    T_MAX_PREDICT_MS,
    Buffer,
    Cache,
    LlamaVim,
    Local,
)


def place(middle: str, prefix: str = "one\ntwo\nthree\nfour\nfive\n", suffix: str = "\n") -> Local:
    return Local(prefix, middle, suffix, "", 0)


def test_an_answer_is_found_again_while_it_is_typed() -> None:
    cache = Cache()
    cache.insert(place("ret").key, "urn value")

    assert cache.hint(place("ret")) == "urn value"
    assert cache.hint(place("return v")) == "alue"
    assert cache.hint(place("retry")) is None
    assert cache.hint(place("return value")) is None


def test_another_suffix_is_another_place() -> None:
    cache = Cache()
    cache.insert(place("ret").key, "urn value")

    assert cache.hint(place("return", suffix=")\n")) is None


def test_the_longest_rest_wins_after_the_first_found() -> None:
    cache = Cache()
    cache.insert(place("a").key, "bcd")
    cache.insert(place("ab").key, "cdef")
    cache.insert(place("abc").key, "")

    # The one typed last is found first and counts as having no length, as in the plugin.
    assert cache.hint(place("abcd")) == "ef"


def test_answers_survive_three_lines_of_scrolling() -> None:
    keys = place("x").keys()

    assert len(keys) == 4
    assert keys[3] == place("x", prefix="four\nfive\n").key
    assert place("x", prefix="one\n").keys() == [place("x", prefix="one\n").key]


def test_the_least_recently_used_answer_is_forgotten() -> None:
    cache = Cache()
    for number in range(MAX_CACHE_KEYS):
        cache.insert(str(number), "answer")
    assert cache.get("0") == "answer"
    cache.insert("new", "answer")

    assert cache.get("0") == "answer"
    assert cache.get("1") is None


class Server:
    """Answers when told to."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answers: asyncio.Queue[str] = asyncio.Queue()

    async def ask(self, request: dict[str, Any]) -> str:
        self.requests.append(request)
        return await self.answers.get()


def typed(text: str) -> Buffer:
    return Buffer(("def area(a):", text, "", "end = 1"), 1, len(text))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_request_at_a_time_and_what_follows_a_shown_answer_is_asked_next() -> None:
    server, shown = Server(), list[str]()
    vim = LlamaVim(server.ask, shown.append)
    vim.moved(typed("    ret"))
    await settle()
    vim.moved(typed("    retu"))
    await settle()

    assert [request["prompt"] for request in server.requests] == ["    ret"]
    assert server.requests[0]["t_max_predict_ms"] == T_FIRST_PREDICT_MS
    assert server.requests[0]["n_indent"] == 4

    server.answers.put_nowait("urn a * a")
    await settle()
    assert shown == ["rn a * a"]

    await asyncio.sleep(0.15)
    assert server.requests[1]["prompt"] == "    return a * a"
    assert server.requests[1]["t_max_predict_ms"] == T_MAX_PREDICT_MS
    await vim.close()


async def test_nothing_is_asked_with_much_text_right_of_the_cursor() -> None:
    server = Server()
    vim = LlamaVim(server.ask)
    vim.moved(Buffer(("call(first, second)",), 0, 5))
    await settle()

    assert not server.requests
    await vim.close()


@pytest.mark.parametrize(
    ("answer", "seen"), [("end = 1", ""), ("\n\n", ""), ("    b = 2", "b = 2"), ("  ", "")]
)
async def test_what_is_there_already_is_not_shown(answer: str, seen: str) -> None:
    server, shown = Server(), list[str]()
    vim = LlamaVim(server.ask, shown.append)
    blank = "" if answer == "end = 1" else "    "
    vim.moved(Buffer(("def area(a):", blank, "", "end = 1"), 1, len(blank)))
    server.answers.put_nowait(answer)
    await settle()

    assert shown == [seen]
    await vim.close()
