"""Ed25519 signatures over adapters' manifests, by the library `cryptography`.

A key is 32 bytes in Base64 where it is public, and a PEM file (PKCS #8) for its owner only where
it is private. Knows nothing about who is trusted.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from lsp_server.catalogue.adapters import Packed, Signature
from lsp_server.config.private import FILE_MODE
from lsp_server.errors import AdapterError

_CONTEXT = b"fimbul adapter manifest 1\n"
"""Goes in front of what is signed, so that a signature made for something else is none here."""


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key; raise `AdapterError` if there is none at `path`."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as exc:
        raise AdapterError(f"The key {path} cannot be read: {exc.strerror}.") from exc
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise AdapterError(
            f"{path} holds no private key in PEM form without a password ({exc})."
        ) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise AdapterError(f"{path} holds a key of another kind; an Ed25519 key is needed.")
    return key


def make_key(path: Path) -> Ed25519PrivateKey:
    """Make a private key at `path`, for its owner only, where no file may be yet."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, FILE_MODE), "wb") as file:
            file.write(text)
    except OSError as exc:
        raise AdapterError(f"The key {path} cannot be written: {exc.strerror}.") from exc
    return key


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public key that belongs to `key`, as others write it into their settings."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def sign(text: str, key: Ed25519PrivateKey) -> Signature:
    """Return the signature of the manifest `text`."""
    value = base64.b64encode(key.sign(_CONTEXT + text.encode())).decode()
    return Signature(public_text(key), value)


def verify(packed: Packed, trusted: Sequence[str]) -> None:
    """Raise `AdapterError` unless somebody who is trusted has signed the manifest.

    `trusted` are public keys in Base64.
    """
    signature = packed.signature
    if signature is None:
        raise AdapterError(
            f"Nobody has signed {packed.path}; ask for a file that `fimbul adapters export` wrote."
        )
    if signature.key not in trusted:
        raise AdapterError(
            f"{packed.path} is signed by a key that is not trusted here ({signature.key}); if you "
            "know it to be your team's, add it to engine.adapter_keys."
        )
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(signature.key, validate=True))
        value = base64.b64decode(signature.value, validate=True)
        public.verify(value, _CONTEXT + packed.text.encode())
    except (InvalidSignature, ValueError, binascii.Error) as exc:
        raise AdapterError(
            f"The signature of {packed.path} is forged or damaged; do not use it, and ask whoever "
            "sent it."
        ) from exc
