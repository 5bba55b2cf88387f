"""A small language server whose answers are known, for the tests of the driver.

Started as a program: ``scripted_server.py MODE [LOG]``. It completes every document with the text
that stands in it behind ``answer:``, and writes one line per request into LOG. Its third request
kills it in the mode ``crash``, and while a file ``crash`` lies beside LOG.
"""

import os
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

MODE = sys.argv[1]
LOG = Path(sys.argv[2]) if len(sys.argv) > 2 else None

server = LanguageServer("scripted", "0")
reasons: dict[str, str] = {}


@server.feature(lsp.INITIALIZED)
async def initialized(params: lsp.InitializedParams) -> None:
    server.protocol.notify("fimbul/status", {"state": "loading", "message": "", "model": ""})
    if MODE == "no-model":
        status = {"state": "no-model", "message": "Run `fimbul models pull`.", "model": ""}
        server.protocol.notify("fimbul/status", status)
        return
    asked = lsp.ConfigurationParams([lsp.ConfigurationItem(section="fimbul.prompt")])
    answer = await server.workspace_configuration_async(asked)
    sys.stderr.write(f"prompt options: {answer}\n" * 20_000)
    order = answer[0]["order"] if answer[0] else "none"
    server.protocol.notify(
        "fimbul/status", {"state": "ready", "message": "", "model": f"scripted-{order}"}
    )


@server.feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION)
def complete(params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
    uri = params.text_document.uri
    if LOG is not None:
        with LOG.open("a") as file:
            file.write(f"{uri} {params.position.line}:{params.position.character}\n")
    crashes = MODE == "crash" or (LOG is not None and LOG.with_name("crash").exists())
    if crashes and "/3/" in uri:
        sys.stderr.write("the scripted server gives up\n")
        sys.stderr.flush()
        os._exit(3)
    source = server.workspace.get_text_document(uri).source
    _, found, rest = source.partition("answer:")
    reasons[uri] = "" if found else "empty"
    if not found:
        return lsp.InlineCompletionList(items=[])
    here = lsp.Range(params.position, params.position)
    item = lsp.InlineCompletionItem(insert_text=rest.split("\n")[0], range=here)
    return lsp.InlineCompletionList(items=[item])


@server.feature("fimbul/lastOutcome")
def last_outcome(params: Any) -> dict[str, Any] | None:
    if params.uri not in reasons:
        return None
    return {
        "reason": reasons[params.uri],
        "timings": {"total": 1.5},
        "promptTokens": 21,
        "reusedTokens": 8,
    }


if MODE == "exits":
    sys.exit("no such option")
server.start_io()
