"""A model hub on 127.0.0.1, and packages that carry a model: what a pull talks to in the tests.

The hub answers as the real one does where huggingface_hub looks: a HEAD with commit, digest and
size, a redirect to the place of large files, and ranges. It can be told to misbehave. Knows
nothing about fimbul.
"""

import contextlib
import hashlib
import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ERROR_CODES = {401: "RepoNotFound", 403: "GatedRepo", 404: "EntryNotFound", 500: "", 503: ""}
"""What the hub says besides the status."""


@dataclass(frozen=True)
class Request:
    """One request that came."""

    method: str
    path: str
    range: str | None
    token: str | None


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request for a file's bytes."""

    status: int | None = None
    """Answer with this status instead."""
    cut_after: int | None = None
    """Close the connection after so many bytes."""


@dataclass
class Hub:
    """What the hub holds, how it misbehaves and what it was asked."""

    files: dict[str, bytes]
    """Contents by ``owner/name/file``."""
    sent: dict[str, bytes] = field(default_factory=dict)
    """Contents that are sent in place of those announced."""
    refusal: int | None = None
    """Status of the answer to every question about a file."""
    is_hub: bool = True
    """Whether the answers carry a hub's headers."""
    faults: list[Fault] = field(default_factory=list)
    """What goes wrong with the next requests for bytes, in order."""
    requests: list[Request] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    """Set when bytes are asked for."""
    released: threading.Event = field(default_factory=threading.Event)
    """Bytes are sent once this is set; it is, unless a test clears it."""
    endpoint: str = ""
    """Address of the hub."""
    storage: str = ""
    """Address of the place of large files, which is another server, as with the real one."""

    def downloads(self) -> list[Request]:
        """Return the requests for bytes."""
        return [request for request in self.requests if request.path.startswith("/large/")]


@contextlib.contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve `hub` on two free ports, questions and large files, until the block ends."""

    class Handler(_Handler):
        holder = hub

    hub.released.set()
    with _serve(Handler) as hub.endpoint, _serve(Handler) as hub.storage:
        try:
            yield hub
        finally:
            hub.released.set()


@contextlib.contextmanager
def _serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    holder: Hub

    def do_HEAD(self) -> None:  # The name the base class calls.
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def _answer(self, *, with_body: bool) -> None:
        hub = self.holder
        headers = self.headers
        hub.requests.append(
            Request(self.command, self.path, headers["Range"], headers["Authorization"])
        )
        if self.path.startswith("/large/"):
            self._send_bytes(with_body=with_body)
            return
        name = re.sub(r"/resolve/[^/]+/", "/", self.path).lstrip("/")
        content = hub.files.get(name)
        if content is None or hub.refusal is not None:
            status = hub.refusal or 404
            self._plain(status, {"X-Error-Code": ERROR_CODES[status]} if hub.is_hub else {})
            return
        digest = hashlib.sha256(content).hexdigest()
        told = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-ETag": f'"{digest}"',
            "X-Linked-Size": str(len(content)),
        }
        location = {"Location": f"{hub.storage}/large/{name}"}
        self._plain(302, {**told, **location} if hub.is_hub else location)

    def _plain(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_bytes(self, *, with_body: bool) -> None:
        hub = self.holder
        name = self.path.removeprefix("/large/")
        content = hub.sent.get(name, hub.files[name])
        fault = hub.faults.pop(0) if hub.faults and with_body else Fault()
        if fault.status:
            self._plain(fault.status, {})
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        start = int(wanted[1]) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if not with_body:
            return
        hub.asked.set()
        hub.released.wait()
        end = len(content) if fault.cut_after is None else start + fault.cut_after
        self.wfile.write(content[start:end])


def make_wheel(folder: Path, package: str, version: str, member: str, content: bytes) -> Path:
    """Write a wheel whose package must never be imported and carries `content`."""
    module = package.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    texts = {
        f"{module}/__init__.py": 'raise SystemExit("imported")\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def split(content: bytes, parts: int) -> Sequence[bytes]:
    """Return `content` in so many pieces."""
    step = -(-len(content) // parts)
    return [content[start : start + step] for start in range(0, len(content), step)]
