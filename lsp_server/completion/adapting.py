"""Which adapter is put over the model in which folder, of those that the user has chosen.

An adapter is used only if it is for the very model that is loaded and for the repository that the
folder is part of, if its gates were passed, if the machine's policy allows it and, where it came
from another machine, if a key that is trusted has signed it. What does not fit is said once, and
the model answers as it is. A workspace chooses nothing: choices come from the user's own store.
Knows nothing about LSP.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

from lsp_server.catalogue.adapter_store import AdapterStore, StoredAdapter
from lsp_server.catalogue.adapters import Packed
from lsp_server.catalogue.allowed import is_allowed
from lsp_server.catalogue.repositories import belongs
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import AdapterError
from lsp_server.inference.engine import ModelFile
from lsp_server.types import NO_ADAPTER, Adapter, Document

EVERY = 2.0
"""Seconds between two looks at what was chosen."""


class AdapterState(enum.Enum):
    """What is done in one folder."""

    DEFAULT = "default"
    """Nothing was chosen: as `engine.adapter` says."""
    IN_USE = "in-use"
    OFF = "off"
    """The user wants none."""
    REFUSED = "refused"
    """What was chosen does not fit, so none is used."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What holds in one folder."""

    state: AdapterState
    adapter: Adapter | None = None
    """What engines are told; None is what they were loaded with."""
    why: str = ""
    """Why it was refused, a sentence for the user."""


_NOTHING = Choice(AdapterState.DEFAULT)


def choose(
    store: AdapterStore, folder: Path, model: ModelFile | None, settings: Settings
) -> Choice:
    """Return what holds in `folder`. Reads the whole adapter; never raises for what is wrong."""
    try:
        use = store.chosen(folder)
        if use is None:
            return _NOTHING
        if use.digest is None:
            return Choice(AdapterState.OFF, NO_ADAPTER)
        stored = store.get(use.digest)
        check_fit(stored, folder, model, settings)
        store.check(stored)
    except AdapterError as error:
        return Choice(AdapterState.REFUSED, NO_ADAPTER, str(error))
    except (OSError, RuntimeError) as error:
        # A folder that is gone, or links that go round.
        why = f"Which adapter holds in {folder} cannot be told: {error}."
        return Choice(AdapterState.REFUSED, NO_ADAPTER, why)
    manifest = stored.manifest
    adapter = Adapter(str(stored.path), manifest.percent / 100, manifest.title)
    return Choice(AdapterState.IN_USE, adapter)


def check_fit(
    stored: StoredAdapter, folder: Path | None, model: ModelFile | None, settings: Settings
) -> None:
    """Raise `AdapterError` if an adapter may not be used with `model` in `folder`.

    `folder` may be None to leave the repository out; `model` None is no model on this machine.
    """
    manifest = stored.manifest
    if manifest.objections:
        raise AdapterError(
            f"The adapter {manifest.title} did not pass its gates and is not used: "
            f"{'; '.join(manifest.objections)}."
        )
    if model is None or model.digest != manifest.base_sha256:
        raise AdapterError(
            f"The adapter {manifest.title} was made for {manifest.base} (SHA-256 "
            f"{manifest.base_sha256[:12]}), and the model here is {_called(model)}, so it is not "
            "used."
        )
    if folder is not None and not belongs(folder, manifest.repository):
        raise AdapterError(
            f"The adapter {manifest.title} is for the repository {manifest.repository.name}, of "
            f"which {folder} is no part, so it is not used there."
        )
    allowed = settings.policy.allowed_adapters
    if not is_allowed(allowed, str(stored.path), manifest.sha256):
        raise AdapterError(
            f"The policy of this machine does not allow the adapter {manifest.title}, only: "
            f"{', '.join(allowed)}."
        )
    if stored.signature is not None:
        # Half of what verifies is native code, which nobody needs whose adapters are their own.
        from lsp_server.catalogue.signing import verify

        verify(
            Packed(stored.path, manifest, stored.text, stored.signature),
            settings.engine.adapter_keys,
        )


def why_not(
    stored: StoredAdapter, folder: Path, model: ModelFile | None, settings: Settings
) -> str:
    """Return why an adapter may not be used in `folder`; empty if it may."""
    try:
        check_fit(stored, folder, model, settings)
    except AdapterError as error:
        return str(error)
    return ""


def _called(model: ModelFile | None) -> str:
    return "none" if model is None else f"{model.name} ({model.digest[:12]})"


class Adapters:
    """What holds in each folder of one server or command."""

    def __init__(self, paths: Paths, tell: Callable[[str], None] = lambda _message: None) -> None:
        """`tell` gets each sentence about an adapter that does not fit, once."""
        self._store = AdapterStore(paths)
        self._tell = tell
        self._told: set[str] = set()
        self._stamp: object = None
        self._choices: Mapping[str, Choice] = MappingProxyType({})

    def look(self, folders: Sequence[str], model: ModelFile | None, settings: Settings) -> object:
        """Return what `take` takes, or None if nothing can have changed since. Blocks on disks.

        `folders` are workspace folders; what was chosen for folders inside of them holds there.
        """
        stamp = (_stamp(self._store.uses_file), tuple(folders), model, settings)
        if stamp == self._stamp:
            return None
        return stamp, self._find(folders, model, settings)

    def _find(
        self, folders: Sequence[str], model: ModelFile | None, settings: Settings
    ) -> dict[str, Choice]:
        try:
            if not (uses := self._store.uses()):
                # Nobody's folders are looked at for somebody who has no adapters.
                return {}
            chosen = [use.folder for use in uses if use.folder]
        except AdapterError as error:
            return {folder: Choice(AdapterState.REFUSED, None, str(error)) for folder in folders}
        inside = [
            place
            for place in chosen
            if any(PurePath(folder) in PurePath(place).parents for folder in folders)
        ]
        return {
            place: choose(self._store, Path(place), model, settings)
            for place in dict.fromkeys((*folders, *inside))
        }

    def take(self, found: Any) -> bool:
        """Take what `look` returned; return whether anything is different from now on."""
        if found is None:
            return False
        self._stamp, choices = found
        for choice in choices.values():
            if choice.why and choice.why not in self._told:
                self._told.add(choice.why)
                self._tell(choice.why)
        before, self._choices = self._choices, MappingProxyType(choices)
        return bool(dict(before) != choices)

    def of(self, document: Document) -> Adapter | None:
        """Return what is put over the model for a document."""
        if not document.folder or not self._choices:
            return None
        file = PurePath(document.folder, document.path)
        for place in (str(file), *(str(parent) for parent in file.parents)):
            if (choice := self._choices.get(place)) is not None:
                return choice.adapter
        return None

    def as_json(self, unfit: "set[str] | frozenset[str]" = frozenset()) -> list[dict[str, str]]:
        """Return what holds in each folder where something was chosen.

        `unfit` are paths of adapters that the engine has refused.
        """
        rows = []
        for folder, choice in self._choices.items():
            adapter = choice.adapter or NO_ADAPTER
            state, why = choice.state, choice.why
            if adapter.path in unfit:
                state, why = AdapterState.REFUSED, "The engine cannot use it with this model."
            if state is not AdapterState.DEFAULT:
                rows.append(
                    {"folder": folder, "name": adapter.title, "state": state.value, "message": why}
                )
        return rows


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
