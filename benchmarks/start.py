"""How long `fimbul serve` takes to answer and to have its model ready, beside another version.

The two take turns, so that what else the machine does meets both alike; each is a folder with its
own `lsp_server`, run by this Python. The page cache is warm. Prints a line a round, the medians of
the ratios, and one line of JSON.

    python -m benchmarks.start --against FOLDER [--rounds N]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

HERE = Path(__file__).parents[1]

_COMMAND = (sys.executable, "-P", "-m", "lsp_server.cli.main", "serve")
_OVER = ("ready", "failed", "no-model")


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description="Start of the server, beside another version.")
    parser.add_argument("--against", type=Path, required=True, help="folder of the other version")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rounds = []
    for _ in range(arguments.rounds):
        other, own = start(arguments.against), start(HERE)
        rounds.append((own[0] / other[0], own[1] / other[1]))
        print(
            f"answers after {other[0]:.2f} s there and {own[0]:.2f} s here, "
            f"model ready after {other[1]:.2f} and {own[1]:.2f} s",
            flush=True,
        )
    answers, ready = (statistics.median(ratios) for ratios in zip(*rounds, strict=True))
    print(f"here by there: {answers:.2f} until it answers, {ready:.2f} until the model is ready")
    print(json.dumps({"answers": answers, "ready": ready, "rounds": arguments.rounds}))


def start(folder: Path) -> tuple[float, float]:
    """Return the seconds until `initialize` is answered and until the model is ready."""
    begun = time.perf_counter()
    with subprocess.Popen(
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(folder.resolve())},
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        _send(server.stdin, id=1, method="initialize", params=_EDITOR)
        while _receive(server.stdout).get("id") != 1:
            pass
        answers = time.perf_counter() - begun
        _send(server.stdin, method="initialized", params={})
        while (state := _state(_receive(server.stdout))) not in _OVER:
            pass
        ready = time.perf_counter() - begun
        _send(server.stdin, id=2, method="shutdown")
        while _receive(server.stdout).get("id") != 2:
            pass
        _send(server.stdin, method="exit")
    if state != "ready":
        raise SystemExit(f"The server in {folder} has no model: {state}.")
    return answers, ready


_EDITOR: dict[str, Any] = {"capabilities": {}, "processId": None, "rootUri": None}


def _state(message: dict[str, Any]) -> str:
    return str(message["params"]["state"]) if message.get("method") == "fimbul/status" else ""


def _send(pipe: BinaryIO | Any, **message: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    pipe.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    pipe.flush()


def _receive(pipe: BinaryIO | Any) -> dict[str, Any]:
    length = 0
    while (line := pipe.readline()) != b"\r\n":
        if not line:
            raise SystemExit("The server ended.")
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    found: dict[str, Any] = json.loads(pipe.read(length))
    return found


if __name__ == "__main__":
    main()
