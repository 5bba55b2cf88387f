"""Write what the extension's manifest says of commands, keys, settings and first steps.

The settings are the server's own table of options, so that the two cannot drift apart. Options
that an editor may not set are left out. All of them are the user's own: a folder restricts by its
`.fimbul.toml`, which cannot widen anything, and not by VS Code's settings, which could.

    python editors/vscode/manifest.py [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

from lsp_server.config.options import Entry, Tighten, entries

MANIFEST = Path(__file__).parent / "package.json"

COMMANDS = {
    "fimbul.menu": "Menu",
    "fimbul.why": "Why Is Nothing Suggested?",
    "fimbul.toggle": "Switch Suggestions On or Off",
    "fimbul.toggleLanguage": "Switch Suggestions On or Off in This Language",
    "fimbul.toggleWorkspace": "Switch Suggestions On or Off in This Folder",
    "fimbul.snooze": "Snooze",
    "fimbul.explainLast": "Explain the Last Requests",
    "fimbul.showReferences": "Show Published Code That Suggestions Resemble",
    "fimbul.stats": "Show Statistics",
    "fimbul.chooseModel": "Choose a Model",
    "fimbul.chooseAdapter": "Choose an Adapter",
    "fimbul.setup": "Set Up the Engine and the Model",
    "fimbul.restart": "Restart the Server",
    "fimbul.showLog": "Show the Log",
}

# What VS Code has, but gives no key to.
KEYS = [
    {
        "command": "editor.action.inlineSuggest.trigger",
        "key": "alt+\\",
        "when": "editorTextFocus && !editorReadonly && !editorHasSelection",
    },
    {
        "command": "editor.action.inlineSuggest.acceptNextLine",
        "key": "ctrl+alt+right",
        "when": "inlineSuggestionVisible && !editorReadonly",
    },
]

SERVER: dict[str, Any] = {
    "fimbul.server.command": {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "scope": "machine",
        "markdownDescription": "Program that is the server, and its arguments. Empty looks for "
        "`fimbul` on PATH, beside the chosen Python, and in the extension's own environment.",
    },
    "fimbul.server.python": {
        "type": "string",
        "default": "python3",
        "scope": "machine",
        "markdownDescription": "Python that makes the extension's own environment.",
    },
    "fimbul.server.package": {
        "type": "string",
        "default": "",
        "scope": "machine",
        "markdownDescription": "What pip installs there: the path of a clone or of a wheel of "
        "fimbul. There is no package to download by name yet.",
    },
}

# What a new user is led through; each step has a page in `media`.
STEPS = {
    "server": (
        "Install the server and its model",
        "One program on your machine does the work. [Set It Up](command:fimbul.setup) shows what "
        "it will run before it runs anything; progress and a button to stop are in the window.",
    ),
    "suggestions": (
        "Take suggestions",
        "Write code; what may come next stands there in grey. Tab accepts it.",
    ),
    "silence": (
        "See why nothing is suggested",
        "There is always a reason, and the status item says it. "
        "[Why Is Nothing Suggested?](command:fimbul.why)",
    ),
    "privacy": (
        "Know what stays on your machine",
        "All of it, unless you name a server of your own. What is remembered, too: "
        "[Show Statistics](command:fimbul.stats)",
    ),
}

_OF_A_MACHINE = ("engine", "log")

_NOT_AN_EDITORS = (Tighten.MACHINE, Tighten.POLICY)


def contributes() -> dict[str, Any]:
    """Return the manifest's `contributes`."""
    properties = {
        f"fimbul.{entry.key}": _property(entry)
        for entry in entries()
        if entry.option.tighten not in _NOT_AN_EDITORS
    }
    return {
        "commands": [
            {"command": name, "title": title, "category": "fimbul"}
            for name, title in COMMANDS.items()
        ],
        "keybindings": KEYS,
        "walkthroughs": [_walkthrough()],
        "configuration": {"title": "fimbul", "properties": {**SERVER, **properties}},
    }


def _walkthrough() -> dict[str, Any]:
    return {
        "id": "start",
        "title": "Begin with fimbul",
        "description": "Private code completion by a model on your own machine.",
        "steps": [
            {
                "id": name,
                "title": title,
                "description": text,
                "media": {"markdown": f"media/{name}.md"},
            }
            for name, (title, text) in STEPS.items()
        ],
    }


def _property(entry: Entry) -> dict[str, Any]:
    unit = f" In {entry.option.unit}." if entry.option.unit else ""
    return {
        **_type(entry),
        # What belongs to a machine is set where the code is; the rest goes with the user.
        "scope": "machine" if entry.section in _OF_A_MACHINE else "application",
        "markdownDescription": entry.option.doc + unit,
    }


def _type(entry: Entry) -> dict[str, Any]:
    if entry.choices:
        return {"type": "string", "enum": list(entry.choices), "default": entry.default.value}
    if isinstance(entry.default, bool):
        return {"type": "boolean", "default": entry.default}
    if isinstance(entry.default, int):
        limits = {"minimum": entry.option.minimum, "maximum": entry.option.maximum}
        known = {name: value for name, value in limits.items() if value is not None}
        return {"type": "integer", "default": entry.default, **known}
    if isinstance(entry.default, tuple):
        items: dict[str, Any] = {"type": "string"}
        if entry.option.members:
            items["enum"] = list(entry.option.members)
        return {
            "type": "array", "items": items, "uniqueItems": True, "default": list(entry.default)
        }  # fmt: skip
    return {"type": "string", "default": entry.default}


def main() -> int:
    """Write the manifest, or say whether it is as it should be."""
    text = MANIFEST.read_text("utf-8")
    manifest = json.loads(text)
    manifest["contributes"] = {**manifest["contributes"], **contributes()}
    wanted = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    if "--check" in sys.argv:
        return int(wanted != text)
    MANIFEST.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
