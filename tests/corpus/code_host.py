"""A stand-in for a code host's search: pages of repositories, limits and faults as told.

Listens on 127.0.0.1 only, in a thread of the test, and ends with it.
"""

import json
import threading
import urllib.parse
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class CodeHost:
    """What the host knows, what it will do wrong, and what it was asked."""

    repositories: Sequence[Mapping[str, Any]] = ()
    faults: deque[tuple[int, dict[str, str], bytes]] = field(default_factory=deque)
    """Status, headers and body of the next answers, in the place of right ones."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of right answers, besides."""
    links: bool = False
    """Say where the next page is."""
    asked: list[dict[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    address: str = ""


class _Server(HTTPServer):
    host: CodeHost


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        host = self.server.host
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        host.asked.append(query)
        host.keys.append(self.headers.get("Authorization", ""))
        if host.faults:
            self._send(*host.faults.popleft())
            return
        page, size = int(query["page"]), int(query["per_page"])
        fitting = [row for row in host.repositories if row["language"] == query["q"]]
        part = fitting[(page - 1) * size : page * size]
        headers = dict(host.headers)
        if host.links and page * size < len(fitting):
            following = urllib.parse.urlencode({**query, "page": page + 1})
            headers["Link"] = f'<{host.address}?{following}>; rel="next", <x>; rel="last"'
        body = json.dumps({"total_count": len(fitting), "items": part}).encode()
        self._send(200, headers, body)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def code_host(repositories: Sequence[Mapping[str, Any]] = ()) -> Iterator[CodeHost]:
    """Run a code host."""
    host = CodeHost(repositories)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.host = host
        host.address = f"http://127.0.0.1:{server.server_port}/search/repositories"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join(timeout=60)


def listed(name: str, language: str = "rust", **more: object) -> dict[str, Any]:
    """Return a repository as the host describes it."""
    owner = name.partition("/")[0]
    return {
        "full_name": name,
        "clone_url": f"https://host.example/{name}.git",
        "owner": {"login": owner},
        "pushed_at": "2026-10-01T00:00:00Z",
        "size": 10,
        "fork": False,
        "archived": False,
        "license": {"spdx_id": "MIT"},
        "language": language,
    } | more
