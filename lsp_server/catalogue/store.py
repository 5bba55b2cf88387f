"""Which models are on this machine, where their files lie and whether they are intact.

A model is a row of the shipped table, or a file that the user added. Reading is cheap: a file's
size and first bytes are checked, its digest only if it is new or has changed since it was last
verified. Opens no connection and loads no engine.
"""

import contextlib
import difflib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from lsp_server.catalogue import registry
from lsp_server.catalogue.files import bytes_in, sha256_of
from lsp_server.catalogue.gguf import check_gguf_magic
from lsp_server.catalogue.registry import Provenance, Record, Stamp
from lsp_server.catalogue.table import Model, Name, load_table
from lsp_server.config.paths import Paths
from lsp_server.errors import (
    ConfigError,
    ModelDamaged,
    ModelError,
    ModelMissing,
    ModelUnknown,
    ModelUntrusted,
    ModelUnusable,
)
from lsp_server.types import ModelDescription

Progress = Callable[[int], object]
"""Called with the number of bytes of each step."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model whose file is here and passed the cheap checks."""

    model: Model
    path: Path
    sha256: str
    """The digest the file had when it was last verified."""


class ModelStore:
    """The models of one user: the shipped table, the registry and the folder of files."""

    def __init__(self, paths: Paths, table: tuple[Model, ...] | None = None) -> None:
        self._paths = paths
        self._table = load_table() if table is None else table

    # Which models there are

    def models(self) -> list[Model]:
        """Return the shipped models in their order, then the added ones by name."""
        records = registry.read(self._paths.registry_file)
        added = [record.added for _, record in sorted(records.items()) if record.added]
        # A model of the user's own keeps its name when a later table ships another one of it.
        taken = {model.name for model in added}
        shipped = [model for model in self._table if model.name not in taken]
        return [_completed(model, records.get(model.name, Record())) for model in shipped] + added

    def get(self, name: str) -> Model:
        """Return the model called `name`; raise `ModelUnknown`, which names similar ones."""
        models = {model.name: model for model in self.models()}
        if name in models:
            return models[name]
        close = difflib.get_close_matches(name.lower(), models, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        raise ModelUnknown(f"There is no model {name}. {hint}`fimbul models list` shows all.")

    # Which files are here

    def folder(self, name: str) -> Path:
        """Return the folder of the model's own file, which may not exist."""
        return self._paths.models / name

    def partial_folder(self, name: str) -> Path:
        """Return the folder of what has arrived of a file that is being fetched."""
        return self.folder(name) / "partial"

    def installed(self, name: str) -> Path | None:
        """Return where the file of model `name` lies; None if it is not here. Checks nothing."""
        path = self._place(self.get(name))
        return path if path.is_file() else None

    def require(self, name: str) -> InstalledModel:
        """Return model `name`, ready to load.

        Raises `ModelUnknown`, `ModelMissing`, `ModelUnusable` (not a GGUF), `ModelDamaged` or
        `ModelUntrusted`; each message says which command to run. The whole file is read only if it
        was never verified or has changed since.
        """
        model, path = self._present(name)
        check_gguf_magic(path)
        record = self._record(name)
        if model.bytes and path.stat().st_size != model.bytes:
            raise ModelDamaged(
                f"{path} holds {path.stat().st_size:,} bytes instead of {model.bytes:,}."
                f" {self._mend(model)}"
            )
        if model.sha256 and record.verified == _stamp(path):
            return InstalledModel(model, path, model.sha256)
        return self.verify(name)

    def verify(
        self, name: str, *, progress: Progress | None = None, trust: bool = False
    ) -> InstalledModel:
        """Read the whole file of model `name` and compare its digest.

        A file whose digest nobody knows, put there by hand, is taken as it is only with `trust`,
        which is the user's word for it; then its digest is kept. Raises what `require` raises.
        """
        model, path = self._present(name)
        if not model.sha256 and not trust:
            raise ModelUntrusted(
                f"{path} was put there by hand, and nobody has said what it should be. What reads "
                "models can be attacked by one, so it is not loaded. If you trust where it comes "
                f"from, run `fimbul models trust {name}` once."
            )
        stamp = _stamp(path)
        try:
            found = sha256_of(path, progress)
        except OSError as exc:
            raise ModelUnusable(f"{path} cannot be read: {exc.strerror}.") from exc
        # A store that cannot be written, such as one shared by an administrator, serves all the
        # same: its files only have to be read through again next time.
        if model.sha256 and found != model.sha256:
            with contextlib.suppress(ConfigError):
                self._change(name, lambda record: msgspec.structs.replace(record, verified=None))
            raise _wrong_digest(path, model.sha256, found, self._mend(model))
        with contextlib.suppress(ConfigError):
            if not model.sha256:
                self.keep_digest(name, sha256=found, size=stamp.bytes)
            self._change(name, lambda record: msgspec.structs.replace(record, verified=stamp))
        return InstalledModel(model, path, found)

    # Changes

    def keep_digest(self, name: str, *, sha256: str, size: int) -> None:
        """Remember the digest and the bytes of a model that the shipped table has none of."""
        self._change(
            name, lambda record: msgspec.structs.replace(record, sha256=sha256, bytes=size)
        )

    def adopt(self, partial: Path, name: str, *, sha256: str | None = None) -> InstalledModel:
        """Make the completely fetched file `partial` the file of model `name`.

        `sha256` is the digest of `partial` if the caller has computed it while writing. The file
        moves into place all at once; a wrong digest deletes it and raises `ModelDamaged`, which
        names both digests.
        """
        model = self.get(name)
        found = sha256 or sha256_of(partial)
        if model.sha256 is None:
            check_gguf_magic(partial)
            self.keep_digest(name, sha256=found, size=partial.stat().st_size)
        elif found != model.sha256:
            partial.unlink()
            raise _wrong_digest(partial, model.sha256, found, "It was deleted.")
        target = self.folder(name) / model.file
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
        stamp = _stamp(target)
        self._change(
            name, lambda record: msgspec.structs.replace(record, path=None, verified=stamp)
        )
        self.clear_partial(name)
        return self.require(name)

    def add(
        self,
        file: Path,
        *,
        name: str,
        family: str,
        fim_tokens: dict[str, str],
        description: ModelDescription,
        copy: bool,
        progress: Progress | None = None,
    ) -> InstalledModel:
        """Add the GGUF `file` as model `name`: a copy of it, or the file where it lies.

        A name of the shipped table installs that model, if the digest is right. Raises
        `ModelUnusable` for a file that is no GGUF or a name that cannot be one, `ModelDamaged`
        for a file that is not the model of that name, `ModelError` if the name is taken.
        """
        check_gguf_magic(file)
        file = file.resolve()
        self._check_name(name, file)
        found = sha256_of(file, progress)
        shipped = next((model for model in self._table if model.name == name), None)
        if shipped and shipped.sha256 and found != shipped.sha256:
            raise _wrong_digest(file, shipped.sha256, found, "Choose another name with --name.")
        added = None
        if shipped is None:
            added = Model(
                name=name,
                title=description.name or file.stem,
                file=file.name,
                licence="unknown",
                parameters=description.parameters,
                context_length=description.context_length,
                family=family,
                bytes=file.stat().st_size,
                sha256=found,
                fim_tokens=fim_tokens,
            )
        with self.alone(name):
            file_name = shipped.file if shipped else file.name
            place = self._copied(file, name, file_name) if copy else file
            stamp = _stamp(place)
            path = None if copy else str(place)
            record = Record(stamp.bytes, found, path, verified=stamp, added=added)
            self._change(name, lambda _: record)
        return self.require(name)

    def keep_tuned(self, partial: Path, model: Model, provenance: Provenance) -> InstalledModel:
        """Make the file `partial` model `model`, which was made from another one.

        Call it inside of `alone`. The file moves into place all at once, and only then takes the
        place of an earlier one of that name.
        """
        check_gguf_magic(partial)
        folder = self.folder(model.name)
        target = folder / model.file
        folder.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
        record = Record(
            model.bytes, model.sha256, verified=_stamp(target), added=model, tuned=provenance
        )
        self._change(model.name, lambda _: record)
        for earlier in folder.glob("*.gguf"):
            if earlier != target:
                earlier.unlink()
        self.clear_partial(model.name)
        return self.require(model.name)

    def provenance(self, name: str) -> Provenance | None:
        """Return from what model `name` was made on this machine; None if it was not."""
        return self._record(name).tuned

    def tuned_from(self, name: str) -> str | None:
        """Return the name of the model that was made from model `name`, if there is one."""
        records = registry.read(self._paths.registry_file)
        made = (other for other, record in records.items() if record.tuned)
        return next((other for other in made if _origin(records[other]) == name), None)

    def remove(self, name: str) -> int:
        """Delete the file of model `name` and what is known about it; return the bytes freed.

        A file outside fimbul's own folder stays. Raises `ModelUnknown`, `ModelMissing` if nothing
        of it is here, `ModelError` if it is being fetched.
        """
        self.get(name)
        folder = self.folder(name)
        if not folder.exists() and self._record(name) == Record():
            raise ModelMissing(f"{name} is not installed; there is nothing to remove.")
        with self.alone(name):
            freed = bytes_in(folder)
            try:
                if folder.exists():
                    shutil.rmtree(folder)
            except OSError as exc:
                raise ModelError(f"{folder} cannot be deleted: {exc.strerror}.") from exc
            self._change(name, lambda _: None)
        return freed

    def discard(self, name: str) -> None:
        """Take away the file of model `name`, so that it can be fetched; keep its digest.

        A file outside fimbul's own folder is only forgotten.
        """
        (self.folder(name) / self.get(name).file).unlink(missing_ok=True)
        self._change(name, lambda record: msgspec.structs.replace(record, path=None, verified=None))

    def clear_partial(self, name: str) -> None:
        """Delete what has arrived of model `name`, and its folder if nothing else is in it."""
        shutil.rmtree(self.partial_folder(name), ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder(name).rmdir()

    @contextlib.contextmanager
    def alone(self, name: str, *, on_wait: Callable[[], object] | None = None) -> Iterator[None]:
        """Be the only process that fetches or removes model `name`.

        If another one does, call `on_wait` and wait for it; without `on_wait` raise `ModelError`.
        """
        # Beside the models' folders, not inside: a lock that is deleted with its folder while
        # somebody waits for it protects nothing.
        lock = FileLock(self._paths.models / ".locks" / f"{name}.lock")
        try:
            Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout as exc:
                if on_wait is None:
                    raise ModelError(
                        f"Another fimbul is fetching {name}; stop it, or wait until it is done."
                    ) from exc
                on_wait()
                lock.acquire()
        except OSError as exc:
            raise ModelError(f"{self._paths.models} cannot be written: {exc.strerror}.") from exc
        try:
            yield
        finally:
            lock.release()

    # Inside

    def _record(self, name: str) -> Record:
        return registry.read(self._paths.registry_file).get(name, Record())

    def _change(self, name: str, update: Callable[[Record], Record | None]) -> None:
        registry.change(self._paths.registry_file, name, update)

    def _place(self, model: Model) -> Path:
        outside = self._record(model.name).path
        return Path(outside) if outside else self.folder(model.name) / model.file

    def _present(self, name: str) -> tuple[Model, Path]:
        model = self.get(name)
        path = self._place(model)
        if not path.exists():
            raise ModelMissing(
                f"The file of {name} is not on this machine ({path}). {self._mend(model)}"
            )
        return model, path

    def _mend(self, model: Model) -> str:
        if model.sources:
            return f"Run `fimbul models pull {model.name}`."
        if origin := _origin(self._record(model.name)):
            return f"Run `fimbul models tune {origin}`, which makes it again."
        return f"Run `fimbul models remove {model.name}` and add its file again."

    def _check_name(self, name: str, file: Path) -> None:
        try:
            msgspec.convert(name, Name)
        except msgspec.ValidationError as exc:
            raise ModelUnusable(
                f"{name!r} cannot be a model's name: use lower-case letters, digits, dots, dashes"
                " and underscores, and begin with a letter or digit. Choose one with --name."
            ) from exc
        place = next((self._place(model) for model in self.models() if model.name == name), None)
        if place and place.is_file() and not place.samefile(file):
            raise ModelError(
                f"There is a model {name} already ({place}). Choose another name with --name, or"
                f" run `fimbul models remove {name}` first."
            )

    def _copied(self, file: Path, name: str, file_name: str) -> Path:
        target = self.folder(name) / file_name
        partial = self.partial_folder(name) / file_name
        if target.exists() and target.samefile(file):
            return target
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, partial)
            partial.replace(target)
        except OSError as exc:
            raise ModelError(f"{file} cannot be copied to {target}: {exc.strerror}.") from exc
        finally:
            self.clear_partial(name)
        return target


def _origin(record: Record) -> str | None:
    return record.tuned.origin if record.tuned else None


def _completed(model: Model, record: Record) -> Model:
    """Return a row of the table with the digest and size that were kept for it."""
    if model.sha256:
        return model
    return msgspec.structs.replace(model, sha256=record.sha256, bytes=record.bytes)


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


def _wrong_digest(path: Path, expected: str, found: str, advice: str) -> ModelDamaged:
    return ModelDamaged(
        f"{path} is not the file it should be: its SHA-256 is {found}, expected {expected}."
        f" {advice}"
    )
