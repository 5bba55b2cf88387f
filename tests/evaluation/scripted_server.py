"""A small language server whose answers are known, for the tests of the driver.

Started as a program: ``scripted_server.py MODE [LOG]``. It completes every document with the text
that stands in it behind ``answer:``, or behind ``answer-SOURCE:`` for the first source of context
that is switched on and there. It writes one line per request into LOG, and everything it is told
about documents into LOG.events. Its third request kills it in the mode ``crash``, and while a file
``crash`` lies beside LOG. It says twice that it still reads the workspace folders, in the mode
``no-index`` that it knows none, in the mode ``index-failed`` that it could not. In the mode
``replaces`` its suggestions take the place of the next character.
"""

import json
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
used: dict[str, list[str]] = {}
sources: list[str] = []
polls: list[str] = []


def note(event: str, **values: Any) -> None:
    if LOG is not None:
        with LOG.with_suffix(".events").open("a") as file:
            file.write(json.dumps({"event": event, **values}) + "\n")


@server.feature(lsp.INITIALIZE)
def initialize(params: lsp.InitializeParams) -> None:
    note("initialize", folders={f.name: f.uri for f in params.workspace_folders or ()})


@server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
def opened(params: lsp.DidOpenTextDocumentParams) -> None:
    note("open", uri=params.text_document.uri, text=params.text_document.text)


@server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
def changed(params: lsp.DidChangeTextDocumentParams) -> None:
    for change in params.content_changes:
        place = change.range  # type: ignore[union-attr]  # The driver never sends whole texts.
        note(
            "change",
            version=params.text_document.version,
            start=[place.start.line, place.start.character],
            end=[place.end.line, place.end.character],
            text=change.text,
        )


@server.feature(lsp.INITIALIZED)
async def initialized(params: lsp.InitializedParams) -> None:
    server.protocol.notify("fimbul/status", {"state": "loading", "message": "", "model": ""})
    if MODE == "no-model":
        status = {"state": "no-model", "message": "Run `fimbul models pull`.", "model": ""}
        server.protocol.notify("fimbul/status", status)
        return
    sections = [lsp.ConfigurationItem(section=f"fimbul.{name}") for name in ("prompt", "context")]
    answer = await server.workspace_configuration_async(lsp.ConfigurationParams(sections))
    sources.extend((answer[1] or {}).get("sources", ()))
    sys.stderr.write(f"prompt options: {answer}\n" * 20_000)
    order = (answer[0] or {}).get("order", "none")
    server.protocol.notify(
        "fimbul/status", {"state": "ready", "message": "", "model": f"scripted-{order}"}
    )


@server.feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION)
def complete(params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
    uri = params.text_document.uri
    if LOG is not None:
        with LOG.open("a") as file:
            file.write(f"{uri} {params.position.line}:{params.position.character}\n")
    place = [params.position.line, params.position.character]
    note("ask", place=place, kind=params.context.trigger_kind.name)
    crashes = MODE == "crash" or (LOG is not None and LOG.with_name("crash").exists())
    if crashes and "/3/" in uri:
        sys.stderr.write("the scripted server gives up\n")
        sys.stderr.flush()
        os._exit(3)
    source = server.workspace.get_text_document(uri).source
    used[uri] = [name for name in sources if f"answer-{name}:" in source][:1]
    _, found, rest = source.partition("-".join(("answer", *used[uri])) + ":")
    reasons[uri] = "" if found else "empty"
    if not found:
        return lsp.InlineCompletionList(items=[])
    here = lsp.Range(params.position, params.position)
    if MODE == "replaces":
        there = lsp.Position(params.position.line, params.position.character + 1)
        here = lsp.Range(params.position, there)
    item = lsp.InlineCompletionItem(insert_text=rest.split("\n")[0], range=here)
    return lsp.InlineCompletionList(items=[item])


@server.feature("fimbul/lastOutcome")
def last_outcome(params: Any) -> dict[str, Any] | None:
    if params.uri not in reasons:
        return None
    return {
        "reason": reasons[params.uri],
        "timings": {"prefill": 1.25, "decode": 0.5, "filters": 8.0, "total": 9.75},
        "promptTokens": 21,
        "reusedTokens": 8,
        "contextTokens": 5 * len(used[params.uri]),
        "sources": used[params.uri] * 2,
        "hint": bool(used[params.uri]),
    }


@server.feature("fimbul/statistics")
def statistics(params: Any) -> dict[str, Any]:
    if MODE == "no-index":
        return {"shown": 0}
    polls.append("")
    state = "failed" if MODE == "index-failed" else "ready" if len(polls) > 2 else "scanning"
    note("poll", state=state)
    return {"shown": 0, "index": {"state": state, "files": 7, "leftOut": {"size": 1}}}


if MODE == "exits":
    sys.exit("no such option")
server.start_io()
