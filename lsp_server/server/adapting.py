"""Adapters in a running server: what was chosen is noticed, told, and may be changed.

What holds where is decided in `lsp_server.completion.adapting`; an engine that is asked under
another adapter changes it without loading its model anew, so nothing is restarted here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.completion.adapting import EVERY, Adapters, check_fit, why_not
from lsp_server.config.options import Settings
from lsp_server.errors import AdapterError
from lsp_server.inference.engine import ModelFile
from lsp_server.patience import begin
from lsp_server.server.configuration import plain
from lsp_server.server.documents import locate
from lsp_server.server.uris import to_fs_path

if TYPE_CHECKING:
    from lsp_server.server.app import FimbulServer

CHOOSE_ADAPTER = "fimbul.adapters"
"""Command: list the adapters for a folder, use one, none, or the one before."""

PATIENCE = 3.0
"""Seconds that are waited for folders' disks before a model answers without adapters."""


async def refresh(server: "FimbulServer") -> None:
    """Find out what holds in each workspace folder, and answer by that from now on."""
    folders = [path for uri in server.workspace.folders if (path := to_fs_path(uri))]
    adapters, model, settings = server.adapters, server.model_file, server.settings
    found = await begin(lambda: adapters.look(folders, model, settings))
    if adapters.take(found):
        server.pipeline.adapt(adapters.of)
        server.report_status_again()


async def refresh_in_time(server: "FimbulServer") -> None:
    """Do the same, but go on without it where a disk does not answer."""
    server.keep(refreshing := asyncio.ensure_future(refresh(server)))
    await asyncio.wait({refreshing}, timeout=PATIENCE)


async def watch(server: "FimbulServer") -> None:
    """Notice what is chosen on the command line."""
    while True:
        await asyncio.sleep(EVERY)
        if server.pipeline.model is not None:
            await refresh(server)


def status(adapters: Adapters, unfit: set[str], *, is_remote: bool) -> dict[str, Any]:
    """Return what the status says of adapters; a server's model has none of ours."""
    rows = [] if is_remote else adapters.as_json(unfit)
    names = sorted({row["name"] for row in rows if row["state"] == "in-use"})
    return {"adapter": ", ".join(names), "adapters": rows}


async def run(server: "FimbulServer", arguments: Sequence[Any]) -> dict[str, Any] | None:
    """Do what the argument of the command asks for, and return what can be chosen.

    It is an object with ``uri``, of a document or folder (else the first workspace folder holds),
    ``action`` (``list``, ``use``, ``off`` or ``rollback``) and, to use one, ``id``, its digest.
    """
    options = plain(arguments[0]) if arguments else {}
    if not isinstance(options, Mapping):
        options = {}
    folder = _folder(server, options.get("uri"))
    if folder is None:
        server.tell(lsp.MessageType.Info, "Open a folder first: adapters belong to folders.")
        return None
    store, model, settings = AdapterStore(server.paths), server.model_file, server.settings
    try:
        await begin(lambda: _act(store, folder, model, settings, options))
        rows = await begin(lambda: choices(store, folder, model, settings))
    except AdapterError as error:
        server.tell(lsp.MessageType.Warning, str(error))
        return None
    await refresh(server)
    return {"folder": str(folder), "adapters": rows}


def _folder(server: "FimbulServer", uri: Any) -> Path | None:
    folders = list(server.workspace.folders)
    if isinstance(uri, str) and uri in folders:
        found = to_fs_path(uri)
    elif isinstance(uri, str):
        found = locate(uri, folders)[0]
    else:
        found = next((path for one in folders if (path := to_fs_path(one))), None)
    return Path(found) if found else None


def _act(
    store: AdapterStore,
    folder: Path,
    model: ModelFile | None,
    settings: Settings,
    options: Mapping[str, Any],
) -> None:
    match options.get("action"):
        case "use":
            stored = store.find(str(options.get("id")))
            check_fit(stored, folder, model, settings)
            store.use(stored.manifest.sha256, folder)
        case "off":
            store.off(folder)
        case "rollback":
            store.rollback(folder)


def choices(
    store: AdapterStore, folder: Path, model: ModelFile | None, settings: Settings
) -> list[dict[str, Any]]:
    """Return all adapters, what is used now, and why others cannot be used in `folder`."""
    use = store.chosen(folder)
    digest = use.digest if use is not None else None
    return [
        {
            "id": one.manifest.sha256,
            "name": one.manifest.title,
            "created": one.manifest.created,
            "used": one.manifest.sha256 == digest,
            "message": why_not(one, folder, model, settings),
        }
        for one in store.all()
    ]
