"""`fimbul serve`: the language server, for an editor to start.

The order matters: the guard is raised before any thread or process starts. The worker is started
next and told to load the model, and only then is the server imported, which takes as long. On two
cores the one costs no time while the other runs.
"""

import argparse
import asyncio
import contextlib
import ctypes
import importlib
import importlib.metadata
from typing import TYPE_CHECKING

from lsp_server.cli.engines import add_engine_options, command_of, engine_of
from lsp_server.config.layers import POLICY_MAY, merge, read_file
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError
from lsp_server.guard.child import confine_server
from lsp_server.guard.network import NetworkGuard
from lsp_server.inference.spare import SpareWorker

if TYPE_CHECKING:
    from lsp_server.completion.serving import ChooseModel
    from lsp_server.config.options import Settings

_ARENA_MAX = -8
"""What glibc calls the number of heaps (malloc.h)."""

SERVER = "lsp_server.server.handlers"
"""What takes so long to import."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `serve`."""
    explanation = "run the language server on standard input and output"
    parser = subparsers.add_parser("serve", help=explanation, description=explanation + ".")
    parser.add_argument(
        "--stdio", action="store_true", help="accepted because editors pass it; there is no other"
    )
    parser.add_argument(
        "--without-references",
        action="store_true",
        help="compare nothing with published code, whatever the settings say: for measurements",
    )
    add_engine_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    use_one_heap()
    paths = Paths.of_user()
    settings = _settings(paths)
    guard = confine_server(names_server=bool(settings.engine.remote_url))
    # Where the editor says exit, and at Ctrl-C in a terminal, these end the event loop.
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        asyncio.run(serve(arguments, paths, settings, guard))
    return 0


def use_one_heap() -> bool:
    """Have all threads share one heap; return whether the system's library can.

    glibc gives each thread that allocates a heap of its own, and what one has freed no other uses,
    so a server whose threads take turns holds the same memory several times.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, 1))
    except (AttributeError, OSError, TypeError):
        # Another system, or another library.
        return False


async def serve(
    arguments: argparse.Namespace, paths: Paths, settings: "Settings", guard: NetworkGuard
) -> None:
    """Run the server until the editor ends it; `settings` are those before the editor speaks."""
    # Where a server is named, the worker may never be needed.
    spare = None if settings.engine.remote_url else await SpareWorker.start(command_of(arguments))
    try:
        command, choose = engine_of(arguments, paths)
        loading = asyncio.create_task(_load_ahead(spare, choose, settings, paths))
        # In a thread, so that the model is chosen and asked for meanwhile.
        await asyncio.to_thread(importlib.import_module, SERVER)
        await loading

        from lsp_server.server.handlers import create_server
        from lsp_server.server.logs import start_logging
        from lsp_server.server.stdio import speak_on_stdio
        from lsp_server.server.turns import take_short_turns

        start_logging()
        take_short_turns()
        version = importlib.metadata.version("fimbul")
        server = create_server(version, paths, choose, command, guard, spare)
        server.references.is_off = arguments.without_references
        await speak_on_stdio(server)
    finally:
        if spare is not None:
            await spare.close()


async def _load_ahead(
    spare: SpareWorker | None, choose: "ChooseModel", settings: "Settings", paths: Paths
) -> None:
    """Have `spare` load the model that the server will most likely want.

    An editor or a workspace may want another one; then this work was for nothing.
    """
    from lsp_server.completion.serving import load_options
    from lsp_server.inference.selftest import remembered, result_key

    if spare is None:
        return
    try:
        # Its digest may have to be read from half a gigabyte.
        model = (await asyncio.to_thread(choose, settings)).local
        options = load_options(settings)
    except FimbulError:
        # The server finds the same, and tells the editor.
        await spare.close()
        return
    tested = remembered(paths.selftest_file, result_key(model.digest)) if model else None
    if model is not None and tested is not None:
        await spare.begin_loading(str(model.path), tested.apply(options))


def _settings(paths: Paths) -> "Settings":
    """Return the settings as far as they are known before the editor speaks."""
    user, _ = read_file(paths.user_file, None)
    policy, _ = read_file(paths.policy_file, POLICY_MAY)
    return merge([*user, *policy])[0]
