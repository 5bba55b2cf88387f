"""Random messages of an editor to a server: the same ones for the same seed.

Most keep to LSP, some do not; each says what answer LSP has for it. Texts hold every kind of line
ending, characters of one to four bytes and halves of surrogate pairs. Knows nothing about
processes; what is open is asked of the oracle.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.fuzz_material import (
    CELLS,
    CLOSED,
    FOLDER,
    LANGUAGES,
    LARGEST,
    LONGEST,
    NOTEBOOK,
    PIECES,
    URIS,
    Answer,
    Sent,
)
from benchmarks.fuzz_oracle import Held, Oracle, line_spans, width
from benchmarks.fuzz_settings import GOOD, SETTINGS


class Fuzz:
    """The messages of one session."""

    def __init__(self, seed: str, oracle: Oracle) -> None:
        """`oracle` has to take each message before the next is asked for."""
        self._chance = random.Random(seed)  # noqa: S311  # The same messages at every run.
        self._oracle = oracle
        self._numbers = itertools.count(1000)
        self._versions = itertools.count(1)
        self._asked: list[Any] = []
        self._is_notebook_open = False
        kinds: dict[Callable[[], Iterator[Sent]], float] = {
            self._open: 3,
            self._close: 1.5,
            self._change: 30,
            self._type: 3,
            self._strange_change: 3,
            self._unknown_document: 1,
            self._inline: 12,
            self._menu: 6,
            self._cancel: 5,
            self._unknown_method: 2,
            self._malformed_request: 3,
            self._malformed_notification: 3,
            self._no_message: 1,
            self._settings: 0.8,
            self._folders: 0.5,
            self._command: 4,
            self._strange_command: 1,
            self._save: 1.5,
            self._files: 1,
            self._cursor: 4,
            self._told: 4,
            self._question: 3,
            self._notebook: 2,
            self._stray_answer: 0.5,
            self._again: 0.2,
            self._small: 0.5,
        }
        self._kinds, self._weights = list(kinds), list(kinds.values())

    def __iter__(self) -> Iterator[Sent]:
        """Yield messages for ever."""
        while True:
            kind = self._chance.choices(self._kinds, self._weights)[0]
            yield from kind()

    # Places and texts

    def _text(self, most: int) -> str:
        count = self._chance.randint(0, most)
        return "".join(self._chance.choice(PIECES) for _ in range(count))

    def _uri(self) -> str:
        """Return an open document, spelled as it was or without its percent signs."""
        uri = self._chance.choice(list(self._oracle.documents) or [CLOSED])
        return uri.replace(" ", "%20") if self._chance.random() < 0.5 else uri

    def _place(self, held: Held) -> dict[str, int]:
        """Return a place that the document has, on the border of a character."""
        spans = line_spans(held.text)
        line = self._chance.randrange(len(spans))
        start, end = spans[line]
        at = self._chance.choice([start, end, self._chance.randint(start, end)])
        units = sum(width(one, self._oracle.encoding) for one in held.text[start:at])
        return {"line": line, "character": units}

    def _any_place(self, held: Held) -> dict[str, int]:
        """Return any place, mostly one that the document has."""
        place = self._place(held)
        match self._chance.randrange(8):
            case 0:
                place["character"] += self._chance.choice([1, 2, 3, 1000, LARGEST])
            case 1:
                place["line"] += self._chance.choice([1, 2, 1000, LARGEST])
            case 2:
                place["character"] = self._chance.randint(0, 40)
        return {name: min(value, LARGEST) for name, value in place.items()}

    def _edit(self, held: Held, most: int = 4) -> dict[str, Any]:
        if self._chance.random() < 0.04 or len(held.text) > LONGEST:
            return {"text": self._text(12)}
        start = self._any_place(held)
        end = start if self._chance.random() < 0.5 else self._any_place(held)
        if (end["line"], end["character"]) < (start["line"], start["character"]):
            start, end = end, start
        edit: dict[str, Any] = {"range": {"start": start, "end": end}, "text": self._text(most)}
        if self._chance.random() < 0.1:
            # Clients of old still send it, and it need not be true.
            edit["rangeLength"] = self._chance.randint(0, 9)
        return edit

    def _number(self) -> int | str:
        number = next(self._numbers)
        name = number if self._chance.random() < 0.8 else f"request {number}"
        self._asked.append(name)
        return name

    def _ask(self, kind: str, method: str, params: Any, answer: Answer, **more: Any) -> Sent:
        message = {"jsonrpc": "2.0", "id": self._number(), "method": method, "params": params}
        return Sent(kind, message, answer, **more)

    @staticmethod
    def _tell(kind: str, method: str, params: Any, **more: Any) -> Sent:
        return Sent(kind, {"jsonrpc": "2.0", "method": method, "params": params}, **more)

    # Documents

    def _item(self, uri: str) -> dict[str, Any]:
        language = LANGUAGES.get(uri.rpartition(".")[2], "python")
        if self._chance.random() < 0.05:
            language = self._chance.choice(["", "nonsense", "plaintext"])
        version = next(self._versions)
        return {"uri": uri, "languageId": language, "version": version, "text": self._text(12)}

    def _open(self) -> Iterator[Sent]:
        item = self._item(self._chance.choice(URIS))
        yield self._tell("open", "textDocument/didOpen", {"textDocument": item})

    def _close(self) -> Iterator[Sent]:
        document = {"uri": self._uri()}
        yield self._tell("close", "textDocument/didClose", {"textDocument": document})

    def _change(self) -> Iterator[Sent]:
        uri = self._uri()
        if (held := self._oracle.get(uri)) is None:
            return
        count = self._chance.choice([0, 1, 1, 1, 1, 1, 1, 2, 3, 8])
        # Places of the later ones are drawn from the text as it was, so some lie outside.
        changes = [self._edit(held) for _ in range(count)]
        kind = "change" if count == 1 else "several changes"
        yield self._changed(kind, uri, changes)

    def _changed(self, kind: str, uri: str, changes: list[dict[str, Any]]) -> Sent:
        document = {"uri": uri, "version": next(self._versions)}
        params = {"textDocument": document, "contentChanges": changes}
        return self._tell(kind, "textDocument/didChange", params)

    def _type(self) -> Iterator[Sent]:
        """A burst: keys at one place, each followed by a request."""
        uri = self._uri()
        if (held := self._oracle.get(uri)) is None:
            return
        place = self._place(held)
        for key in self._chance.choice(PIECES)[:20] or "abc":
            if not key.isprintable():
                continue
            edit = {"range": {"start": dict(place), "end": dict(place)}, "text": key}
            yield self._changed("typed key", uri, [edit])
            place["character"] += width(key, self._oracle.encoding)
            yield self._inline_at(uri, dict(place), "typed request")

    def _strange_change(self) -> Iterator[Sent]:
        """A change that LSP does not allow, which has to do nothing at all."""
        uri = self._uri()
        zero = {"line": 0, "character": 0}
        start, below = {"start": zero}, {"line": -1, "character": 0}
        left = {"line": 0, "character": -2}
        good = {"range": {"start": zero, "end": zero}, "text": "not to be seen"}
        wrong: list[Any] = [
            None,
            7,
            "text",
            [good, {"range": {"start": below, "end": zero}, "text": "x"}],
            [good, {"range": {"start": zero, "end": left}, "text": "x"}],
            [{"range": start, "text": "x"}, good],
            [good, {"range": {"start": zero, "end": zero}}],
            [{}],
            [None],
        ]
        document: Any = {"uri": uri, "version": next(self._versions)}
        changes = self._chance.choice(wrong)
        params: dict[str, Any] = {"textDocument": document, "contentChanges": changes}
        if self._chance.random() < 0.2:
            del params[self._chance.choice(list(params))]
        yield self._tell("strange change", "textDocument/didChange", params, is_valid=False)

    def _unknown_document(self) -> Iterator[Sent]:
        document = {"uri": CLOSED, "version": next(self._versions)}
        kind = "document that is not open"
        if self._chance.random() < 0.5:
            yield self._tell(kind, "textDocument/didClose", {"textDocument": document})
        else:
            changes = [{"text": self._text(2)}]
            yield self._changed(kind, CLOSED, changes)
        yield self._inline_at(CLOSED, {"line": 0, "character": 0}, kind)

    # Completions

    def _inline_at(self, uri: str, place: dict[str, int], kind: str) -> Sent:
        context: dict[str, Any] = {"triggerKind": self._chance.choice([1, 2, 2, 2])}
        if self._chance.random() < 0.1:
            around = {"start": place, "end": place}
            context["selectedCompletionInfo"] = {"range": around, "text": self._text(1)}
        params = {"textDocument": {"uri": uri}, "position": place, "context": context}
        return self._ask(kind, "textDocument/inlineCompletion", params, Answer.COMPLETIONS)

    def _inline(self) -> Iterator[Sent]:
        uri = self._uri()
        if (held := self._oracle.get(uri)) is not None:
            yield self._inline_at(uri, self._any_place(held), "inline completion")

    def _menu(self) -> Iterator[Sent]:
        uri = self._uri()
        if (held := self._oracle.get(uri)) is None:
            return
        params: dict[str, Any] = {"textDocument": {"uri": uri}, "position": self._any_place(held)}
        if self._chance.random() < 0.8:
            params["context"] = {"triggerKind": self._chance.choice([1, 1, 3])}
        yield self._ask("menu", "textDocument/completion", params, Answer.MENU)

    def _cancel(self) -> Iterator[Sent]:
        recent = self._asked[-8:] or [1]
        number = self._chance.choice([*recent, *recent, 7, "nonsense"])
        yield self._tell("cancel", "$/cancelRequest", {"id": number})

    # What is not in LSP, or not as LSP has it

    def _unknown_method(self) -> Iterator[Sent]:
        method = self._chance.choice(
            ["textDocument/nonsense", "fimbul/nonsense", "$/nonsense", "", "textDocument/hover"]
        )
        params = self._chance.choice([{}, [], {"deep": [{"deeper": [1, None, "x"]}]}, {"id": 1}])
        if self._chance.random() < 0.5:
            yield self._tell("unknown notification", method, params)
        else:
            yield self._ask("unknown request", method, params, Answer.UNKNOWN_METHOD)

    def _malformed_request(self) -> Iterator[Sent]:
        uri, zero = self._uri(), {"line": 0, "character": 0}
        name = {"textDocument": {"uri": uri}}
        context = {"context": {"triggerKind": 2}}
        choice: Any = [
            None,
            7,
            "text",
            [],
            {},
            {**name, **context},
            {"position": zero, **context},
            {**name, "position": {"line": -1, "character": 0}, **context},
            {**name, "position": {"line": "x", "character": 0}, **context},
            {**name, "position": 7, **context},
            {"textDocument": uri, "position": zero, **context},
            {"textDocument": None, "position": zero, **context},
        ]
        method = self._chance.choice(["textDocument/inlineCompletion", "textDocument/completion"])
        params = self._chance.choice(choice)
        sent = self._ask("malformed request", method, params, Answer.INVALID_PARAMS, is_valid=False)
        if self._chance.random() < 0.1:
            del sent.message["params"]
        yield sent

    def _malformed_notification(self) -> Iterator[Sent]:
        method = self._chance.choice(
            [
                "textDocument/didOpen",
                "textDocument/didClose",
                "textDocument/didSave",
                "workspace/didChangeWorkspaceFolders",
                "workspace/didChangeWatchedFiles",
                "notebookDocument/didOpen",
                "notebookDocument/didChange",
                "fimbul/cursor",
                "fimbul/shown",
                "fimbul/accepted",
                "fimbul/rejected",
                "$/cancelRequest",
                "$/setTrace",
            ]
        )
        params: Any = self._chance.choice(
            [
                None,
                7,
                "text",
                [],
                {"textDocument": 7},
                {"textDocument": {"uri": 7.5}},
                {"event": {"added": [{}]}},
                {"event": None},
                {"changes": [None]},
                {"id": {"id": 1}},
                {"id": []},
                {"textDocument": {"uri": self._uri()}, "position": {"line": [], "character": {}}},
                {"textDocument": {"uri": self._uri()}, "position": None},
            ]
        )
        if method == "textDocument/didClose" and isinstance(params, dict) and "position" in params:
            # What is too much is no fault: this one would close the document.
            params = None
        yield self._tell("malformed notification", method, params, is_valid=False)

    def _no_message(self) -> Iterator[Sent]:
        raw = self._chance.choice(
            [
                "{",
                "[]",
                "7",
                "null",
                '"text"',
                "{}",
                '{"jsonrpc": "2.0"}',
                '{"jsonrpc": "1.0", "method": "textDocument/didClose"}',
                '{"method": "textDocument/didClose"}',
                "[" * 500 + "]" * 500,
                "\ufeff{}",
                '{"jsonrpc": "2.0", "method": 7}',
                '{"jsonrpc": "2.0", "id": null, "method": null}',
            ]
        )
        yield Sent("no message", {}, is_valid=False, raw=raw)

    def _stray_answer(self) -> Iterator[Sent]:
        number = self._chance.choice([1, "nonsense", *self._asked[-2:]])
        answer: dict[str, Any] = self._chance.choice(
            [
                {"result": None},
                {"result": [1]},
                {"error": {"code": -1, "message": "no"}},
                {"error": 7},
            ]
        )
        yield Sent("stray answer", {"jsonrpc": "2.0", "id": number, **answer}, is_valid=False)

    def _again(self) -> Iterator[Sent]:
        """A second `initialize`, which LSP forbids, with another encoding."""
        others = [one for one in ("utf-8", "utf-16", "utf-32") if one != self._oracle.encoding]
        capabilities = {"general": {"positionEncodings": others}}
        params = {"processId": None, "rootUri": None, "capabilities": capabilities}
        yield self._ask("second initialize", "initialize", params, Answer.INVALID_REQUEST)

    # Everything else

    def _settings(self) -> Iterator[Sent]:
        # Mostly good ones, or there would be silence for most of the time.
        settings = GOOD if self._chance.random() < 0.6 else self._chance.choice(SETTINGS)
        params = {"settings": settings}
        yield self._tell("settings", "workspace/didChangeConfiguration", params)

    def _folders(self) -> Iterator[Sent]:
        names = (FOLDER, f"{FOLDER}/sub", f"{FOLDER}/missing", f"{FOLDER}/a%00b", "untitled:folder")
        uris = (*names, f"{FOLDER}/\ud800", "file://[/", "vscode-vfs://a/b", "nonsense", "")
        added, removed = (
            [{"uri": uri, "name": "a"} for uri in self._chance.sample(uris, count)]
            for count in (self._chance.randint(0, 3), self._chance.randint(0, 3))
        )
        event = {"event": {"added": added, "removed": removed}}
        yield self._tell("folders", "workspace/didChangeWorkspaceFolders", event)

    def _command(self) -> Iterator[Sent]:
        if self._chance.random() < 0.6:
            item = {"id": self._chance.randint(0, max(1, len(self._asked)))}
            params: dict[str, Any] = {"command": "fimbul.accepted", "arguments": [item]}
        else:
            what: list[Any] = [
                [],
                [self._uri()],
                [{"uri": self._uri(), "count": self._chance.randint(-5, 50), "message": False}],
            ]
            params = {"command": "fimbul.explain", "arguments": self._chance.choice(what)}
        yield self._ask("command", "workspace/executeCommand", params, Answer.RESULT)

    def _strange_command(self) -> Iterator[Sent]:
        strange: list[Any] = [
            None,
            7,
            [[]],
            {"id": "x"},
            {"id": 2**80},
            {"uri": 7, "count": "x"},
            {"jsonrpc": "2.0"},
        ]
        arguments = self._chance.choices(strange, k=self._chance.randint(0, 3))
        known = self._chance.choice(["fimbul.accepted", "fimbul.explain"])
        if self._chance.random() < 0.6:
            params: Any = {"command": known, "arguments": arguments}
            yield self._ask("strange command", "workspace/executeCommand", params, Answer.RESULT)
            return
        params = self._chance.choice([{"command": "nonsense"}, {}, None, {"command": ["x"]}])
        yield self._ask(
            "unknown command", "workspace/executeCommand", params, Answer.INVALID_PARAMS
        )

    def _save(self) -> Iterator[Sent]:
        params = {"textDocument": {"uri": self._uri()}}
        yield self._tell("save", "textDocument/didSave", params)

    def _files(self) -> Iterator[Sent]:
        changes = [
            {"uri": self._chance.choice(URIS), "type": self._chance.choice([1, 2, 3])}
            for _ in range(self._chance.randint(0, 5))
        ]
        yield self._tell("files", "workspace/didChangeWatchedFiles", {"changes": changes})

    def _cursor(self) -> Iterator[Sent]:
        uri = self._uri()
        held = self._oracle.get(uri) or Held("", 0)
        place = self._any_place(held)
        if self._chance.random() < 0.05:
            place["line"] = -1
        params = {"textDocument": {"uri": uri}, "position": place}
        yield self._tell("cursor", "fimbul/cursor", params)

    def _told(self) -> Iterator[Sent]:
        method = self._chance.choice(["fimbul/shown", "fimbul/accepted", "fimbul/rejected"])
        params: dict[str, Any] = {"id": self._chance.randint(-1, max(1, len(self._asked)))}
        if method == "fimbul/accepted":
            params["kind"] = self._chance.choice(["whole", "line", "word", "nonsense", 7])
            params["length"] = self._chance.choice([0, 1, 5, 10_000, -1, "x"])
            params["start"] = self._chance.choice([0, 3, 10_000, None])
        yield self._tell("told", method, params)

    def _question(self) -> Iterator[Sent]:
        method = self._chance.choice(["fimbul/lastOutcome", "fimbul/statistics", "fimbul/digest"])
        params: Any = self._chance.choice([{"uri": self._uri()}, {}, None, [1], {"uri": [7]}])
        yield self._ask("question", method, params, Answer.RESULT)

    def _notebook(self) -> Iterator[Sent]:
        if not self._is_notebook_open:
            self._is_notebook_open = True
            cells = [{"kind": 2, "document": uri} for uri in CELLS]
            book = {"uri": NOTEBOOK, "notebookType": "jupyter", "version": 1, "cells": cells}
            items = [self._item(uri) for uri in CELLS]
            params: dict[str, Any] = {"notebookDocument": book, "cellTextDocuments": items}
            yield self._tell("notebook", "notebookDocument/didOpen", params)
        elif self._chance.random() < 0.1:
            self._is_notebook_open = False
            items = [{"uri": uri} for uri in CELLS]
            params = {"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": items}
            yield self._tell("notebook", "notebookDocument/didClose", params)
        else:
            uri = self._chance.choice(CELLS)
            held = self._oracle.get(uri) or Held("", 0)
            document = {"uri": uri, "version": next(self._versions)}
            content = {"document": document, "changes": [self._edit(held)]}
            book = {"uri": NOTEBOOK, "version": next(self._versions)}
            change = {"cells": {"textContent": [content]}}
            params = {"notebookDocument": book, "change": change}
            yield self._tell("notebook", "notebookDocument/didChange", params)

    def _small(self) -> Iterator[Sent]:
        method, params = self._chance.choice(
            [
                ("$/setTrace", {"value": self._chance.choice(["off", "messages", "verbose"])}),
                ("window/workDoneProgress/cancel", {"token": self._chance.choice([7, "fimbul-1"])}),
                ("textDocument/willSave", {"textDocument": {"uri": self._uri()}, "reason": 1}),
            ]
        )
        yield self._tell("small things", method, params)
