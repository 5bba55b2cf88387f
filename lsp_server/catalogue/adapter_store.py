"""The adapters of one user: where they lie, and which one is used in which folder.

Each lies in a folder of its own, named by the digest of its weights, that only its owner may open;
a file beside them says what was chosen where, newest last, so that one can go back. Whether an
adapter fits a model or a folder is asked of `adapter_fit`. Opens no connection.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock
from msgspec.structs import asdict, replace

from lsp_server.catalogue import adapters
from lsp_server.catalogue.adapters import Draft, Manifest, Packed, Signature
from lsp_server.catalogue.files import replace_file, sha256_of
from lsp_server.catalogue.repositories import belongs, root_of
from lsp_server.config.paths import Paths
from lsp_server.config.private import FILE_MODE, make_folder
from lsp_server.errors import AdapterError

_WEIGHTS, _MANIFEST, _SIGNATURE = "adapter.gguf", "manifest.json", "signature.json"
_USES = "uses.json"
_MOST_CHOSEN = 20
"""Choices that are remembered for one place."""


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """An adapter that is on this machine."""

    manifest: Manifest
    text: str
    """The manifest as it was signed."""
    signature: Signature | None
    """Who vouches for it; None if it was made on this machine."""
    path: Path
    """Its weights."""


class Use(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was chosen for one place."""

    folder: str = ""
    """Absolute path of the folder; empty is every folder of the repository."""
    repository: str = ""
    """Key of the repository where no folder is named."""
    chosen: tuple[str, ...] = ()
    """Digests, the one in use last."""
    is_off: bool = False
    """Whether none is used there for now."""

    @property
    def digest(self) -> str | None:
        """The adapter in use; None if there is none."""
        return None if self.is_off or not self.chosen else self.chosen[-1]


class _Uses(msgspec.Struct, frozen=True):
    format: int = 1
    uses: tuple[Use, ...] = ()


class AdapterStore:
    """Reads and changes the adapters below `Paths.adapters`."""

    def __init__(self, paths: Paths) -> None:
        """Do nothing yet."""
        self._folder = paths.adapters

    # Which there are

    def all(self) -> list[StoredAdapter]:
        """Return all adapters, by name and version; what cannot be read is left out."""
        found = []
        for folder in self._folder.glob("*/"):
            with contextlib.suppress(AdapterError):
                found.append(self.get(folder.name))
        return sorted(found, key=lambda one: (one.manifest.name, one.manifest.version))

    def get(self, digest: str) -> StoredAdapter:
        """Return the adapter of that digest; raise `AdapterError` if it is not here."""
        folder = self._folder / digest
        path = folder / _WEIGHTS
        try:
            text = (folder / _MANIFEST).read_text(encoding="utf-8")
            signature = _read_signature(folder / _SIGNATURE)
            size = path.stat().st_size
        except FileNotFoundError as exc:
            raise AdapterError(
                f"There is no adapter {digest[:12]} on this machine; `fimbul adapters list` shows "
                "all."
            ) from exc
        except (OSError, ValueError) as exc:
            raise AdapterError(f"{folder} cannot be read: {exc}.") from exc
        manifest = adapters.read_manifest(text, str(folder / _MANIFEST))
        if manifest.sha256 != digest or manifest.bytes != size:
            raise AdapterError(_damaged(path, digest))
        return StoredAdapter(manifest, text, signature, path)

    def find(self, name: str) -> StoredAdapter:
        """Return the adapter that a person means by ``NAME``, ``NAME@VERSION`` or a digest.

        A name alone is its latest version. Raises `AdapterError` if none or several fit.
        """
        wanted, _, version = name.partition("@")
        known = self.all()
        named = [one for one in known if one.manifest.name == wanted]
        if version:
            named = [one for one in named if str(one.manifest.version) == version]
        elif named:
            named = [one for one in named if one.manifest.version == named[-1].manifest.version]
        if not named and len(wanted) >= 6:
            named = [one for one in known if one.manifest.sha256.startswith(wanted)]
        if len(named) == 1:
            return named[0]
        if named:
            digests = ", ".join(one.manifest.sha256[:12] for one in named)
            raise AdapterError(f"Several adapters are called {name}; say which by {digests}.")
        raise AdapterError(f"There is no adapter {name}; `fimbul adapters list` shows all.")

    def check(self, stored: StoredAdapter) -> None:
        """Read all weights; raise `AdapterError` if they are not those of the manifest."""
        try:
            found = sha256_of(stored.path)
        except OSError as exc:
            raise AdapterError(f"{stored.path} cannot be read: {exc.strerror}.") from exc
        if found != stored.manifest.sha256:
            raise AdapterError(_damaged(stored.path, stored.manifest.sha256))

    # Bringing in and taking away

    def register(self, gguf: Path, draft: Draft) -> Manifest:
        """Copy an adapter that was trained here into the store; return what is known of it.

        It gets the next version of its repository. One whose gates have failed is kept as well, so
        that it can be seen why, but `use` refuses it. Raises `AdapterError`.
        """
        try:
            size, digest = gguf.stat().st_size, sha256_of(gguf)
        except OSError as exc:
            raise AdapterError(f"{gguf} cannot be read: {exc.strerror}.") from exc
        with self._alone():
            same = [
                one.manifest.version
                for one in self.all()
                if one.manifest.repository.key == draft.repository.key
            ]
            manifest = Manifest(
                **asdict(draft),
                version=max(same, default=0) + 1,
                created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                sha256=digest,
                bytes=size,
            )
            text = adapters.manifest_text(manifest)
            # What does not fit its own form would be found out only by whoever reads it.
            adapters.read_manifest(text, "What was said of the adapter")
            self._put(gguf, manifest, text, None)
        return manifest

    def add(self, packed: Packed) -> StoredAdapter:
        """Copy what is in a file whose signature was verified. Raises `AdapterError`.

        What was made on this machine and comes back stays as it is, and needs no key.
        """
        with contextlib.suppress(AdapterError):
            if (here := self.get(packed.manifest.sha256)).signature is None:
                self.check(here)
                return here
        with self._alone():
            self._put(packed.path, packed.manifest, packed.text, packed.signature)
        return self.get(packed.manifest.sha256)

    def _put(
        self, source: Path, manifest: Manifest, text: str, signature: Signature | None
    ) -> None:
        target = self._folder / manifest.sha256
        partial = self._folder / f".{manifest.sha256}.{os.getpid()}"
        # Nobody else writes now, so what is begun is left of somebody who was killed.
        for left in self._folder.glob(".*/"):
            shutil.rmtree(left, ignore_errors=True)
        try:
            make_folder(partial)
            adapters.copy_weights(source, manifest, partial / _WEIGHTS)
            (partial / _MANIFEST).write_text(text, encoding="utf-8")
            if signature is not None:
                (partial / _SIGNATURE).write_bytes(msgspec.json.encode(signature))
            for file in partial.iterdir():
                file.chmod(FILE_MODE)
            if target.exists():
                shutil.rmtree(target)
            partial.replace(target)
        except OSError as exc:
            raise AdapterError(f"{target} cannot be written: {exc.strerror}.") from exc
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def remove(self, digest: str) -> None:
        """Delete an adapter; where it was used, none is from now on. Raises `AdapterError`."""
        with self._alone():
            try:
                shutil.rmtree(self._folder / digest)
            except OSError as exc:
                raise AdapterError(
                    f"{self._folder / digest} cannot be deleted: {exc.strerror}."
                ) from exc
            uses = [
                use if use.digest != digest else replace(use, is_off=True) for use in self.uses()
            ]
            self._write(
                replace(use, chosen=tuple(one for one in use.chosen if one != digest))
                for use in uses
            )

    # Which is used where

    @property
    def uses_file(self) -> Path:
        """The file that says what was chosen; it changes whenever a choice does."""
        return self._folder / _USES

    def uses(self) -> list[Use]:
        """Return all choices. Raises `AdapterError` if they cannot be read."""
        file = self.uses_file
        try:
            found = msgspec.json.decode(file.read_bytes(), type=_Uses)
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise AdapterError(
                f"{file} cannot be read: {exc}. Delete it: adapters stay, but have to be chosen "
                "again with `fimbul adapters use`."
            ) from exc
        if found.format != 1:
            raise AdapterError(f"{file} was written by a newer version of fimbul; use that one.")
        return list(found.uses)

    def use(self, digest: str, folder: Path | None) -> None:
        """Use an adapter in `folder` and below, or in every folder of its repository (None).

        Raises `AdapterError` if it is not here, or its gates have not been passed. Whether it fits
        the folder is the caller's to ask.
        """
        manifest = self.get(digest).manifest
        if manifest.objections:
            raise AdapterError(
                f"{manifest.title} did not pass its gates and is not used: "
                f"{'; '.join(manifest.objections)}."
            )
        self._change(
            folder,
            manifest.repository.key,
            lambda use: replace(
                use,
                chosen=(*(one for one in use.chosen if one != digest), digest)[-_MOST_CHOSEN:],
                is_off=False,
            ),
        )

    def off(self, folder: Path) -> None:
        """Use none in `folder` and below, until one is chosen again."""
        self._change(folder, "", lambda use: replace(use, is_off=True))

    def rollback(self, folder: Path) -> StoredAdapter | None:
        """Go back to what was used in `folder` before; None if that was none.

        What was chosen for the whole repository is rolled back where that is what holds. Raises
        `AdapterError` if nothing was chosen.
        """
        use = self.chosen(folder)
        if use is None or not use.chosen:
            raise AdapterError(
                f"No adapter was chosen for {folder}, so there is nothing to go back to; "
                "`fimbul adapters use` chooses one."
            )
        chosen = use.chosen if use.is_off else use.chosen[:-1]
        self._change(
            Path(use.folder) if use.folder else None,
            use.repository,
            lambda use: replace(use, chosen=chosen, is_off=not chosen),
        )
        return self.get(chosen[-1]) if chosen else None

    def chosen(self, folder: Path) -> Use | None:
        """Return the choice that holds for `folder`: the nearest folder's, else its repository's.

        Raises `AdapterError`.
        """
        if not (uses := self.uses()):
            return None
        places = [str(one) for one in (folder.resolve(), *folder.resolve().parents)]
        near = [use for use in uses if use.folder in places]
        if near:
            return max(near, key=lambda use: len(use.folder))
        for use in uses:
            if not use.folder and use.chosen:
                with contextlib.suppress(AdapterError):
                    if belongs(folder, self.get(use.chosen[-1]).manifest.repository):
                        return use
        return None

    def _change(self, folder: Path | None, repository: str, update: Callable[[Use], Use]) -> None:
        place = Use(str(root_of(folder)), "") if folder is not None else Use("", repository)
        with self._alone():
            uses = self.uses()
            before = next((use for use in uses if _place(use) == _place(place)), place)
            self._write([*(use for use in uses if _place(use) != _place(place)), update(before)])

    def _write(self, uses: "list[Use] | Iterator[Use]") -> None:
        try:
            text = msgspec.json.encode(_Uses(uses=tuple(uses))).decode()
            replace_file(self.uses_file, text)
            self.uses_file.chmod(FILE_MODE)
        except OSError as exc:
            raise AdapterError(f"{self.uses_file} cannot be written: {exc.strerror}.") from exc

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            make_folder(self._folder)
            with FileLock(self._folder / ".lock"):
                yield
        except OSError as exc:
            raise AdapterError(f"{self._folder} cannot be written: {exc.strerror}.") from exc


def _place(use: Use) -> tuple[str, str]:
    return use.folder, "" if use.folder else use.repository


def _read_signature(path: Path) -> Signature | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Signature)
    except FileNotFoundError:
        return None


def _damaged(path: Path, digest: str) -> str:
    return (
        f"{path} was changed since it came; run `fimbul adapters remove {digest[:12]}` and add it "
        "again."
    )
