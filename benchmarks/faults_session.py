"""One editor that meets one fault: what its user saw, and when suggestions were back.

There is one document, of which both sides know what it should be. The scripted engine answers
`right()` only where the text left of the cursor is what the editor has made of it, so an edit
that was lost, doubled or misplaced is noticed.
"""

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.editor import COMMAND, Editor, editor
from lsp_server.catalogue.store import ModelStore
from lsp_server.config.options import DEFAULT_MODEL
from lsp_server.config.paths import Paths
from lsp_server.types import Position

PATIENCE = 120.0
"""Seconds after which what has not come counts as lost."""

BEFORE = "def total(first, second):\n    return first + second\n\n\nvalue = first + "
LAST = BEFORE.count("\n")
TYPED = "second + "
RIGHT, WRONG = "right()", "wrong()"
RULES: tuple[dict[str, Any], ...] = (
    {"after": f"return first + second\n\n\nvalue = first + {TYPED}", "answer": RIGHT},
    {"after": "value = first + ", "answer": "other()"},
    {"answer": WRONG},
)
REAL = Paths.of_user()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault."""

    saw: str
    """What the user saw."""
    seconds: float | None
    """From the fault, or its end, to the next suggestion; None if there was none."""
    right: bool | None
    """Whether documents were right afterwards; None if that cannot be seen."""
    note: str = ""


@dataclass
class Session:
    """An editor whose document is open, and what is known about it."""

    editor: Editor
    folder: Path
    uri: str
    column: int
    scripted: bool
    begun: float = field(default_factory=time.perf_counter)
    """When the fault struck, or was over."""
    typed: str = ""
    """What of `TYPED` stands there already."""

    def strikes(self) -> None:
        """Count seconds from now on."""
        self.begun = time.perf_counter()

    def since(self) -> float:
        """Return the seconds since then."""
        return time.perf_counter() - self.begun

    def type(self, count: int = len(TYPED)) -> None:
        """Type so many letters of what is still to be typed, one change a letter."""
        for letter in TYPED[len(self.typed) :][:count]:
            self.editor.insert(self.uri, Position(LAST, self.column), letter)
            self.column += 1
            self.typed += letter

    async def ask(self, uri: str | None = None, at: Position | None = None) -> str:
        """Return what is suggested at the end of the document."""
        return await self.editor.complete(uri or self.uri, at or Position(LAST, self.column))

    async def suggested(
        self, uri: str | None = None, at: Position | None = None, every: float = 0.5
    ) -> str:
        """Ask, again and again as somebody who types on, until something is suggested."""
        waiting: set[asyncio.Task[str]] = set()
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    asked = asyncio.create_task(self.ask(uri, at))
                    waiting.add(asked)
                    await asyncio.wait({asked}, timeout=every)
                    for task in [one for one in waiting if one.done()]:
                        waiting.discard(task)
                        if text := task.result():
                            return text
                    await asyncio.sleep(0.02)
        finally:
            for task in waiting:
                task.cancel()

    async def outcome(self, note: str = "", saw: str = "") -> Outcome:
        """Type the rest, and see when suggestions are back and whether they are right."""
        self.type()
        try:
            text = await self.suggested()
        except TimeoutError:
            return Outcome(saw or self.saw(), None, None, note)
        seconds = round(time.perf_counter() - self.begun, 2)
        # Under load a suggestion may come in parts.
        right = RIGHT.startswith(text) if self.scripted else None
        return Outcome(saw or self.saw(), seconds, right, note)

    def messages(self) -> list[str]:
        """Return what was shown to the user."""
        return [
            str(params["message"])
            for method, params in self.editor.said
            if method == "window/showMessage"
        ]

    def saw(self) -> str:
        """Return what the user saw, in one line."""
        return " / ".join(self.messages()) or "nothing"

    async def until(self, state: str) -> None:
        """Wait until the status says `state`."""
        await happened(lambda: self.status().get("state") == state, f"the state {state}")

    def status(self) -> dict[str, Any]:
        """Return the last status."""
        said = [params for method, params in self.editor.said if method == "fimbul/status"]
        return dict(said[-1]) if said else {}

    def children(self, module: str) -> list[psutil.Process]:
        """Return the processes of the server that run `module`."""
        found = []
        for process in psutil.Process(self.editor.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(module in part for part in process.cmdline()):
                    found.append(process)
        return found

    def worker(self) -> psutil.Process:
        """Return the engine's process."""
        (found,) = self.children("lsp_server.inference.worker")
        return found


async def happened(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so. Raises TimeoutError, which says what did not come."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {PATIENCE:.0f} s")
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Place:
    """Where one fault is tried: folders of its own, and an engine."""

    folder: Path
    scripted: bool = True

    @property
    def work(self) -> Path:
        """The workspace folder."""
        return self.folder / "work"

    @property
    def user(self) -> Paths:
        """The folders of the user who has the fault."""
        return Paths(
            config=self.folder / "config" / "fimbul",
            data=self.folder / "data" / "fimbul",
            cache=self.folder / "cache" / "fimbul",
            state=self.folder / "state" / "fimbul",
            policy_file=REAL.policy_file,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment that leads to these folders."""
        names = ("config", "data", "cache", "state")
        return {f"XDG_{name.upper()}_HOME": str(self.folder / name) for name in names}

    def install_model(self, *, copy: bool = False) -> Path:
        """Put the default model there, as a link or as a copy that may be damaged."""
        real = ModelStore(REAL).installed(DEFAULT_MODEL)
        if real is None:
            raise SystemExit("The default model is missing; run `fimbul setup`.")
        target = self.user.models / DEFAULT_MODEL / real.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if copy:
            shutil.copyfile(real, target)
        else:
            target.symlink_to(real)
            shutil.copyfile(REAL.registry_file, self.user.registry_file)
        if REAL.selftest_file.is_file():
            self.user.selftest_file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REAL.selftest_file, self.user.selftest_file)
        return target

    def command(self, rules: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Return the command of the server."""
        if not self.scripted:
            return COMMAND
        script = self.folder / "script.toml"
        lines = []
        for rule in rules:
            lines.append("[[rules]]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in rule.items()]
        script.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return (*COMMAND, "--engine", "scripted", "--script", str(script))

    @contextlib.asynccontextmanager
    async def session(
        self,
        *,
        rules: Sequence[Mapping[str, Any]] = (),
        environment: Mapping[str, str] | None = None,
        ready: bool = True,
    ) -> AsyncIterator[Session]:
        """Begin with a document open and, unless told not to, one suggestion made."""
        self.work.mkdir(parents=True, exist_ok=True)
        command = self.command([*rules, *RULES])
        variables = {**self.environment(), **(environment or {})}
        # What is remembered of suggestions is meant to be in the way of faults, too.
        async with editor(self.work, command, variables, {}) as one:
            uri = one.open(self.work / "a.py", BEFORE)
            session = Session(one, self.work, uri, len(BEFORE.rpartition("\n")[2]), self.scripted)
            if ready:
                await session.until("ready")
                await session.suggested()
            session.strikes()
            yield session


Fault = Callable[[Place], Awaitable[Outcome]]
"""Injects one fault into one session."""


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, and the folders that they lie in."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def is_root() -> bool:
    """Return whether this process may read everything."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
