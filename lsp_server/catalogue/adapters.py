"""What is known about a LoRA adapter, and the one file in which it leaves a machine.

That file is a GGUF file, which llama.cpp reads as it is, with a trailer behind its weights: the
manifest (of what base and repository it is, what the gates before its adoption found, the digest
of everything in front) and perhaps a signature over the manifest. Layout of the trailer: JSON, its
length in bytes (eight, big-endian), and `MAGIC`. Knows nothing about where adapters are kept, nor
about keys.
"""

import hashlib
import math
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from lsp_server.catalogue.files import CHUNK_BYTES
from lsp_server.catalogue.gguf import check_gguf_magic
from lsp_server.catalogue.table import Digest, Name
from lsp_server.errors import AdapterError, ModelUnusable

MAGIC = b"FIMBULA1"
"""Ends an adapter's file that holds its manifest."""

MOST_TRAILER = 1 << 20
"""Longest trailer in bytes; a longer one is taken for damage."""

MOST_CARD = 100_000
"""Longest card in characters."""

_LENGTH_BYTES = 8

ObjectId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40,64}$")]


Label = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z", max_length=300)]
"""A line for people, with nothing in it that a terminal would obey."""


class Repository(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an adapter was trained on, as far as another clone of it can be told by that."""

    kind: Literal["git", "folder"]
    ids: Annotated[tuple[ObjectId, ...], msgspec.Meta(min_length=1, max_length=64)]
    """Ids of the commits without a parent; of a folder without git, the digest of its path."""
    name: Label = ""
    """What its folder was called, for people."""

    @property
    def key(self) -> str:
        """A short name that is the same wherever the repository is cloned."""
        text = "\n".join((self.kind, *sorted(self.ids)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Gate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One figure that decided whether an adapter may be used."""

    name: Label
    limit: float
    at_least: bool
    """Whether the figure has to reach the limit; else it may not exceed it."""
    value: float | None = None
    """The figure; None if it could not be measured, which counts as failing."""
    detail: Label = ""
    """What was measured, and its unit; no code."""

    @property
    def has_passed(self) -> bool:
        """Whether the figure is within the limit."""
        if self.value is None or math.isnan(self.value):
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        """Say the figure and the limit."""
        found = "not measured" if self.value is None else f"{self.value:g}"
        return f"{self.name} {found}, {'at least' if self.at_least else 'at most'} {self.limit:g}"


class Draft(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What whoever trained an adapter says of it."""

    name: Name
    base: Name
    """The model that it was trained for."""
    base_sha256: Digest
    """Digest of that model's file."""
    repository: Repository
    rank: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    gates: Annotated[tuple[Gate, ...], msgspec.Meta(max_length=100)] = ()
    """What was measured before adoption; without any the adapter was not judged."""
    percent: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    """Weight with which it was judged; 100 is as it was trained."""
    figures: dict[str, float] = {}
    """Other figures of its card, by name."""
    card: Annotated[str, msgspec.Meta(max_length=MOST_CARD)] = ""
    """The model card, as Markdown; no code."""


class Manifest(Draft, frozen=True, omit_defaults=True, kw_only=True):
    """All that is known about one adapter."""

    format: Literal[1] = 1
    version: Annotated[int, msgspec.Meta(ge=1)]
    """Grows with each adapter of the same repository."""
    created: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """When it was registered, in UTC."""
    sha256: Digest
    """Digest of its GGUF file, without any trailer."""
    bytes: Annotated[int, msgspec.Meta(ge=1)]
    """Size of that."""

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.name}@{self.version}"

    @property
    def objections(self) -> tuple[str, ...]:
        """Why it may not be used, one phrase a gate; empty if it may."""
        if not self.gates:
            return ("it was never judged",)
        return tuple(str(gate) for gate in self.gates if not gate.has_passed)


class Signature(msgspec.Struct, frozen=True):
    """An Ed25519 signature over a manifest."""

    key: str
    """The public key, in Base64."""
    value: str
    """The signature, in Base64."""


class _Trailer(msgspec.Struct, frozen=True, omit_defaults=True):
    manifest: str
    """The manifest as it was signed, byte for byte."""
    signature: Signature | None = None


class Packed(msgspec.Struct, frozen=True):
    """An adapter's file as it was read: checked against its own manifest."""

    path: Path
    manifest: Manifest
    text: str
    """The manifest as it stands in the file, which is what was signed."""
    signature: Signature | None


def read_manifest(text: str | bytes, where: str) -> Manifest:
    """Return the manifest in `text`; raise `AdapterError` that calls it `where`."""
    try:
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise AdapterError(
            f"{where} is no manifest that this version of fimbul can read: {exc}."
        ) from exc


def manifest_text(manifest: Manifest) -> str:
    """Return `manifest` as it is stored and signed."""
    return msgspec.json.encode(manifest).decode()


def pack(gguf: Path, text: str, signature: Signature | None, target: Path) -> None:
    """Write the one file: the weights at `gguf`, the manifest `text`, the signature.

    Raises `AdapterError` if it cannot be written, or the weights are not those of the manifest.
    """
    manifest = read_manifest(text, "The manifest")
    trailer = msgspec.json.encode(_Trailer(text, signature))
    partial = target.with_name(f".{target.name}.partial")
    try:
        copy_weights(gguf, manifest, partial)
        with partial.open("ab") as file:
            file.write(trailer + len(trailer).to_bytes(_LENGTH_BYTES, "big") + MAGIC)
        partial.replace(target)
    except OSError as exc:
        raise AdapterError(f"{target} cannot be written: {exc.strerror}.") from exc
    finally:
        partial.unlink(missing_ok=True)


def unpack(path: Path) -> Packed:
    """Read an adapter's file without its weights.

    Raises `AdapterError` if it is none, or was cut off, or is longer or shorter than it says. The
    weights' digest is compared when they are copied (`copy_weights`), and the signature by whoever
    has keys.
    """
    try:
        check_gguf_magic(path)
    except ModelUnusable as exc:
        raise AdapterError(str(exc)) from exc
    size, body = _read_trailer(path)
    try:
        trailer = msgspec.json.decode(body, type=_Trailer)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise AdapterError(f"The end of {path} is damaged: {exc}; have it sent again.") from exc
    manifest = read_manifest(trailer.manifest, f"What {path} says of itself")
    if size != manifest.bytes:
        raise AdapterError(
            f"{path} holds {size:,} bytes of weights instead of {manifest.bytes:,}; have it sent "
            "again."
        )
    return Packed(path, manifest, trailer.manifest, trailer.signature)


def _read_trailer(path: Path) -> tuple[int, bytes]:
    """Return the size of what is in front of the trailer, and the trailer."""
    end = _LENGTH_BYTES + len(MAGIC)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - end))
            tail = file.read(end)
            length = int.from_bytes(tail[:_LENGTH_BYTES], "big")
            if not tail.endswith(MAGIC) or length > min(MOST_TRAILER, size - end):
                raise AdapterError(
                    f"{path} was cut off, or is not what `fimbul adapters export` writes; a plain "
                    "GGUF adapter of your own is named in engine.adapter."
                )
            file.seek(size - end - length)
            return size - end - length, file.read(length)
    except OSError as exc:
        raise AdapterError(f"{path} cannot be read: {exc.strerror}.") from exc


def copy_weights(source: Path, manifest: Manifest, target: Path) -> None:
    """Copy the weights of `manifest` out of `source` into the new file `target`.

    Raises `AdapterError`, and leaves no file, if they are not those of the manifest; `OSError` if
    `target` cannot be written.
    """
    digest, left = hashlib.sha256(), manifest.bytes
    with source.open("rb") as file, target.open("wb") as copy:
        while left and (chunk := file.read(min(CHUNK_BYTES, left))):
            digest.update(chunk)
            copy.write(chunk)
            left -= len(chunk)
    if left or digest.hexdigest() != manifest.sha256:
        target.unlink(missing_ok=True)
        raise AdapterError(
            f"The weights in {source} are not those that its manifest names: their SHA-256 is "
            f"{digest.hexdigest()}, expected {manifest.sha256}; have it sent again."
        )
