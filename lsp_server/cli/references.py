"""`fimbul references`: indexes of published code, files that resemble it, and what was accepted."""

import argparse
import importlib.metadata
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from lsp_server.catalogue.files import replace_file
from lsp_server.cli.console import Console, in_units
from lsp_server.cli.reference_check import (
    Checked,
    as_sarif,
    as_table,
    as_values,
    check,
    targets,
)
from lsp_server.config.layers import POLICY_MAY, WORKSPACE_MAY, merge, read_file
from lsp_server.config.options import Resembling, Settings
from lsp_server.config.paths import Paths, workspace_file
from lsp_server.errors import ReferencesError
from lsp_server.references.exports import as_csv, as_notice, as_spdx
from lsp_server.references.indexfile import ENDING
from lsp_server.references.library import open_library
from lsp_server.references.log import Logged, read_log
from lsp_server.references.shelf import IndexInfo, verify
from lsp_server.references.telling import logged_as_json, logged_in_full

FOUND, NOT_CHECKED = 1, 2
"""Exit statuses of `check`: something was found; it could not be told for all."""

_LEAST = 65
"""Tokens of a run that is told of, unless another number is given."""

_SLOW = 2.0
"""Seconds after which a command says that it goes on working."""

_NAME = re.compile(r"[\w.\-]{1,100}")

_HOW = (
    "Put one there with `fimbul references add FILE`; `fimbul-models references` builds them"
    " (models/README.md)."
)

_Result = TypeVar("_Result")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `references` and its commands."""
    explanation = "indexes of published code, what resembles it, and what of that was accepted"
    parser = subparsers.add_parser("references", help=explanation, description=f"{explanation}.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    one = _command(commands, "list", _list, "show the indexes that suggestions are compared with")
    one.add_argument("--json", action="store_true", help="print one object of JSON")

    one = _command(commands, "add", _add, "check an index and use it from now on")
    one.add_argument("file", type=Path, metavar="FILE", help=f"an index, such as NAME{ENDING}")
    one.add_argument("--replace", action="store_true", help="instead of the one of the same name")

    one = _command(commands, "remove", _remove, "use an index no more, and delete its file here")
    one.add_argument("name", metavar="NAME", help="as `list` shows it, or the name of its file")

    one = _command(commands, "verify", _verify, "read indexes as a whole, and say what is wrong")
    one.add_argument("names", metavar="NAME", nargs="*", help="only these")

    _add_check(commands)

    one = _command(commands, "log", _log, "show what was accepted though it resembles such code")
    one.add_argument("--json", action="store_true", help="print one object of JSON")
    _add_choice(one)

    one = _command(commands, "export", _export, "write that list for others")
    one.add_argument("--format", choices=("csv", "spdx", "notice"), default="csv")
    one.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    _add_choice(one)


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    explanation: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=explanation, description=f"{explanation}.")
    parser.set_defaults(run=run)
    return parser


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    one = _command(commands, "check", _check, "say which files resemble published code")
    one.epilog = (
        "Exit status: 0 if nothing is found that the policy (references.policy) does not allow, 1 "
        "if something is, 2 if that could not be told for all."
    )
    one.add_argument("places", type=Path, metavar="PATH", nargs="+", help="files and folders")
    one.add_argument("--format", choices=("table", "json", "sarif"), default="table")
    one.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    one.add_argument(
        "--suppressed",
        action="store_true",
        help="show what is alike and means nothing, too, each with the rule that says so",
    )
    one.add_argument(
        "--fail",
        choices=("annotate", "block", "never"),
        default="annotate",
        help="from which verdict on the exit status is 1 (%(default)s)",
    )
    one.add_argument(
        "--least",
        type=int,
        default=_LEAST,
        metavar="TOKENS",
        help="shortest run that is told of (%(default)s); below 65 some are missed",
    )
    one.add_argument(
        "--indexes", type=Path, metavar="DIR", help="a folder of indexes instead of your own"
    )


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "places", type=Path, metavar="PATH", nargs="*", help="only files there, or below"
    )
    parser.add_argument(
        "--gone", action="store_true", help="also what has been edited away since, which is marked"
    )


# Indexes


def _list(arguments: argparse.Namespace) -> int:
    paths, console = Paths.of_user(), Console.standard()
    library = open_library(paths.reference_indexes, _settings(paths).policy.allowed_indexes, ())
    infos = library.indexes if library else ()
    problems = library.problems if library else ()
    if arguments.json:
        values = {"indexes": [_info(info) for info in infos], "problems": list(problems)}
        console.say(json.dumps(values, indent=1))
        return 0
    for info in infos:
        version = f" {info.version}" if info.version else ""
        console.say(
            f"{info.name}{version}: {info.projects:,} projects, {info.files:,} files,"
            f" {in_units(info.source_bytes)} of source, {info.created[:10]}"
        )
        console.say(f"    {info.path}, {in_units(info.size)}, {info.digest}")
    for problem in problems:
        console.warn(problem)
    if not library:
        console.say(f"There are no reference indexes in {paths.reference_indexes}. {_HOW}")
    return 0


def _info(info: IndexInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "version": info.version,
        "digest": info.digest,
        "created": info.created,
        "origins": list(info.origins),
        "path": str(info.path),
        "size": info.size,
        "projects": info.projects,
        "files": info.files,
        "tokens": info.tokens,
        "sourceBytes": info.source_bytes,
        "languages": dict(info.languages),
    }


def _add(arguments: argparse.Namespace) -> int:
    paths, console = Paths.of_user(), Console.standard()
    folder = paths.reference_indexes
    info = _patiently(console, f"Checking {arguments.file}", lambda: verify(arguments.file))
    if not _NAME.fullmatch(info.name):
        raise ReferencesError(
            f"The index {arguments.file} is named {info.name!r}, which cannot be a file's name;"
            " build it under another."
        )
    allowed = _settings(paths).policy.allowed_indexes
    if allowed and info.name not in allowed:
        raise ReferencesError(
            f"The index {info.name} may not be used: the machine's policy does not name it"
            " (policy.allowed_indexes)."
        )
    target = folder / f"{info.name}{ENDING}"
    if target.exists() and not arguments.replace:
        raise ReferencesError(f"There is an index {info.name} already; say --replace to renew it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{info.name}.part"
        _copy(arguments.file, part, info.size, console)
        # Servers have the old one mapped, so it is replaced and never written over.
        part.replace(target)
    except OSError as error:
        raise ReferencesError(f"{target} could not be written: {error.strerror}.") from error
    console.say(f"{info.name} is used from now on; servers that run notice it in some seconds.")
    return 0


def _copy(source: Path, target: Path, size: int, console: Console) -> None:
    with source.open("rb") as reader, target.open("wb") as writer, console.bar(size, "add") as bar:
        while piece := reader.read(1 << 20):
            writer.write(piece)
            bar.update(len(piece))


def _remove(arguments: argparse.Namespace) -> int:
    paths, console = Paths.of_user(), Console.standard()
    file = _file_of(paths.reference_indexes, arguments.name)
    try:
        file.unlink()
    except OSError as error:
        raise ReferencesError(f"{file} could not be deleted: {error.strerror}.") from error
    console.say(f"{file} was deleted.")
    return 0


def _file_of(folder: Path, name: str) -> Path:
    """Return the file of the index `name`; raises ReferencesError if there is none."""
    library = open_library(folder, (), ())
    named = {info.name: info.path for info in library.indexes} if library else {}
    if library:
        library.close()
    # One that is damaged has no name but its file's.
    stems = {file.name.removesuffix(ENDING): file for file in folder.glob(f"*{ENDING}")}
    found = named.get(name) or stems.get(name.removesuffix(ENDING))
    if found is None:
        known = ", ".join(sorted({*named, *stems})) or "there is none at all"
        raise ReferencesError(f"There is no index {name} in {folder} ({known}).")
    return found


def _verify(arguments: argparse.Namespace) -> int:
    paths, console = Paths.of_user(), Console.standard()
    folder = paths.reference_indexes
    if arguments.names:
        files = [_file_of(folder, name) for name in arguments.names]
    else:
        files = sorted(folder.glob(f"*{ENDING}"))
    if not files:
        console.say(f"There are no reference indexes in {folder}. {_HOW}")
    status = 0
    for file in files:
        try:
            info = _patiently(console, f"Reading {file}", partial(verify, file))
        except ReferencesError as error:
            console.warn(str(error))
            status = 1
        else:
            console.say(f"{info.name}: whole, {in_units(info.size)}, {info.digest}")
    return status


def _patiently(console: Console, what: str, work: Callable[[], _Result]) -> _Result:
    """Do `work`; if it takes a while, say so, and from time to time how long."""
    over, begun = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(_SLOW):
            console.warn(f"{what}: {time.monotonic() - begun:.0f} s …")

    threading.Thread(target=tell, name="progress", daemon=True).start()
    try:
        return work()
    finally:
        over.set()


# Files that exist


def _check(arguments: argparse.Namespace) -> int:
    paths, console = Paths.of_user(), Console.standard()
    try:
        return _checked(arguments, paths, console)
    except ReferencesError as error:
        console.warn(f"fimbul: {error}")
        return NOT_CHECKED


def _checked(arguments: argparse.Namespace, paths: Paths, console: Console) -> int:
    roots = {_root(place) for place in arguments.places}
    settings = _settings(paths, roots)
    folder = arguments.indexes or paths.reference_indexes
    library = open_library(folder, settings.policy.allowed_indexes, sorted(roots))
    problems = library.problems if library else ()
    for problem in problems:
        console.warn(problem)
    if library is None or not library.names:
        raise ReferencesError(f"Nothing can be compared: no index in {folder} can be used. {_HOW}")
    left_out: Counter[str] = Counter()
    files = list(targets(arguments.places, left_out))
    with console.bar(sum(file.size for file in files), "check") as bar:
        checked = check(
            files,
            library,
            settings.references,
            least=arguments.least,
            left_out=left_out,
            done=bar.update,
        )
    shown = [one for one in checked.findings if arguments.suppressed or not one.rule]
    told = Checked(
        [one for one in shown if one.rule or one.verdict is not Resembling.ALLOW],
        checked.files,
        left_out,
    )
    _write(arguments.output, _as_text(arguments.format, told))
    # What was found damaged only now has told of nothing.
    late = [problem for problem in library.problems if problem not in problems]
    for problem in late:
        console.warn(problem)
    if _fails(checked, arguments.fail):
        return FOUND
    return NOT_CHECKED if problems or late else 0


def _fails(checked: Checked, fail: str) -> bool:
    if fail == "never":
        return False
    verdicts = [Resembling.BLOCK] if fail == "block" else [Resembling.BLOCK, Resembling.ANNOTATE]
    return any(one.verdict in verdicts for one in checked.findings)


def _as_text(form: str, checked: Checked) -> str:
    if form == "json":
        return json.dumps(as_values(checked), indent=1) + "\n"
    if form == "sarif":
        return as_sarif(checked, importlib.metadata.version("fimbul"))
    count = len([one for one in checked.findings if not one.rule])
    left_out = sum((checked.left_out or {}).values())
    last = f"{count} found in {checked.files} files; {left_out} others were left out."
    return "\n".join([*as_table(checked.findings), last]) + "\n"


def _root(place: Path) -> Path:
    """Return the repository that a place is in, else its folder."""
    folder = place.absolute() if place.is_dir() else place.absolute().parent
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


# What was accepted


def _chosen(arguments: argparse.Namespace, console: Console) -> list[Logged]:
    known, unread = read_log(Paths.of_user().reference_log)
    if unread:
        console.warn(f"{unread} lines of the log could not be read; a newer version may have.")
    places = [str(place.absolute()) for place in arguments.places]
    return [
        one
        for one in known
        if (arguments.gone or one.gone_at is None) and _is_below(one.entry.file, places)
    ]


def _is_below(file: str, places: Sequence[str]) -> bool:
    is_file = [file == place or Path(place) in Path(file).parents for place in places]
    return any(is_file) or not places


def _log(arguments: argparse.Namespace) -> int:
    console = Console.standard()
    chosen = _chosen(arguments, console)
    if arguments.json:
        console.say(json.dumps({"entries": [logged_as_json(one) for one in chosen]}, indent=1))
        return 0
    for one in chosen:
        console.say(logged_in_full(one))
    if not chosen:
        console.say("Nothing is listed.")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    chosen = _chosen(arguments, Console.standard())
    if arguments.format == "csv":
        text = as_csv(chosen)
    elif arguments.format == "notice":
        text = as_notice(chosen)
    else:
        version = importlib.metadata.version("fimbul")
        text = as_spdx(chosen, created=time.time(), version=version)
    _write(arguments.output, text)
    return 0


def _write(file: Path | None, text: str) -> None:
    if file is None:
        sys.stdout.write(text)
        return
    try:
        replace_file(file, text)
    except OSError as error:
        raise ReferencesError(f"{file} cannot be written: {error.strerror}.") from error


def _settings(paths: Paths, folders: Sequence[Path] | set[Path] = ()) -> Settings:
    console = Console.standard()
    layers, messages = read_file(paths.user_file, None)
    files = [(workspace_file(folder), WORKSPACE_MAY) for folder in sorted(folders)]
    for file, may in (*files, (paths.policy_file, POLICY_MAY)):
        found, wrong = read_file(file, may)
        layers += found
        messages += wrong
    settings, more = merge(layers)
    for message in (*messages, *more):
        console.warn(message)
    return settings
