"""What the messages of the fuzz are made of: names, texts, and what answers they have."""

import enum
from dataclasses import dataclass
from typing import Any

FOLDER = "file:///fuzz"
"""Stands for the workspace folder wherever a message names it."""

MARKER = "qmarkerq"
"""A word of the documents that must not get into any log."""

LANGUAGES = {
    "py": "python",
    "ts": "typescript",
    "rs": "rust",
    "go": "go",
    "c": "c",
    "html": "html",
    "md": "markdown",
    "json": "json",
    "txt": "plaintext",
}

URIS = (
    *(f"{FOLDER}/{name}.{ending}" for ending in LANGUAGES for name in ("one", "sub/two")),
    f"{FOLDER}/with%20space.py",
    f"{FOLDER}/%C3%A9t%C3%A9.py",
    f"{FOLDER}/.env",
    f"{FOLDER}/sub/id_rsa",
    f"{FOLDER}/sub",
    f"{FOLDER}/sub/../../up.py",
    f"{FOLDER}/nul%00.py",
    f"{FOLDER}/{'long' * 100}.py",
    "file:///elsewhere/other.py",
    "file://[/no/address.py",
    f"{FOLDER}/half\ud800.py",
    "untitled:Untitled-1",
    "git:/fuzz/one.py?ref=HEAD",
)
NOTEBOOK = f"{FOLDER}/book.ipynb"
CELLS = tuple(f"vscode-notebook-cell:/fuzz/book.ipynb#cell{number}" for number in range(4))
CLOSED = f"{FOLDER}/never/opened.py"
"""A document that is never open."""

PIECES = (
    "def fetch(name: str, fallback: int = 0) -> str:\n    return name\n",
    "class Store:\n    def put(self, item):\n        self.",
    "    for item in items:\n        total += item.",
    "import os\nfrom one import fetch\n",
    "export function total(cart: Cart): number {\n  return cart.",
    "fn main() {\n    let value = vec![1, 2, 3];\n",
    "func (s *Store) Fetch(name string) (*Item, error) {\n\treturn ",
    "#include <stdio.h>\r\nint main(void) {\r\n\treturn ",
    "password = 'hunter2-and-more-4711'\n",
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
    f"{MARKER} = {MARKER}(",
    "<div class='a'>{{ value }}</div>",
    "é = '😀\U0001d518' # 語\u0301\u202e\n",
    "\ud83d",
    "\ude00",
    "a\ud800b",
    "\ufeff",
    "x\x0by\x0cz\x1c\x85\u2028\u2029",
    "\x00",
    "\r",
    "\n",
    "\r\n",
    "\n\r\n\r",
    "\t",
    " ",
    "",
    "(",
    ")",
    '"""',
    "{",
    "}",
    "[" * 60,
    "x" * 3000,
    "ab",
    "q",
    ".",
    "return ",
)

LONGEST = 12_000
"""Characters of a document, beyond which it is made anew."""


LARGEST = 2**31 - 1
"""Largest line and character that LSP has."""


class Answer(enum.Enum):
    """What answer a message has."""

    NONE = "none"
    ANY = "a result or an error"
    RESULT = "a result"
    COMPLETIONS = "suggestions"
    MENU = "items of a menu"
    INVALID_PARAMS = "error -32602"
    UNKNOWN_METHOD = "error -32601"
    INVALID_REQUEST = "error -32600"


@dataclass(frozen=True, slots=True)
class Sent:
    """One message."""

    kind: str
    """What it is counted as."""
    message: dict[str, Any]
    answer: Answer = Answer.NONE
    is_valid: bool = True
    """Whether it keeps to LSP, so that what it says of documents is true."""
    raw: str = ""
    """What is sent in place of it: no JSON of a message."""
