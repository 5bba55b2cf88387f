"""A registry of one npm package, on this machine only; ends when its input does.

Arguments: name, version, tarball. Prints its address.
"""

import base64
import hashlib
import http.server
import json
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote

NAME, VERSION, TARBALL = sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        address = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        if self.path == "/served.tgz":
            self.answer(TARBALL)
        elif unquote(self.path) == f"/{NAME}":
            digest = base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()
            files = {"tarball": f"{address}/served.tgz", "integrity": f"sha512-{digest}"}
            version = {"name": NAME, "version": VERSION, "dist": files}
            document = {"latest": VERSION}, {VERSION: version}
            names = {"name": NAME, "dist-tags": document[0], "versions": document[1]}
            self.answer(json.dumps(names).encode())
        else:
            self.send_error(404)

    def answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    sys.stdin.read()
    server.shutdown()
