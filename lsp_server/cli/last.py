"""`fimbul explain --last`: what became of the latest requests of the servers on this machine.

Reads the files that servers write (`log.requests`); nothing is asked of a server that runs, and no
file holds any code.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lsp_server.completion.fate_log import Session, sessions
from lsp_server.completion.fates import counted
from lsp_server.completion.retelling import as_json, moment, summary, tally_lines, told_all
from lsp_server.config.layers import POLICY_MAY, WORKSPACE_MAY, merge, read_file
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths, workspace_file
from lsp_server.errors import FimbulError

SHOWN = 10
"""Requests that are told if no number is given."""

NOTHING = 2
"""Exit status where there is nothing to tell."""

_ASK_THE_EDITOR = (
    "The editor can ask its server itself: the command `fimbul.explain` (Neovim: `:FimbulExplain`)."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--last` and `--all`."""
    parser.add_argument(
        "--last",
        nargs="?",
        type=int,
        const=SHOWN,
        metavar="N",
        help=f"say what became of the last N requests (without N, {SHOWN}) instead of looking at "
        "a place",
    )
    parser.add_argument(
        "--all", action="store_true", help="with --last, of all servers that left word"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what became of the last requests; return the exit status."""
    if arguments.place is not None:
        raise FimbulError("--last tells of past requests; leave out FILE:LINE:COLUMN.")
    if arguments.last < 1:
        raise FimbulError(f"--last {arguments.last}: a number from 1 on is needed.")
    paths = Paths.of_user()
    settings = _settings(paths)
    found = sessions(paths.requests)
    chosen = found if arguments.all else found[-1:]
    if arguments.json:
        sys.stdout.write(_as_json(paths, settings, chosen, arguments.last))
    else:
        lines = _as_text(paths.requests, settings, chosen, arguments.last)
        sys.stdout.write("\n".join(lines) + "\n")
    return 0 if any(session.fates for session in chosen) else NOTHING


def state_of(session: Session) -> str:
    """Return which server it was and whether it still runs."""
    running = "running" if session.is_running else "ended"
    return f"server of {moment(session.head.started)}, process {session.head.pid}, {running}"


def newest(folder: Path) -> str:
    """Return what became of the requests of the server that answered last, in a line."""
    found = sessions(folder)
    if not found:
        return "no server has left word"
    counts = counted(found[-1].fates)
    asked = summary(counts) if counts else "nothing was asked yet"
    return "; ".join([f"{state_of(found[-1])}: {asked}", *tally_lines(found[-1].tally)])


def _settings(paths: Paths) -> Settings:
    layers, _ = read_file(paths.user_file, None)
    workspace, _ = read_file(workspace_file(Path.cwd()), WORKSPACE_MAY)
    policy, _ = read_file(paths.policy_file, POLICY_MAY)
    return merge([*layers, *workspace, *policy])[0]


def _as_text(
    folder: Path, settings: Settings, chosen: Sequence[Session], count: int
) -> Iterator[str]:
    if not settings.log.requests:
        yield (
            "What becomes of requests is not written down here (log.requests = false). "
            + _ASK_THE_EDITOR
        )
    if not chosen:
        yield (
            f"No server has left word in {folder}. Either none has run yet, then look whether the "
            "editor starts `fimbul serve`, and at its own log; or log.requests is false there. "
            + _ASK_THE_EDITOR
        )
    for number, session in enumerate(chosen):
        if number:
            yield ""
        yield from _session_lines(session, count)


def _session_lines(session: Session, count: int) -> Iterator[str]:
    yield state_of(session)
    if session.fates:
        yield from told_all(session.fates[-count:])
        yield summary(counted(session.fates))
    elif session.is_running:
        yield (
            "It has not been asked for anything yet. If you have typed since then, the editor does "
            "not ask: its inline completion may be off, or not on for this kind of file."
        )
    else:
        yield "It was never asked for anything."
    yield from tally_lines(session.tally)


def _as_json(paths: Paths, settings: Settings, chosen: Sequence[Session], count: int) -> str:
    values = {
        "folder": str(paths.requests),
        "requests": settings.log.requests,
        "servers": [
            {
                "started": session.head.started,
                "pid": session.head.pid,
                "version": session.head.version,
                "running": session.is_running,
                "file": str(session.file),
                "counts": {
                    reason or "shown": count for reason, count in counted(session.fates).items()
                },
                "replaced": session.tally.replaced,
                "limits": session.tally.limits,
                "requests": [as_json(fate) for fate in session.fates[-count:]],
            }
            for session in chosen
        ],
    }
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"
