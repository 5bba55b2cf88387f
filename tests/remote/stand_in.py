"""A server for tests that speaks llama-server's requests and OpenAI's, and fails as it is told.

Listens on 127.0.0.1 in the test's own event loop. A token is a word or a single other character;
special tokens are recognised as the real servers do it.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SPECIALS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>", "<|repo_name|>")
_TOKEN = re.compile(r"\w+|\W", re.DOTALL)
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


@dataclass
class StandIn:
    """One server. What it does is set before, and may be changed while it runs."""

    owner: str = "llamacpp"
    """``llamacpp``, ``vllm`` or another name."""
    answer: str = "value()\nmore"
    model: str = "team"
    constrains: bool = True
    """Whether it obeys a grammar or a regular expression."""
    tokenizes: bool = True
    separates: bool = True
    """Whether it knows ``parse_special``."""
    begins: tuple[str, ...] = ()
    """Token in front of every sequence."""
    key: str = ""
    token_seconds: float = 0.0
    down: bool = False
    """Every request is dropped without an answer."""
    faults: list[Any] = field(default_factory=list)
    """What happens to the next completions instead: a status, or the name of a fault."""
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    """Path, headers and body of every request."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closes a stream before its end."""
    words: list[str] = field(default_factory=lambda: list(SPECIALS))
    url: str = ""
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def completions(self) -> list[dict[str, Any]]:
        """Bodies of all requests for completions."""
        return [body for path, _, body in self.requests if path.endswith(("completion", "tions"))]

    def sent(self) -> str:
        """Everything that was ever sent, as one text."""
        return json.dumps([(path, body) for path, _, body in self.requests], ensure_ascii=False)

    def text(self, tokens: list[int]) -> list[str]:
        """Return the texts of tokens."""
        return [self.words[token] for token in tokens]

    # HTTP

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request on a connection and close it."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            _, path, _ = head[0].split(" ")
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head[1:])
            }
            raw = await reader.readexactly(int(headers.get("content-length", "0")))
            body = json.loads(raw) if raw else {}
            self.requests.append((path, headers, body))
            if not self.down:
                await self._answer(path, headers, body, reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(
        self,
        path: str,
        headers: Mapping[str, str],
        body: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            _send(writer, 401, {"error": {"type": "authentication_error", "message": "secret"}})
        elif path == "/v1/models":
            _send(writer, 200, {"data": [{"id": self.model, "owned_by": self.owner}]})
        elif path == "/tokenize" and self.tokenizes:
            _send(writer, 200, {"tokens": self._tokenized(body)})
        elif path in ("/completion", "/v1/completions"):
            fault = self.faults.pop(0) if self.faults else None
            await self._complete(path, body, fault, reader, writer)
        else:
            _send(writer, 404, {"error": {"type": "not_found_error"}})

    async def _complete(
        self,
        path: str,
        body: dict[str, Any],
        fault: Any,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if isinstance(fault, int):
            _send(writer, fault, {"error": {"type": "planned_error", "message": "your code: x"}})
            return
        if fault == "silence":
            await self._gone(reader, 30.0)
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        if fault == "nonsense":
            writer.write(b'data: {"hello": 1}\n\n')
            return
        tokens = self._tokens_of_answer(body)
        for index, token in enumerate(tokens):
            try:
                gone = await self._gone(reader, self.token_seconds)
                writer.write(self._event(path, token))
                await writer.drain()
            except ConnectionError:
                # Who closes with events unread resets the connection instead of ending it.
                gone = True
            if gone:
                self.left.set()
                return
            if fault == "drop" and index == 0:
                return
            if fault == "error":
                writer.write(b'data: {"error": {"type": "server_error"}}\n\n')
                return
        ending = "limit" if len(tokens) == self._limit(body) else "eos"
        writer.write(self._event(path, "", ending))

    async def _gone(self, reader: asyncio.StreamReader, seconds: float) -> bool:
        """Wait; return whether the client has closed its side meanwhile."""
        try:
            return await asyncio.wait_for(reader.read(1), max(seconds, 0.001)) == b""
        except TimeoutError:
            return False

    # Tokens

    def _tokenized(self, body: dict[str, Any]) -> list[int]:
        llama = "content" in body
        text = body["content"] if llama else body["prompt"]
        special = body["parse_special"] if llama and self.separates else True
        starts = body["add_special" if llama else "add_special_tokens"]
        return self.numbers(text, special=special, starts=starts)

    def numbers(self, text: str, *, special: bool, starts: bool = False) -> list[int]:
        pattern = "|".join(re.escape(name) for name in SPECIALS) if special else "(?!)"
        pieces = re.findall(f"{pattern}|{_TOKEN.pattern}", text, re.DOTALL)
        found = [*(self.begins if starts else ()), *pieces]
        for word in found:
            if word not in self.words:
                self.words.append(word)
        # What is not recognised as special must not get a special token's number.
        return [self.words.index(word) for word in found]

    def _limit(self, body: dict[str, Any]) -> int:
        return int(body.get("n_predict", body.get("max_tokens", 16)))

    def _tokens_of_answer(self, body: dict[str, Any]) -> list[str]:
        grammar = re.match(r'root ::= "(.*)" ', body.get("grammar", ""))
        regex = body.get("structured_outputs", {}).get("regex", "").removesuffix(r"(.|\n)*")
        begin = re.sub(r"\\(.)", r"\1", regex)
        if grammar:
            begin = re.sub(r"\\x(..)", lambda found: chr(int(found[1], 16)), grammar[1])
        text = (begin if self.constrains else "") + self.answer
        return _TOKEN.findall(text)[: self._limit(body)]

    def _event(self, path: str, text: str, end: str = "") -> bytes:
        if path == "/completion":
            event: dict[str, Any] = {
                "content": text,
                "stop": bool(end),
                "stop_type": end or "none",
                "tokens_evaluated": 7,
                "timings": {"cache_n": 5},
            }
            if text:
                event["completion_probabilities"] = [{"id": 1, "logprob": -0.1}]
        else:
            reason = {"limit": "length", "eos": "stop", "": None}[end]
            logprobs = {"token_logprobs": [-0.1]} if text else None
            event = {"choices": [{"text": text, "finish_reason": reason, "logprobs": logprobs}]}
        data = f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
        return (data + ("data: [DONE]\n\n" if end else "")).encode()


def _send(writer: asyncio.StreamWriter, status: int, body: Mapping[str, Any]) -> None:
    data = json.dumps(body).encode()
    more = "Location: http://127.0.0.1:9/elsewhere\r\n" if 300 <= status < 400 else ""
    head = f"HTTP/1.1 {status} {_REASONS.get(status, 'Planned')}\r\nContent-Length: {len(data)}\r\n"
    writer.write(f"{head}{more}Connection: close\r\n\r\n".encode() + data)


@contextlib.asynccontextmanager
async def running(server: StandIn) -> AsyncIterator[StandIn]:
    """Let `server` listen, and set its address."""
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listening.close()
        await asyncio.wait(server.tasks, timeout=5) if server.tasks else None
