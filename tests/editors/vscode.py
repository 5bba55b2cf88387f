"""A real VS Code, in a browser without a screen, with our extension from its package.

code-server runs VS Code's own workbench and extension host; Playwright types into it and reads
what stands on the screen. Nothing here knows what any test wants.
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.editors.install_vscode import Installation

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors" / "vscode"

PATIENCE = 120.0
"""Seconds that anything may take; machines that run tests are slow, and busy."""

_NOWHERE = "http://127.0.0.1:9/none"
"""Stands for the gallery of extensions, which VS Code would ask for recommendations."""

_QUIET: dict[str, Any] = {
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoUpdate": False,
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "workbench.startupEditor": "none",
    "workbench.enableExperiments": False,
    "workbench.tips.enabled": False,
    "workbench.editor.useModal": "off",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.disableAIFeatures": True,
    "git.enabled": False,
    "files.autoSave": "off",
    "editor.accessibilitySupport": "off",
    "editor.minimap.enabled": False,
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "editor.suggestOnTriggerCharacters": False,
    "editor.wordBasedSuggestions": "off",
    "[jsonc]": {"editor.autoClosingBrackets": "never", "editor.autoClosingQuotes": "never"},
}
"""Settings that keep everything but our own suggestions off the screen."""

# VS Code shows blanks as no-break spaces, and marks places with characters of no width.
_PLAIN = "e => e.textContent.replaceAll('\\u00a0', ' ').replaceAll('\\u200b', '')"
_SORTED = "(a, b) => (parseInt(a.style.top) || 0) - (parseInt(b.style.top) || 0)"
_EDITOR = ".editor-instance .monaco-editor"
_GHOST = f"""() => {{
  const plain = {_PLAIN}
  const all = what => [...document.querySelectorAll('{_EDITOR} ' + what)]
  const first = all('.view-lines .ghost-text-decoration').map(plain).join('')
  return [first, ...all('.suggest-preview-text .view-line').sort({_SORTED}).map(plain)].join('\\n')
}}"""
_TEXT = f"""() => {{
  const plain = {_PLAIN}
  const own = line => [...line.querySelectorAll('span > span')]
    .filter(one => !/ghost-text/.test(one.className)).map(plain).join('')
  return [...document.querySelectorAll('{_EDITOR} .view-lines > .view-line')]
    .sort({_SORTED}).map(own).join('\\n')
}}"""
_STATUS = """() => [...document.querySelectorAll('.statusbar-item')]
  .filter(one => /fimbul/i.test(one.id)).map(one => one.getAttribute('aria-label')).join('\\n')"""


def build_extension(folder: Path, npm: str) -> Path:
    """Build the package of the extension in a copy of its source; return the package."""
    copy = folder / "extension"
    built = shutil.ignore_patterns("node_modules", "build", "dist", "*.vsix")
    shutil.copytree(EXTENSION, copy, ignore=built)
    for command in ([npm, "ci", "--ignore-scripts"], [npm, "run", "package"]):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return copy / "fimbul.vsix"


def until(
    wanted: Callable[[], Any], state: Callable[[], object], patience: float = PATIENCE
) -> Any:
    """Return what comes at last; in vain, say what there was instead."""
    end = time.monotonic() + patience
    while not (found := wanted()):
        assert time.monotonic() < end, state()
        time.sleep(0.03)
    return found


@dataclass
class CodeServer:
    """One that runs, with a user and an extensions folder of its own."""

    url: str
    folder: Path
    process: psutil.Process

    def servers(self) -> list[psutil.Process]:
        """Return the language servers that run below it, without their workers."""
        found = []
        for child in self.process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if {"lsp_server.cli.main", "serve"} <= set(child.cmdline()):
                    found.append(child)
        return found

    def peers(self) -> set[str]:
        """Return the addresses that it and everything below it are connected to."""
        found = set()
        for one in (self.process, *self.process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                found |= {to.raddr.ip for to in one.net_connections("inet") if to.raddr}
        return found

    @property
    def settings(self) -> Path:
        """The file of the user's settings."""
        return self.folder / "data" / "User" / "settings.json"


@contextlib.contextmanager
def code_server(
    installation: Installation,
    folder: Path,
    package: Path,
    settings: Mapping[str, Any],
    environment: Mapping[str, str],
) -> Iterator[CodeServer]:
    """Install the extension and run a server with it until the block ends."""
    for kind in ("User", "Machine"):
        (folder / "data" / kind).mkdir(parents=True)
        file = folder / "data" / kind / "settings.json"
        file.write_text(json.dumps({**_QUIET, **settings}), encoding="utf-8")
    (folder / "config.yaml").write_text("auth: none\n")
    gallery = dict.fromkeys(("serviceUrl", "itemUrl", "resourceUrlTemplate"), _NOWHERE)
    variables = {
        **os.environ,
        **environment,
        "HOME": str(folder),
        "EXTENSIONS_GALLERY": json.dumps(gallery),
    }
    command = [str(installation.node), str(installation.code_server)]
    command += ["--extensions-dir", str(folder / "extensions")]
    command += ["--user-data-dir", str(folder / "data"), "--config", str(folder / "config.yaml")]
    install = [*command, "--install-extension", str(package)]
    done = subprocess.run(install, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = ["--auth", "none", "--bind-addr", f"127.0.0.1:{port}", "--disable-telemetry"]
    serve += ["--disable-update-check", "--disable-getting-started-override"]
    log = folder / "code-server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, *serve],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = CodeServer(f"http://127.0.0.1:{port}", folder, psutil.Process(process.pid))
    try:
        until(lambda: process.poll() is not None or _answers(server.url), log.read_text)
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        _end(process)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a server and all that it has started; they are a group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass
class Browser:
    """A browser without a screen; each window has a profile of its own."""

    chromium: Any
    outside: list[str] = field(default_factory=list)
    """What any of its pages has asked another machine for."""
    seen: int = 0
    """How often any of its pages has asked anything."""

    def window(self, server: CodeServer, workspace: Path) -> "Window":
        """Open a folder or a workspace file, as somebody who was never here."""
        context = self.chromium.new_context(viewport={"width": 1000, "height": 560})
        context.set_default_timeout(PATIENCE * 1000)
        context.on("request", lambda request: self._note(request.url))
        page = context.new_page()
        page.on("websocket", lambda one: self._note(one.url))
        kind = "folder" if workspace.is_dir() else "workspace"
        page.goto(f"{server.url}/?{kind}={workspace}")
        page.wait_for_selector(".monaco-workbench .statusbar-item")
        return Window(page)

    def _note(self, url: str) -> None:
        self.seen += 1
        here = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
        if not url.startswith(here) or url.startswith(_NOWHERE):
            self.outside.append(url)


@contextlib.contextmanager
def browser(installation: Installation) -> Iterator[Browser]:
    """Run Chromium until the block ends."""
    # Behind our own packages, of which it brings one or two itself.
    folder = str(installation.playwright)
    if folder not in sys.path:
        sys.path.append(folder)
    playwright = importlib.import_module("playwright.sync_api")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=str(installation.chromium), headless=True, args=arguments
        )
        try:
            yield Browser(chromium)
        finally:
            chromium.close()


@dataclass
class Window:
    """One window of VS Code."""

    page: Any

    @property
    def ghost(self) -> str:
        """The suggestion on the screen; empty if there is none."""
        return str(self.page.evaluate(_GHOST)).rstrip("\n")

    @property
    def text(self) -> str:
        """The document, without the suggestion."""
        return str(self.page.evaluate(_TEXT))

    @property
    def status(self) -> str:
        """What the status item says, with what stands over it."""
        return str(self.page.evaluate(_STATUS))

    @property
    def frames(self) -> str:
        """What stands in pages that extensions show."""
        texts = []
        for frame in self.page.frames[1:]:
            # One may be replaced while it is read.
            with contextlib.suppress(Exception):
                texts.append(str(frame.evaluate("() => document.body.innerText")))
        return "\n".join(texts)

    def offers(self, *texts: str) -> None:
        """Wait until the list that is open has an entry with some texts."""
        having = "".join(f":has-text({json.dumps(text)})" for text in texts)
        self.page.wait_for_selector(f".quick-input-widget .monaco-list-row{having}")

    def close(self) -> None:
        self.page.context.close()

    def trust(self) -> None:
        """Trust the folder, which nobody does by default."""
        self.page.click("text=Manage")
        self.page.click(".workspace-trust-editor .monaco-button:text-is('Trust')")
        self.page.wait_for_selector(".workspace-trust-editor.trusted")
        self.command("View: Close Editor")
        self.page.wait_for_selector(".workspace-trust-editor", state="detached")

    def open(self, name: str) -> None:
        """Open a file of the folder, and put the cursor into it."""
        row = f".explorer-folders-view .monaco-list-row[aria-label^='{name}']"
        self.page.dblclick(row)
        self.page.wait_for_selector(f".tab.active[data-resource-name='{name}']")
        self.focus()

    def focus(self) -> None:
        self.page.click(f"{_EDITOR} .view-lines", position={"x": 300, "y": 8})
        self.page.wait_for_selector(f"{_EDITOR}.focused")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type as people do: one key after the other."""
        self.page.keyboard.type(text, delay=20)

    def fresh(self, text: str) -> None:
        """Put a text in the place of all that is there."""
        self.press("Escape", "Control+A", "Delete")
        self.has("")
        self.type(text)

    def sees(self, ghost: str, patience: float = PATIENCE) -> None:
        """Wait until a suggestion is on the screen."""
        until(lambda: self.ghost == ghost, lambda: (self.ghost, self.text, self.status), patience)

    def has(self, text: str) -> None:
        """Wait until the document is a text."""
        until(lambda: self.text == text, lambda: (self.text, self.status))

    def says(self, text: str, patience: float = PATIENCE) -> None:
        """Wait until the status holds a text."""
        until(lambda: text in self.status, lambda: self.status, patience)

    def notice(self, text: str) -> None:
        """Wait until a message is shown, and send it away."""
        toast = f".notification-toast:has-text({json.dumps(text)})"
        self.page.wait_for_selector(toast)
        self.command("Notifications: Clear All Notifications")
        self.page.wait_for_selector(toast, state="detached")

    def command(self, title: str) -> None:
        """Run a command by its title, as in the list of all commands."""
        self.press("F1")
        self.chooses(title, f">{title}")

    def chooses(self, label: str, typed: str = "") -> None:
        """Choose an entry of the list that is open, or is about to be."""
        self.page.wait_for_selector(".quick-input-widget:not([style*='display: none']) input")
        if typed:
            self.page.fill(".quick-input-widget .quick-input-box input", typed)
        # What is read out may begin with an icon's name and go on with keys or a heading.
        known = (f"='{label}'", f"$='  {label}'", f"^='{label}, '")
        labels = ", ".join(f"[aria-label{one}]" for one in known)
        self.page.click(f".quick-input-widget .monaco-list-row:is({labels})")

    def set(self, server: CodeServer, **values: Any) -> None:
        """Change the user's settings in VS Code's own editor; ``__`` stands for a dot.

        VS Code in a browser does not see when the file is changed behind its back.
        """
        changes = {key.replace("__", "."): value for key, value in values.items()}
        wanted = json.dumps({**json.loads(server.settings.read_text("utf-8")), **changes})
        self.command("Preferences: Open User Settings (JSON)")
        self.page.wait_for_selector(".tab.active[data-resource-name='settings.json']")
        until(lambda: "telemetry.telemetryLevel" in self.text, lambda: self.text)
        self.page.wait_for_selector(f"{_EDITOR}.focused")
        self.press("Control+A")
        self.page.keyboard.insert_text(wanted)
        # What VS Code has closed of it by itself.
        self.press("Control+Shift+End", "Delete")
        self.press("Control+S")
        saved = server.settings.read_text
        until(lambda: saved("utf-8") == wanted, lambda: saved("utf-8"))

    def screenshot(self, name: str) -> None:
        """Keep a picture, where FIMBUL_SCREENSHOTS names a folder for them."""
        if folder := os.environ.get("FIMBUL_SCREENSHOTS"):
            self.page.screenshot(path=str(ROOT / folder / f"{name}.png"))
