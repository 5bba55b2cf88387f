"""`fimbul erase`: delete what fimbul has stored on this machine, by kind.

Only files and folders that fimbul itself has made, in its own places; links are deleted, what
they point to is not touched.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lsp_server.cli import engine_build
from lsp_server.cli.console import Console, in_units
from lsp_server.config.paths import Paths
from lsp_server.errors import FeedbackError, SetupError
from lsp_server.feedback.store import empty

_HONESTLY = (
    "Erased means: the files are gone; the rows of feedback were overwritten in their file first,"
    " though not in its journal. It does not mean that nobody can find traces: SSDs and file"
    " systems that copy on writing keep old blocks for a while, and so do backups. Against that"
    " only an encrypted disk helps."
)

_ELSEWHERE = (
    "Not touched: model files that were added where they lie, .fimbul.toml in your workspaces, and"
    " the machine's policy."
)
_MORE = "`--all` also takes your settings, the installed engine and whatever else fimbul has made."

_EXTENSION = ("User", "globalStorage", "fimbul.fimbul")
"""Folder of the extension below the folder of a VS Code."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of what is stored."""

    name: str
    what: str
    places: Callable[[Paths], tuple[Path, ...]]
    """The files and folders that hold it and nothing else."""
    only_if_named: bool = False
    """Whether it is left alone unless it is asked for by name."""


KINDS = (
    Kind("feedback", "what became of suggestions", lambda paths: (paths.feedback_file.parent,)),
    Kind("requests", "what became of requests", lambda paths: (paths.requests,)),
    Kind(
        "references",
        "the list of what was accepted though it resembles published code",
        lambda paths: (paths.reference_log.parent,),
    ),
    Kind("logs", "logs of the server", lambda paths: (paths.logs,)),
    Kind("index", "indexes of workspace folders", lambda paths: (paths.cache / "index",)),
    Kind(
        "evaluation",
        "packages and projects that models are judged on",
        lambda paths: tuple(paths.cache / name for name in ("wheels", "workspaces", "peer")),
    ),
    Kind(
        "selftest",
        "outcomes of self-tests",
        lambda paths: _with_lock(paths.selftest_file),
    ),
    Kind("engine", "built engines; installed ones stay", lambda paths: (paths.engine,)),
    Kind(
        "models",
        "models, to be fetched again before there are suggestions",
        lambda paths: (paths.models, *_with_lock(paths.registry_file)),
    ),
    Kind(
        "reference-indexes",
        "indexes of published code, to be added again before suggestions are compared with it",
        lambda paths: (paths.reference_indexes,),
    ),
    Kind(
        "adapters",
        "adapters of your code, and where they are used",
        lambda paths: (paths.adapters,),
    ),
    Kind(
        "key",
        "the private key with which you sign adapters",
        lambda paths: (paths.signing_key,),
        only_if_named=True,
    ),
    Kind("settings", "your own settings", lambda paths: (paths.user_file,), only_if_named=True),
    Kind(
        "extension",
        "what the extension for VS Code has made: the environment with a server of its own",
        lambda _paths: extension_folders(),
        only_if_named=True,
    ),
    Kind(
        "installed",
        "the engine in Python's environment",
        lambda _paths: engine_build.installed_folders(),
        only_if_named=True,
    ),
    Kind(
        "rest",
        "what else lies in fimbul's folders, such as files of other versions",
        lambda paths: _rest(paths),
        only_if_named=True,
    ),
)
_BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one kind."""

    kind: Kind
    places: tuple[Path, ...]
    files: int
    size: int
    """In bytes."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `erase`."""
    explanation = "delete what fimbul has stored on this machine"
    kinds = "; ".join(f"{kind.name}: {kind.what}" for kind in KINDS)
    parser = subparsers.add_parser(
        "erase",
        help=explanation,
        description=f"{explanation.capitalize()}: all of it but your settings, or the kinds that"
        " are named. It is shown first and asked for.",
        epilog=f"Kinds: {kinds}. {_HONESTLY}",
    )
    parser.add_argument("kinds", metavar="KIND", nargs="*", type=_kind, help="only these kinds")
    parser.add_argument(
        "--all",
        action="store_true",
        help="everything: also your settings, the installed engine, what the extension for VS Code"
        " has made, and whatever else lies in fimbul's folders",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what there is")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=_run)


def _kind(name: str) -> Kind:
    if name not in _BY_NAME:
        raise argparse.ArgumentTypeError(f"{name} is not one of {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def _run(arguments: argparse.Namespace) -> int:
    console = Console.standard()
    kinds = arguments.kinds or [kind for kind in KINDS if not kind.only_if_named]
    status = erase(
        Paths.of_user(),
        KINDS if arguments.all else kinds,
        console,
        ask=not arguments.yes,
        dry_run=arguments.dry_run,
    )
    if arguments.all and status == 0 and not arguments.dry_run:
        console.say(
            f"What is left is fimbul itself: `{how_to_uninstall()}`; and the lines in the settings"
            " of your editors."
        )
    return status


def how_to_uninstall(prefix: str = sys.prefix) -> str:
    """Return the command that takes fimbul itself away, by where its environment lies."""
    parts = Path(prefix).parts
    if "pipx" in parts:
        return "pipx uninstall fimbul"
    if "uv" in parts and "tools" in parts:
        return "uv tool uninstall fimbul"
    return f"{sys.executable} -m pip uninstall fimbul"


def erase(
    paths: Paths, kinds: Sequence[Kind], console: Console, *, ask: bool, dry_run: bool
) -> int:
    """Erase `kinds`, after a question if `ask`; return the exit status.

    That is 0 if nothing of them is left (or this was a dry run), and 1 if something is.
    """
    found = [one for kind in dict.fromkeys(kinds) if (one := look(kind, paths)).places]
    if not found:
        console.say(f"Nothing is stored of: {', '.join(kind.name for kind in kinds)}.")
        return 0
    for one in found:
        files = "1 file" if one.files == 1 else f"{one.files} files"
        console.say(f"{one.kind.name:<12}{in_units(one.size):>8}, {files}: {one.kind.what}")
        for place in one.places:
            console.say(f"{'':<12}{place}{' (a link; only it)' if place.is_symlink() else ''}")
    console.say(_ELSEWHERE if set(kinds) == set(KINDS) else f"{_ELSEWHERE} {_MORE}")
    running = servers()
    if running:
        console.warn(
            f"Servers that run now ({len(running)}) keep what they have open until they end, and go"
            " on to store; to stop that, close the editor or switch it off in your settings"
            " (feedback.enable, log.requests, references.log, context.index)."
        )
    if dry_run:
        return 0
    if ask and (console.ask("Erase all of this? [y/N]") or "").lower() not in ("y", "yes"):
        console.warn("Nothing was erased; answer y, or say --yes.")
        return 1
    return _erase(found, paths, console)


def _erase(found: Sequence[Found], paths: Paths, console: Console) -> int:
    complaints: list[str] = []
    for one in found:
        places = one.places
        if one.kind.name == "feedback":
            places = _erase_feedback(paths.feedback_file, places, console)
        elif one.kind.name == "installed":
            places = _uninstall(places, complaints)
        for place in places:
            complaints += _remove(place)
    for folder in _folders(paths):
        _remove_if_empty(folder)
    for complaint in complaints:
        console.warn(complaint)
    if complaints:
        return 1
    console.say(f"Erased {in_units(sum(one.size for one in found))}.")
    console.say(_HONESTLY)
    return 0


def extension_folders(home: Path | None = None) -> tuple[Path, ...]:
    """Return the folders that the extension may have made, in each VS Code of this user.

    `home` is looked in instead of the user's home folder.
    """
    home = home or Path.home()
    kinds = ("Code", "Code - Insiders", "VSCodium", "Code - OSS")
    parents = (".config", "Library/Application Support", "AppData/Roaming")
    editors = [home / parent / kind for parent in parents for kind in kinds]
    editors += [home / ".local/share/code-server"]
    editors += [home / server / "data" for server in (".vscode-server", ".vscodium-server")]
    return tuple(editor.joinpath(*_EXTENSION) for editor in editors)


def _folders(paths: Paths) -> tuple[Path, ...]:
    """Return fimbul's own folders, each once: some systems have one for several purposes."""
    return tuple(dict.fromkeys((paths.state, paths.cache, paths.data, paths.config)))


def _rest(paths: Paths) -> tuple[Path, ...]:
    """Return what lies in fimbul's folders and belongs to no kind."""
    known = {place for kind in KINDS if kind.name != "rest" for place in kind.places(paths)}
    folders = [folder for folder in _folders(paths) if folder.is_dir() and not folder.is_symlink()]
    inside = (place for folder in folders for place in sorted(folder.iterdir()))
    return tuple(place for place in inside if place not in known and place not in folders)


def _uninstall(places: tuple[Path, ...], complaints: list[str]) -> tuple[Path, ...]:
    """Have the engine taken out of the environment; return which places are to be deleted yet."""
    try:
        engine_build.uninstall(engine_build.find_installer())
    except SetupError as error:
        complaints.append(str(error))
        return ()
    return tuple(place for place in places if place.exists())


def look(kind: Kind, paths: Paths) -> Found:
    """Return what there is of one kind."""
    places = tuple(place for place in kind.places(paths) if os.path.lexists(place))
    sizes = [size for place in places for size in _sizes(place)]
    return Found(kind, places, len(sizes), sum(sizes))


def servers() -> list[int]:
    """Return the process ids of this user's servers."""
    found, user = [], psutil.Process().username()
    for process in psutil.process_iter(["cmdline", "username"]):
        words = process.info["cmdline"] or []
        is_ours = "lsp_server.cli.main" in words or "fimbul" in (Path(word).stem for word in words)
        if is_ours and "serve" in words and process.info["username"] == user:
            found.append(process.pid)
    return found


def _with_lock(file: Path) -> tuple[Path, ...]:
    return file, file.with_name(f"{file.name}.lock")


def _sizes(place: Path) -> Iterator[int]:
    """Yield the sizes of all files below a place; nothing that a link points to is looked at."""
    if place.is_symlink() or not place.is_dir():
        yield place.lstat().st_size
        return
    # `os.walk` does not go into links, but counts those to folders as folders.
    for folder, folders, files in os.walk(place):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*files, *links):
            yield Path(folder, name).lstat().st_size


def _erase_feedback(file: Path, places: tuple[Path, ...], console: Console) -> tuple[Path, ...]:
    """Overwrite the rows of feedback; return which places are to be deleted yet."""
    is_linked = file.is_symlink() or any(place.is_symlink() for place in places)
    if is_linked or not file.exists():
        return places
    try:
        stays = empty(file)
    except FeedbackError as error:
        console.warn(f"{error} It is deleted without that.")
        return places
    if not stays:
        return places
    console.say(f"{file} was emptied; a server has it open, so the empty file stays.")
    return tuple(path for path in file.parent.iterdir() if path.name.endswith(".damaged"))


def _remove(place: Path) -> list[str]:
    """Delete a file, a link or a folder; return what went wrong."""
    complaints: list[str] = []

    def complain(_function: object, path: str, error: tuple[object, object, object]) -> None:
        if not isinstance(error[1], FileNotFoundError):
            reason = getattr(error[1], "strerror", None) or error[1]
            complaints.append(f"{path} could not be deleted: {reason}.")

    if place.is_dir() and not place.is_symlink():
        # This goes into no links either, and where the system can, not even into new ones.
        shutil.rmtree(place, onerror=complain)
        return complaints
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        complaints.append(f"{place} could not be deleted: {error.strerror}.")
    return complaints


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
