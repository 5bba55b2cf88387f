"""`fimbul adapters`: list, show, add, use, off, rollback, remove and export LoRA adapters.

Training them is `fimbul_models.training`'s, which registers what it has made. Knows nothing about
how an adapter is put over a model.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from lsp_server.catalogue import adapters, repositories
from lsp_server.catalogue.adapter_store import AdapterStore, StoredAdapter
from lsp_server.catalogue.allowed import is_allowed
from lsp_server.catalogue.store import ModelStore
from lsp_server.cli.choice import settings_of
from lsp_server.cli.console import Console, in_units
from lsp_server.completion.adapting import AdapterState, check_fit, choose, why_not
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import AdapterError, FimbulError, ModelError
from lsp_server.inference.container import read_container
from lsp_server.inference.engine import ModelFile


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adapters` and its subcommands."""
    explanation = "adapters of your own code: list, add, use, roll back, remove and export them"
    parser = subparsers.add_parser("adapters", help=explanation)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = _command(commands, "list", "show all adapters, and which is used here", _run_list)
    _add_folder(command)
    command.add_argument("--json", action="store_true", help="print them as JSON")

    command = _command(commands, "show", "print what is known of an adapter, and its card", _show)
    command.add_argument("name")

    command = _command(commands, "add", "add a file that somebody has exported", _add)
    command.add_argument("file", type=Path)

    command = _command(commands, "use", "use an adapter in a folder and below", _use)
    command.add_argument("name", help="NAME, NAME@VERSION or the begin of a digest")
    _add_folder(command)
    command.add_argument(
        "--everywhere", action="store_true", help="in every folder of its repository"
    )

    command = _command(commands, "off", "use none in a folder and below", _off)
    _add_folder(command)

    command = _command(commands, "rollback", "go back to what was used before", _rollback)
    _add_folder(command)

    command = _command(commands, "remove", "delete an adapter", _remove)
    command.add_argument("name")
    command.add_argument("--yes", action="store_true", help="do not ask")

    command = _command(commands, "export", "write an adapter as one signed file", _export)
    command.add_argument("name")
    command.add_argument("file", type=Path)
    command.add_argument(
        "--key",
        type=Path,
        metavar="PEM",
        help="the Ed25519 private key to sign with; if missing, one of your own, made if need be",
    )


def _command(
    commands: Any, name: str, explanation: str, run: Callable[[argparse.Namespace, Console], int]
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=explanation, description=explanation.capitalize() + "."
    )
    command.set_defaults(run=lambda arguments: run(arguments, Console.standard()))
    return command


def _add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="any folder of the repository (default: the current one)",
    )


def _run_list(arguments: argparse.Namespace, console: Console) -> int:
    paths = Paths.of_user()
    store, settings = AdapterStore(paths), settings_of(paths)
    folder = repositories.root_of(arguments.folder)
    model, use = model_file(paths, settings), store.chosen(folder)
    used = use.digest if use is not None else None
    rows = [(one, why_not(one, folder, model, settings)) for one in store.all()]
    if arguments.json:
        found = [_row(one, used, why) for one, why in rows]
        console.say(msgspec.json.encode({"folder": str(folder), "adapters": found}).decode())
        return 0
    if not rows:
        console.say("There are no adapters. `fimbul-models train` makes one of a repository.")
    for one, why in rows:
        manifest = one.manifest
        mark = "*" if manifest.sha256 == used else " "
        whence = "signed" if one.signature else "made here"
        console.say(
            f"{mark} {manifest.title:<24}{manifest.sha256[:12]}  {manifest.created[:10]}  rank "
            f"{manifest.rank}, {in_units(manifest.bytes)}, {whence}, of "
            f"{manifest.repository.name or manifest.repository.key}"
        )
        if why:
            console.say(f"    not to be used here: {why}")
    if use is not None and use.is_off:
        console.say(f"None is used in {folder} (`fimbul adapters off`).")
    return 0


def _row(stored: StoredAdapter, used: str | None, why: str) -> dict[str, Any]:
    manifest = msgspec.to_builtins(stored.manifest)
    manifest.pop("card", None)
    return {
        **manifest,
        "title": stored.manifest.title,
        "used": stored.manifest.sha256 == used,
        "signed": stored.signature is not None,
        "message": why,
    }


def model_file(paths: Paths, settings: Settings) -> ModelFile | None:
    """Return the file of the model that serves; None if it is not here."""
    try:
        found = ModelStore(paths).require(settings.engine.model)
    except FimbulError:
        return None
    return ModelFile(found.model.name, found.path, found.sha256)


def state_here(paths: Paths, settings: Settings) -> tuple[str, str, str]:
    """Return what `fimbul doctor` says: what is found, what to do about it, a name to leave out."""
    store = AdapterStore(paths)
    choice = choose(store, Path(), model_file(paths, settings), settings)
    count = len(store.all())
    title = choice.adapter.title if choice.adapter else ""
    match choice.state:
        case AdapterState.IN_USE:
            return f"{count}; {title} is used in this folder", "", title
        case AdapterState.REFUSED:
            return f"{count}; the one of this folder is not used", choice.why, choice.why
    return f"{count}; none is used in this folder", "", ""


def _show(arguments: argparse.Namespace, console: Console) -> int:
    manifest = AdapterStore(Paths.of_user()).find(arguments.name).manifest
    repository = manifest.repository
    console.say(f"{manifest.title}, made {manifest.created}, SHA-256 {manifest.sha256}")
    console.say(f"for {manifest.base} (SHA-256 {manifest.base_sha256})")
    console.say(f"of {repository.name or repository.kind} ({repository.key})")
    for gate in manifest.gates:
        detail = f" ({gate.detail})" if gate.detail else ""
        console.say(f"{'passed' if gate.has_passed else 'FAILED'}  {gate}{detail}")
    if manifest.card:
        # A card may come from elsewhere; nothing in it is for the terminal to obey.
        console.say("".join(sign for sign in manifest.card if sign == "\n" or sign.isprintable()))
    return 0


def _add(arguments: argparse.Namespace, console: Console) -> int:
    # Most of it is native code that no other command needs.
    from lsp_server.catalogue.signing import verify

    paths = Paths.of_user()
    settings, file = settings_of(paths), arguments.file
    packed = adapters.unpack(file)
    verify(packed, settings.engine.adapter_keys)
    manifest = packed.manifest
    if not is_allowed(settings.policy.allowed_adapters, str(file), manifest.sha256):
        raise AdapterError(f"{paths.policy_file} does not allow the adapter {manifest.title}.")
    check_lora(file)
    _check_base(paths, manifest)
    stored = AdapterStore(paths).add(packed)
    console.say(f"{manifest.title} was added ({stored.path}); `fimbul adapters use` uses it.")
    return 0


def check_lora(file: Path) -> None:
    """Raise `AdapterError` unless a file holds what llama.cpp takes for a LoRA adapter."""
    try:
        container = read_container(file)
        kinds = {
            key: entry.text() if (entry := container.entry(key)) else ""
            for key in ("general.type", "adapter.type")
        }
    except (ModelError, ValueError) as exc:
        raise AdapterError(f"{file} cannot be read as a GGUF file: {exc}") from exc
    halves = (".lora_a", ".lora_b")
    is_lora = tuple(kinds.values()) == ("adapter", "lora")
    if not is_lora or not all(tensor.name.endswith(halves) for tensor in container.tensors):
        raise AdapterError(f"{file} is no LoRA adapter, but a GGUF file of another kind.")


def _check_base(paths: Paths, manifest: adapters.Manifest) -> None:
    known = [model.sha256 for model in ModelStore(paths).models()]
    if manifest.base_sha256 not in known:
        raise AdapterError(
            f"{manifest.title} was made for {manifest.base} with the SHA-256 "
            f"{manifest.base_sha256[:12]}…, which is no model that this fimbul knows; add that "
            "first (`fimbul models add`)."
        )


def _use(arguments: argparse.Namespace, console: Console) -> int:
    paths = Paths.of_user()
    store, settings = AdapterStore(paths), settings_of(paths)
    stored = store.find(arguments.name)
    folder = None if arguments.everywhere else repositories.root_of(arguments.folder)
    check_fit(stored, folder, model_file(paths, settings), settings)
    store.check(stored)
    store.use(stored.manifest.sha256, folder)
    where = f"in {folder}" if folder else f"wherever {stored.manifest.repository.name} is cloned"
    console.say(f"{stored.manifest.title} is used {where} from now on; running servers notice.")
    return 0


def _off(arguments: argparse.Namespace, console: Console) -> int:
    folder = repositories.root_of(arguments.folder)
    AdapterStore(Paths.of_user()).off(folder)
    console.say(f"No adapter is used in {folder} from now on; running servers notice.")
    return 0


def _rollback(arguments: argparse.Namespace, console: Console) -> int:
    folder = repositories.root_of(arguments.folder)
    stored = AdapterStore(Paths.of_user()).rollback(folder)
    name = stored.manifest.title if stored else "no adapter"
    console.say(f"{folder} is back at {name}; running servers notice.")
    return 0


def _remove(arguments: argparse.Namespace, console: Console) -> int:
    store = AdapterStore(Paths.of_user())
    manifest = store.find(arguments.name).manifest
    if not arguments.yes:
        question = f"Delete {manifest.title} ({manifest.sha256[:12]})? [y/N]"
        if (console.ask(question) or "").lower() not in ("y", "yes"):
            console.warn("Nothing was deleted; answer y, or say --yes.")
            return 1
    store.remove(manifest.sha256)
    console.say(f"{manifest.title} was deleted.")
    return 0


def _export(arguments: argparse.Namespace, console: Console) -> int:
    from lsp_server.catalogue import signing

    paths = Paths.of_user()
    store = AdapterStore(paths)
    stored = store.find(arguments.name)
    manifest, file = stored.manifest, arguments.file
    if manifest.objections:
        raise AdapterError(
            f"{manifest.title} did not pass its gates and is not exported: "
            f"{'; '.join(manifest.objections)}."
        )
    if manifest.repository.kind == "folder":
        raise AdapterError(
            f"{manifest.title} belongs to a folder without git on this machine and would fit "
            "nowhere else; commit that folder and train again."
        )
    if file.exists():
        raise AdapterError(f"{file} is there already; name another file.")
    store.check(stored)
    path = arguments.key or paths.signing_key
    is_new = arguments.key is None and not path.exists()
    key = signing.make_key(path) if is_new else signing.read_key(path)
    adapters.pack(stored.path, stored.text, signing.sign(stored.text, key), file)
    if is_new:
        console.say(f"A key was made to sign with ({path}); keep it to yourself.")
    console.say(f"{manifest.title} was written to {file}. It holds what was learned from")
    console.say(f"{manifest.repository.name}: give it only to those who may read that.")
    console.say("Who wants to add it has to trust your key, in their own config.toml or policy:")
    console.say(f'  [engine]\n  adapter_keys = ["{signing.public_text(key)}"]')
    return 0
