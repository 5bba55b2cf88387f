"""What the server holds of a document, said without any of its text.

An editor, or a test of one, can hold this against its own copy: where the two differ, every
suggestion is made for other text than stands on the screen.
"""

import hashlib
from typing import Any

from lsp_server.types import Document

DIGEST = "fimbul/digest"
"""Request: version, size and digest of an open document; null if it is not open."""


def digest_of(document: Document) -> dict[str, Any]:
    """Return the version, the number of lines and code points, and the SHA-256 of the text.

    It is taken of the text in UTF-8, in which a lone surrogate is written as if it were one of
    the other characters: ``text.encode("utf-8", "surrogatepass")``.
    """
    text = "".join(document.lines)
    return {
        "version": document.version,
        "lines": len(document.lines),
        "characters": len(text),
        "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
    }
