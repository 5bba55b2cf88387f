"""The connection to one server: requests, streams, time-outs, repetitions, and errors in words.

The home of the HTTP client. It is imported by the remote engine only, and that where the user or
the machine's policy has named a server. Knows nothing about prompts.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import httpx2

from lsp_server.errors import EngineError, EngineRefused, EngineUnreachable
from lsp_server.inference.address import RemoteOptions
from lsp_server.inference.dialects import Chunk, Dialect, Misunderstood, decode, error_in

PAUSES = (0.1, 0.4)
"""Seconds before the first and the second repetition of a request."""

_CONNECT = 3.0
"""Longest time to reach the server, in seconds."""

_LONGEST_EVENT = 1024 * 1024
"""In bytes; an event holds one token."""

_PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request may do."""

_ABOUT_THE_REQUEST = frozenset({400, 413, 422})
"""Statuses of a server that is well, but does not take this request."""

_Result = TypeVar("_Result")


class Passing(EngineUnreachable):
    """What may be over at the next attempt."""


class Connection:
    """Connections to one server."""

    def __init__(self, options: RemoteOptions, pauses: Sequence[float] = PAUSES) -> None:
        """Connect to nothing yet, but read the system's certificates, which takes a moment.

        `pauses` are the seconds before each repetition.
        """
        self._options = options
        self._who = f"The server {options.url}"
        self._pauses = tuple(pauses)
        # What is compressed waits until there is enough of it.
        headers = {"User-Agent": "fimbul", "Accept-Encoding": "identity"}
        if options.key:
            headers["Authorization"] = f"Bearer {options.key}"
        self._http = httpx2.AsyncClient(
            headers=headers,
            # Certificates are verified against the system's own store. Redirects are not
            # followed: code goes where the user said, or nowhere.
            follow_redirects=False,
            trust_env=options.use_proxy,
            timeout=httpx2.Timeout(None, connect=min(_CONNECT, options.timeout)),
            limits=httpx2.Limits(max_connections=8, keepalive_expiry=120.0),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def within(self, work: Awaitable[_Result]) -> _Result:
        """Do `work` in the time that the option allows, and say which server it was."""
        try:
            async with asyncio.timeout(self._options.timeout):
                return await work
        except TimeoutError as error:
            raise EngineUnreachable(
                f"{self._who} did not answer within {self._options.timeout:g} s "
                "(engine.remote_timeout)."
            ) from error

    async def repeat(
        self,
        work: Callable[[], Awaitable[_Result]],
        may_repeat: Callable[[], bool] = lambda: True,
    ) -> _Result:
        """Do work, again after a pause where its failure may be passing and it may be repeated.

        What is cancelled is not repeated.
        """
        for pause in self._pauses:
            try:
                return await work()
            except Passing:
                if not may_repeat():
                    raise
            await asyncio.sleep(pause)
        return await work()

    async def json(
        self,
        method: str,
        path: str,
        kind: type[_Result],
        body: Mapping[str, Any] | None = None,
    ) -> _Result:
        """Return the answer to a request.

        Raises EngineRefused if the server does not take it, else EngineUnreachable.
        """
        try:
            response = await self._http.request(method, f"{self._options.url}{path}", json=body)
        except httpx2.HTTPError as error:
            raise self._lost(error) from error
        if response.status_code != 200:
            raise self._failure(response, path)
        try:
            return decode(response.content, kind)
        except Misunderstood as error:
            raise self._strange(path) from error

    async def chunks(self, dialect: Dialect, body: Mapping[str, Any]) -> AsyncGenerator[Chunk]:
        """Yield what the server says until it ends; whoever leaves early closes the stream."""
        path = dialect.path
        try:
            async with self._http.stream(
                "POST", f"{self._options.url}{path}", json=body
            ) as response:
                if response.status_code != 200:
                    await response.aread()
                    raise self._failure(response, path)
                async with contextlib.aclosing(self._events(response)) as events:
                    async for data in events:
                        chunk = dialect.chunk(data)
                        if chunk.error:
                            raise EngineRefused(
                                f"{self._who} broke its answer off ({chunk.error})."
                            )
                        yield chunk
                        if chunk.end is not None:
                            return
        except Misunderstood as error:
            raise self._strange(path) from error
        except httpx2.HTTPError as error:
            raise self._lost(error) from error
        raise Passing(f"{self._who} ended its answer too early.")

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[bytes]:
        """Yield the data of server-sent events; nothing but a line feed ends a line there."""
        left = b""
        async for some in response.aiter_bytes():
            *lines, left = (left + some).split(b"\n")
            if len(left) > _LONGEST_EVENT:
                raise EngineUnreachable(f"{self._who} answered without an end.")
            for line in lines:
                name, _, data = line.strip().partition(b":")
                if data.strip() == b"[DONE]":
                    return
                if name in (b"data", b"error"):
                    yield data

    def _lost(self, error: httpx2.HTTPError) -> Passing:
        # The text of such an error names addresses and system calls, nothing that was sent.
        reason = str(error).strip() or type(error).__name__
        return Passing(f"{self._who} cannot be reached ({reason}).")

    def _strange(self, path: str) -> EngineUnreachable:
        return EngineUnreachable(
            f"{self._who} does not answer at {path} as such a server does; see "
            "engine.remote_url and engine.remote_kind."
        )

    def _failure(self, response: httpx2.Response, path: str) -> EngineError:
        status = response.status_code
        kind = error_in(response.content)
        said = f"HTTP {status}{', ' if kind else ''}{kind}"
        if status in _PASSING:
            return Passing(f"{self._who} is not able to answer ({said}).")
        if status in _ABOUT_THE_REQUEST:
            return EngineRefused(f"{self._who} does not take this request ({said}).")
        if status in (401, 403):
            advice = "name the file of its key in engine.remote_key_file"
            return EngineUnreachable(f"{self._who} asks for a key ({said}): {advice}.")
        if 300 <= status < 400:
            return EngineUnreachable(
                f"{self._who} sends on to another address ({said}), where nothing is "
                "sent; name that address in engine.remote_url."
            )
        return EngineUnreachable(
            f"{self._who} has nothing at {path} ({said}); see engine.remote_url and "
            "engine.remote_kind."
        )
