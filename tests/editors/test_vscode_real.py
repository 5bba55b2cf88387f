"""The extension in a real VS Code; skipped, and counted, where that cannot be had."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from random import choice
from string import ascii_lowercase

import psutil
import pytest

from lsp_server.catalogue.table import Hub as HubSource
from lsp_server.catalogue.table import load_table
from lsp_server.completion.fate_log import sessions
from lsp_server.config.options import DEFAULT_MODEL
from lsp_server.config.paths import Paths
from tests.cli.hub import Hub, serve
from tests.editors.install_vscode import Installation, installed
from tests.editors.installing import Missing
from tests.editors.vscode import (
    ROOT,
    Browser,
    CodeServer,
    Window,
    browser,
    build_extension,
    code_server,
    until,
)
from tests.server.editor import write_script

LINE = "total(items, names)"
OTHERS = ("first(items)", "last(items, names)")
BODY = ("total = 0.0", "for item in items:", "    total += item.price * item.count", "return total")
BLOCK = "\n    ".join(BODY)
INSIDE = "item, name"
PRICE = "self.price * self.count"
SETTLED = 700
"""Milliseconds after which something would be there, as a rule, that must not be there."""
STATUS_ITEM = ".statusbar-item[id*='fimbul']"
EMPTY = "The model had nothing to add here."
STEP_SECONDS = 3.0
"""Time in which another candidate is drawn, as a rule."""

RULES = (
    {"after": "x = ", "answer": LINE, "others": OTHERS},
    {"after": "-> float:\n    ", "answer": BLOCK + "\n"},
    {"after": "        return ", "answer": PRICE},
    {"after": "call(", "answer": INSIDE},
    {"after": "slow = ", "answer": "never()", "token_ms": 600_000},
    {"after": "late = ", "answer": LINE, "token_ms": 100},
    {"answer": ""},
)

ITEM = """\
from dataclasses import dataclass


@dataclass
class Item:
    name: str
    price: float
    count: int
"""
METHOD = (
    ITEM
    + """
    def total(self) -> float:
        """
)
FUNCTION = (
    ITEM
    + """

def total(items: list[Item]) -> float:"""
)
FILES = {"a.py": "", "b.go": "", "method.py": METHOD, "function.py": FUNCTION}


def _what_is_there() -> tuple[Installation | None, str]:
    if shutil.which("npm") is None:
        return None, "npm is not installed, which builds the extension"
    try:
        return installed(), ""
    except Missing as reason:
        return None, str(reason)


INSTALLATION, REASON = _what_is_there()
pytestmark = pytest.mark.skipif(INSTALLATION is None, reason=f"no VS Code: {REASON}")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_extension(tmp_path_factory.mktemp("package"), str(shutil.which("npm")))


@contextlib.contextmanager
def session(folder: Path, package: Path, *arguments: str, hub: str = "") -> Iterator[CodeServer]:
    """Run VS Code for a user of its own, who has fimbul on the PATH.

    With arguments, the user's settings say how it is started; `hub` is where models come from.
    """
    assert INSTALLATION
    (folder / "workspace").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / "workspace" / name).write_text(text)
    program = folder / "bin" / "fimbul"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lsp_server.cli.main "$@"\n')
    program.chmod(0o755)
    # VS Code takes the PATH from the user's login shell, whatever it was started with.
    (folder / ".profile").write_text(f'export PATH="{program.parent}:$PATH"\n')
    # Otherwise what the status says would depend on how busy this machine is.
    settings: dict[str, object] = {"fimbul.engine.ahead": "off"}
    if arguments:
        settings["fimbul.server.command"] = [str(program), "serve", *arguments]
    environment = {
        **{f"XDG_{one}_HOME": str(folder / one) for one in ("CONFIG", "DATA", "CACHE", "STATE")},
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "SHELL": "/bin/sh",
        "PYTHONPATH": str(ROOT),
        "HF_ENDPOINT": hub or "http://127.0.0.1:9",
    }
    with code_server(INSTALLATION, folder, package, settings, environment) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[CodeServer]:
    folder = tmp_path_factory.mktemp("vscode")
    script = write_script(folder, *RULES)
    with session(folder, package, "--engine", "scripted", "--script", str(script)) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    assert INSTALLATION
    with browser(INSTALLATION) as running:
        yield running


@pytest.fixture(scope="module")
def trusted(server: CodeServer, chromium: Browser) -> Iterator[Window]:
    """A window on a trusted folder, with a file open and a server that is ready."""
    window = chromium.window(server, server.folder / "workspace")
    window.trust()
    window.open("a.py")
    # What was typed before VS Code knows of the server is not asked.
    window.says("ready")
    yield window
    window.close()


@pytest.fixture
def window(trusted: Window) -> Window:
    """That window, with the first file open, whatever the test before has left."""
    trusted.press("Escape", "Escape")
    trusted.open("a.py")
    return trusted


def fates(server: CodeServer) -> list[str]:
    """Why nothing was shown, of all requests that were remembered."""
    folder = server.folder / "STATE" / "fimbul" / "requests"
    return [fate.reason for session in sessions(folder) for fate in session.fates]


def place() -> str:
    """Return the beginning of a line that is completed by `LINE`.

    Each is another: what is deleted counts as turned down, and is not suggested again there.
    """
    return f"{''.join(choice(ascii_lowercase) for _ in range(8))}x = "


def silent(window: Window, why: str) -> None:
    """Type what would be completed until nothing is suggested any more, for one reason."""

    def is_so() -> bool:
        window.fresh(place())
        with contextlib.suppress(AssertionError):
            window.says(why, patience=3)
        return why in window.status and not window.ghost

    until(is_so, lambda: (window.ghost, window.status))
    window.page.wait_for_timeout(SETTLED)
    assert window.ghost == ""


def speaks(window: Window) -> str:
    """Type until something is suggested again; return what was typed."""
    typed = ""

    def is_so() -> bool:
        nonlocal typed
        typed = place()
        window.fresh(typed)
        with contextlib.suppress(AssertionError):
            window.sees(LINE, patience=3)
        return window.ghost == LINE

    until(is_so, lambda: (window.ghost, window.status))
    return typed


def test_the_rest_of_a_line(window: Window) -> None:
    window.open("method.py")
    window.press("Control+End")
    window.type("return ")
    window.sees(PRICE)
    window.screenshot("vscode-line")
    window.press("Tab")
    window.has(f"{METHOD}return {PRICE}")


def test_a_body(window: Window) -> None:
    window.open("function.py")
    window.press("Control+End", "Enter")
    window.sees(BLOCK)
    window.screenshot("vscode-block")
    window.press("Tab")
    window.has(f"{FUNCTION}\n    {BLOCK}")


def test_inside_brackets_that_vs_code_has_closed(window: Window) -> None:
    window.fresh("call(")
    window.sees(INSIDE)
    window.has("call()")
    window.press("Tab")
    window.has(f"call({INSIDE})")


def test_typing_through_and_accepting_by_the_word(window: Window) -> None:
    typed = speaks(window)
    window.type("to")
    window.sees("tal(items, names)")
    window.press("Control+ArrowRight")
    window.has(f"{typed}total")
    window.sees("(items, names)")
    window.press("Tab")
    window.has(typed + LINE)


def test_accepting_by_the_line(window: Window) -> None:
    window.fresh("def total(items) -> float:\n")
    window.sees(BLOCK)
    window.press("Control+Alt+ArrowRight")
    window.has(f"def total(items) -> float:\n    {BODY[0]}\n")
    until(lambda: BODY[1] in window.ghost, lambda: (window.text, window.ghost))
    window.press("Control+Alt+ArrowRight")
    window.has(f"def total(items) -> float:\n    {BODY[0]}\n    {BODY[1]}\n")


def turn_to(window: Window, key: str, ghost: str) -> None:
    """Press a key that goes to another candidate until that one is shown."""

    def is_there() -> bool:
        before = window.ghost
        window.press(key)
        # A step that is not drawn yet would be taken for none, and the next one go too far. What
        # there is to choose from comes a moment after the key, and until then none does anything.
        with contextlib.suppress(AssertionError):
            until(lambda: window.ghost != before, lambda: before, STEP_SECONDS)
        return window.ghost == ghost

    until(is_there, lambda: (window.ghost, window.text, window.status))


def test_the_next_and_the_previous_candidate(window: Window) -> None:
    typed = speaks(window)
    window.press("Alt+Backslash")
    turn_to(window, "Alt+BracketRight", OTHERS[0])
    turn_to(window, "Alt+BracketRight", OTHERS[1])
    turn_to(window, "Alt+BracketLeft", OTHERS[0])
    window.press("Tab")
    window.has(typed + OTHERS[0])


def test_what_follows_a_part(window: Window) -> None:
    window.fresh("late = ")
    window.sees(LINE)


def test_a_request_that_was_typed_over_is_ended(server: CodeServer, window: Window) -> None:
    def was_cancelled() -> bool:
        window.fresh("slow = ")
        # Long enough that VS Code has asked, as a rule; else it is tried again.
        window.page.wait_for_timeout(SETTLED)
        window.type(f"1; {place()}")
        window.sees(LINE)
        return bool({"cancelled", "superseded"} & set(fates(server)))

    until(was_cancelled, lambda: fates(server))


def test_the_status_says_why_nothing_was_suggested(window: Window) -> None:
    window.fresh("nothing")
    window.says(f"ms): {EMPTY}")
    window.page.hover(STATUS_ITEM)
    window.page.wait_for_selector(f".workbench-hover:has-text('{EMPTY}')")
    window.screenshot("vscode-status")
    window.page.click(STATUS_ITEM)
    window.offers("Why is nothing suggested?")
    window.screenshot("vscode-menu")
    window.chooses("Why is nothing suggested?")
    window.notice(f"fimbul: {EMPTY}")


def test_on_and_off(window: Window) -> None:
    window.command("fimbul: Switch Suggestions On or Off")
    silent(window, "Switched off.")
    window.command("fimbul: Switch Suggestions On or Off")
    speaks(window)


def test_off_in_one_language(window: Window) -> None:
    title = "fimbul: Switch Suggestions On or Off in This Language"
    window.command(title)
    silent(window, "Switched off for python.")
    window.open("b.go")
    speaks(window)
    window.open("a.py")
    window.command(title)
    speaks(window)


def test_off_in_one_folder(window: Window) -> None:
    title = "fimbul: Switch Suggestions On or Off in This Folder"
    window.command(title)
    silent(window, "Switched off in this folder.")
    window.command(title)
    speaks(window)


def test_snoozing(window: Window) -> None:
    window.command("fimbul: Snooze")
    window.chooses("5 minutes")
    silent(window, "Put off for 5 minutes.")
    window.command("fimbul: Snooze")
    window.chooses("Not any more")
    speaks(window)


def test_a_setting_that_changes_meanwhile(server: CodeServer, window: Window) -> None:
    window.set(server, fimbul__completion__trigger="manual")
    window.open("a.py")
    silent(window, "Suggestions come only on request")
    window.press("Alt+Backslash")
    window.sees(LINE)
    window.set(server, fimbul__completion__trigger="automatic")
    window.open("a.py")
    speaks(window)


def test_what_vs_code_excludes_is_left_alone(server: CodeServer, window: Window) -> None:
    window.set(server, search__exclude={"**/a.py": True})
    window.open("a.py")
    silent(window, "Suggestions are switched off in this file")
    window.set(server, search__exclude={})
    window.open("a.py")
    speaks(window)


def test_a_server_that_dies_is_started_again(server: CodeServer, window: Window) -> None:
    (before,) = server.servers()
    before.kill()
    until(lambda: any(one != before for one in server.servers()), server.servers)
    window.says("ready")
    speaks(window)


def test_restarting(server: CodeServer, window: Window) -> None:
    (before,) = server.servers()
    window.command("fimbul: Restart the Server")
    until(lambda: before not in server.servers() and server.servers(), server.servers)
    window.says("ready")
    speaks(window)


def test_the_statistics_are_a_page(window: Window) -> None:
    typed = speaks(window)
    window.press("Tab")
    window.has(typed + LINE)
    window.command("fimbul: Show Statistics")
    window.page.wait_for_selector(".tab.active[aria-label^='fimbul: statistics']")
    until(lambda: "What became of suggestions" in window.frames, lambda: window.frames)
    window.press("Escape")


def test_the_last_requests_are_explained(window: Window) -> None:
    window.fresh("nothing")
    window.says(EMPTY)
    window.command("fimbul: Explain the Last Requests")
    window.page.wait_for_selector(".tab.active[data-resource-name='Last requests']")
    until(lambda: EMPTY in window.text, lambda: window.text)


def test_models_can_be_chosen_from(window: Window) -> None:
    window.command("fimbul: Choose a Model")
    window.offers(DEFAULT_MODEL, "to be fetched")
    window.press("Escape")


def test_a_new_user_is_led_through(window: Window) -> None:
    window.command("Welcome: Open Walkthrough...")
    window.chooses("Begin with fimbul", "Begin with fimbul")
    window.page.wait_for_selector(".getting-started-step:has-text('Take suggestions')")


def test_nothing_runs_in_a_workspace_that_is_not_trusted(
    server: CodeServer, chromium: Browser, window: Window
) -> None:
    folders = [server.folder / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / f"{folder.name}.py").write_text("")
    file = server.folder / "both.code-workspace"
    file.write_text(json.dumps({"folders": [{"path": str(folder)} for folder in folders]}))
    before = set(server.servers())
    stranger = chromium.window(server, file)
    try:
        stranger.open("two.py")
        stranger.fresh(place())
        stranger.page.wait_for_timeout(SETTLED)
        assert (stranger.ghost, stranger.status) == ("", "")
        assert set(server.servers()) == before
        # That it would have started otherwise:
        stranger.trust()
        stranger.says("ready")
        assert len(server.servers()) == len(before) + 1
        stranger.open("two.py")
        speaks(stranger)
    finally:
        stranger.close()


def test_nothing_leaves_this_machine(server: CodeServer, chromium: Browser, window: Window) -> None:
    speaks(window)
    # It is empty, too, if nobody has looked.
    assert chromium.seen > 0
    assert chromium.outside == []
    assert {peer for peer in server.peers() if not ip_address(peer).is_loopback} == set()


@pytest.mark.model
def test_the_default_model_from_the_path(
    package: Path, chromium: Browser, model_installed: Path, paths: Paths, tmp_path: Path
) -> None:
    with session(tmp_path / "real", package) as server:
        store = server.folder / "DATA" / "fimbul"
        shutil.copytree(paths.data, store, symlinks=True)
        window = chromium.window(server, server.folder / "workspace")
        try:
            window.trust()
            window.open("method.py")
            window.says(f"ready: {DEFAULT_MODEL}")
            window.press("Control+End")
            window.type("return self.")
            until(lambda: window.ghost, lambda: (window.text, window.status))
            suggested = window.ghost.splitlines()[0]
            window.press("Tab")
            until(lambda: suggested in window.text, lambda: (window.text, window.status))
            assert server.servers()
        finally:
            window.close()


@pytest.mark.model
def test_a_model_is_offered_fetched_stopped_and_fetched(
    package: Path, chromium: Browser, model_installed: Path, tmp_path: Path
) -> None:
    file = next(one for one in load_table() if one.name == DEFAULT_MODEL)
    source = next(one for one in file.sources if isinstance(one, HubSource))
    content = model_installed.read_bytes()
    with (
        serve(Hub({f"{source.repo}/{source.file}": content})) as hub,
        session(tmp_path / "new", package, hub=hub.endpoint) as server,
    ):
        hub.released.clear()
        window = chromium.window(server, server.folder / "workspace")
        try:
            window.trust()
            window.open("a.py")
            window.page.click(".notification-toast .monaco-button:text-is('Set it up')")
            until(hub.asked.is_set, lambda: (window.status, hub.requests))
            window.page.click(".notification-toast .monaco-button:text-is('Cancel')")
            window.notice("was stopped; what has arrived is kept")
            until(lambda: not _setting_up(server), lambda: _setting_up(server))
            assert "no-model" in window.status
            hub.released.set()
            window.command("fimbul: Set Up the Engine and the Model")
            window.says(f"ready: {DEFAULT_MODEL}")
        finally:
            hub.released.set()
            window.close()


def _setting_up(server: CodeServer) -> list[list[str]]:
    """Return the commands that fetch something below the server."""
    found = []
    for child in server.process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [child.cmdline()] * ("setup" in child.cmdline())
    return found
