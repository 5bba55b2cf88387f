"""The process that keeps the indexes of workspace folders fresh, for the server to start.

    python -P -m lsp_server.completion.indexing --cache DIR

Joins the index with the rule which files may be read, and with what is replaced in them.
"""

import argparse
import contextlib
import os
from pathlib import Path

from lsp_server.config.private import make_folder
from lsp_server.context.index.process import run_index_process
from lsp_server.context.index.settings import IndexSettings, from_argument
from lsp_server.context.index.store import index_folder
from lsp_server.guard.child import confine
from lsp_server.privacy.reading import may_read
from lsp_server.privacy.secrets import redact


def main() -> None:
    """Serve requests on standard input and output until the input ends."""
    parser = argparse.ArgumentParser(description="The index process of fimbul.")
    parser.add_argument("--cache", type=Path, required=True, help="folder of the indexes")
    parser.add_argument(
        "--settings", type=from_argument, default=IndexSettings(), help="limits, as JSON"
    )
    arguments = parser.parse_args()
    confine()
    # Whoever made it in an earlier version left it open; what cannot be made is told later.
    with contextlib.suppress(OSError):
        make_folder(index_folder(arguments.cache))
    # What a library prints must not come between the messages.
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    run_index_process(source, sink, arguments.cache, may_read, redact, arguments.settings)


if __name__ == "__main__":
    main()
