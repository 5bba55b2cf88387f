"""The peer's server: llama-server with a model, and one request to it.

It listens on 127.0.0.1 only and is ended with the block that started it. Its settings are those of
llama.cpp's own preset for completion in editors (`--fim-qwen-1.5b-default`), for another model.
"""

import asyncio
import contextlib
import http
import http.client
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCH = 1024
"""``--batch-size`` of the preset: three quarters of it are the most tokens of the prefix."""

HOST = "127.0.0.1"
START_SECONDS = 60.0
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, and what it says that it cost."""

    text: str
    evaluated: int
    """Tokens of the prompt."""
    generated: int
    prompt_ms: float
    predicted_ms: float


@dataclass(frozen=True, slots=True)
class PeerServer:
    """A running llama-server."""

    port: int
    pid: int

    async def infill(self, request: dict[str, Any]) -> Answer:
        """Send a request to ``/infill``. Raises RuntimeError if it is refused or not answered."""
        found = await asyncio.to_thread(_post, self.port, "/infill", request)
        timings = found.get("timings") or {}
        return Answer(
            text=found.get("content", ""),
            evaluated=timings.get("prompt_n", 0),
            generated=timings.get("predicted_n", 0),
            prompt_ms=timings.get("prompt_ms", 0.0),
            predicted_ms=timings.get("predicted_ms", 0.0),
        )


@contextlib.asynccontextmanager
async def peer_server(
    program: Path, model: Path, threads: int, batch: int = BATCH
) -> AsyncIterator[PeerServer]:
    """Run the server until the block ends. Raises RuntimeError if it does not start."""
    port = _free_port()
    command = [str(program), "--model", str(model), "--host", HOST, "--port", str(port)]
    command += ["--threads", str(threads), "--batch-size", str(batch), "--ubatch-size", str(batch)]
    command += ["--ctx-size", "0", "--cache-reuse", "256"]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, stdin=quiet, stdout=quiet, stderr=quiet
    )
    try:
        await _wait(process, port)
        yield PeerServer(port, process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _wait(process: asyncio.subprocess.Process, port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.returncode is None:
        if await asyncio.to_thread(_is_ready, port):
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"llama-server did not start on port {port} (code {process.returncode}).")


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _post(port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    try:
        head = {"Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), head)
        response = connection.getresponse()
        text = response.read()
        found: dict[str, Any] = json.loads(text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RuntimeError(f"llama-server gave no answer to {path}: {error!r}.") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        said = text[:200].decode(errors="replace")
        raise RuntimeError(f"llama-server refused {path} with {response.status}: {said}.")
    return found


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])
