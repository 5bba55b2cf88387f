"""Look at the first bytes of a model file, to tell whether it is a GGUF at all.

Answers in microseconds and without the engine, so that a wrong file is named before anything is
loaded. Knows nothing about what a GGUF holds behind its header.
"""

from pathlib import Path

from lsp_server.errors import ModelUnusable

MAGIC = b"GGUF"
HEADER_BYTES = 24
"""Magic and version, four bytes each; numbers of tensors and of metadata entries, eight each."""


def check_gguf_magic(path: Path) -> None:
    """Raise `ModelUnusable` if `path` cannot be a GGUF file, saying what it is instead."""
    if path.is_dir():
        raise ModelUnusable(f"{path} is a folder; name the GGUF file inside it.")
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
    except FileNotFoundError as exc:
        raise ModelUnusable(f"There is no file {path}.") from exc
    except OSError as exc:
        raise ModelUnusable(f"{path} cannot be read: {exc.strerror}.") from exc
    if not head:
        raise ModelUnusable(f"{path} is empty; fetch it again.")
    if not head.startswith(MAGIC):
        raise ModelUnusable(f"{path} is not a GGUF model: {_kind(head)}.")
    if len(head) < HEADER_BYTES:
        raise ModelUnusable(f"{path} ends inside its header; fetch it again.")


def _kind(head: bytes) -> str:
    if head.startswith(b"version https://git-l"):
        return "it is a Git LFS pointer, which stands for a file that was not fetched"
    if all(32 <= byte < 127 or byte in b"\t\n\r" for byte in head):
        return "it is a text file"
    return f"it begins with {head[:4]!r} instead of {MAGIC!r}"
