"""The command `fimbul-models references`: build, merge, check and look at indexes of code.

Turns arguments into calls. What it needs of the extra ``corpus`` is imported only when it builds.
"""

import argparse
import fnmatch
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from fimbul_models.corpus_command import ENGINES
from fimbul_models.errors import RecipeError
from lsp_server.config.paths import Paths
from lsp_server.errors import ReferencesError
from lsp_server.references.indexfile import ENDING, About, open_index
from lsp_server.references.shelf import IndexInfo, info_of, verify


def add_references(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_build(commands.add_parser("build", help="make an index of published code"))
    merge = commands.add_parser("merge", help="make one index of several")
    merge.add_argument("indexes", type=Path, nargs="+", metavar="INDEX")
    _add_naming(merge)
    merge.set_defaults(run_command=_merge)
    remove = commands.add_parser("remove", help="take projects out of an index")
    remove.add_argument("index", type=Path, metavar="INDEX")
    remove.add_argument(
        "projects", nargs="+", metavar="GLOB", help="of names such as `wheel:flask 3.0.3`"
    )
    remove.set_defaults(run_command=_remove)
    check = commands.add_parser("verify", help="read all of an index, and say whether it is whole")
    check.add_argument("indexes", type=Path, nargs="+", metavar="INDEX")
    check.set_defaults(run_command=_verify)
    info = commands.add_parser("info", help="say what is in an index")
    info.add_argument("indexes", type=Path, nargs="*", metavar="INDEX", help="the user's, if none")
    info.add_argument("--json", action="store_true", help="one line for each")
    info.set_defaults(run_command=_info)


def _add_naming(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="of the index")
    parser.add_argument("--version", default="", help="what you call this state of it")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"where it is written (NAME{ENDING} among the user's own, where the server looks)",
    )


def _add_build(parser: argparse.ArgumentParser) -> None:
    cache = Paths.of_user().cache
    _add_naming(parser)
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="of sources, as for `corpus`")
    parser.add_argument(
        "--folder", type=Path, action="append", default=[], metavar="DIR", help="a project"
    )
    parser.add_argument(
        "--folders", type=Path, action="append", default=[], metavar="DIR", help="of projects"
    )
    parser.add_argument(
        "--git", type=Path, action="append", default=[], metavar="DIR", help="a repository"
    )
    parser.add_argument(
        "--records",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="records that `corpus` has left in WORK/gathered or WORK/sifted",
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="parts of the index; the next call makes only what is new (in the user's cache)",
    )
    parser.add_argument("--packages", type=Path, default=cache / "wheels", metavar="DIR")
    parser.add_argument("--repositories", type=Path, default=cache / "repositories", metavar="DIR")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="(%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--ray", default="", metavar="ADDRESS", help="of a running cluster")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N repositories")
    parser.set_defaults(run_command=_build)


def _build(options: argparse.Namespace) -> int:
    if options.processes < 1 or (options.limit is not None and options.limit < 1):
        raise RecipeError("--processes and --limit have to be 1 or more.")
    try:
        from fimbul_models.references.calling import build
    except ImportError as error:
        raise RecipeError(
            f"{error.name} is missing: pip install 'fimbul-models[corpus]'."
        ) from error
    origins = [
        str(path.name)
        for path in (options.recipe, *options.folder, *options.folders, *options.git)
        if path is not None
    ]
    origins += [str(path) for path in options.records]
    output = _output(options)
    build(options, _about(options, tuple(origins)), output)
    _print(verify(output))
    return 0


def _merge(options: argparse.Namespace) -> int:
    from fimbul_models.references.merging import merge_indexes

    origins: list[str] = []
    for path in options.indexes:
        file = open_index(path)
        origins += file.about.origins or (file.about.name,)
        file.close()
    output = _output(options)
    merge_indexes(options.indexes, output, _about(options, tuple(dict.fromkeys(origins))))
    _print(verify(output))
    return 0


def _remove(options: argparse.Namespace) -> int:
    from fimbul_models.references.merging import merge_indexes

    file = open_index(options.index)
    told = file.about
    file.close()

    def goes(project: str) -> bool:
        return any(fnmatch.fnmatchcase(project, glob) for glob in options.projects)

    gone = [project.name for project in told.projects if goes(project.name)]
    if not gone:
        raise ReferencesError(
            f"No project of {options.index} is called {' or '.join(options.projects)};"
            " `info --json` lists them."
        )
    merge_indexes([options.index], options.index, told, without=goes)
    for name in gone:
        print(f"removed {name}")
    _print(verify(options.index))
    return 0


def _verify(options: argparse.Namespace) -> int:
    status = 0
    for path in options.indexes:
        try:
            _print(verify(path))
        except ReferencesError as error:
            print(error, file=sys.stderr)
            status = 1
    return status


def _info(options: argparse.Namespace) -> int:
    folder = Paths.of_user().reference_indexes
    paths = options.indexes or sorted(folder.glob(f"*{ENDING}"))
    if not paths:
        print(f"There is no index in {folder}.")
    for path in paths:
        file = open_index(path)
        if options.json:
            values = {
                **{key: value for key, value in vars(info_of(file)).items() if key != "languages"},
                "path": str(path),
                "languages": file.about.files,
                "project_names": [project.name for project in file.about.projects],
                "licences": [one.expression for one in file.about.licences],
            }
            print(msgspec.json.encode(values).decode())
        else:
            _print(info_of(file))
        file.close()
    return 0


def _print(info: IndexInfo) -> None:
    version = f" {info.version}" if info.version else ""
    print(f"{info.name}{version}, digest {info.digest}, of {info.created or 'no date'}")
    print(f"  {info.path}: {info.size / 1e6:.1f} MB")
    share = info.size / info.source_bytes if info.source_bytes else 0
    print(
        f"  {info.projects} projects, {info.files} files ({info.texts} different),"
        f" {info.source_bytes / 1e6:.1f} MB of source; the index has {share:.0%} of that"
    )
    most = sorted(info.languages.items(), key=lambda one: -one[1])[:8]
    print(f"  {', '.join(f'{name} {count}' for name, count in most)}")
    if info.origins:
        print(f"  made of {', '.join(info.origins)}")


def _about(options: argparse.Namespace, origins: tuple[str, ...]) -> About:
    return About(
        name=options.name,
        version=options.version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        origins=origins,
    )


def _output(options: argparse.Namespace) -> Path:
    if options.output is not None:
        return Path(options.output)
    return Paths.of_user().reference_indexes / f"{options.name}{ENDING}"
