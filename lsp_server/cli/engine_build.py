"""Build, keep and install the engine: llama-cpp-python, compiled for this machine.

A built wheel is kept in the user's cache under the key of its recipe, beside a record of what
was built, so that a second environment on the same machine costs seconds. The record also
travels inside the wheel: an installed binding without one was built by somebody else.

Everything is fetched by pip, so the user's own index, find-links and constraints hold. The
binding is never imported here; its files are only looked at.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil
from filelock import FileLock
from tqdm import tqdm

from lsp_server.cli.console import in_units
from lsp_server.cli.engine_recipe import (
    EXCLUDED,
    RECORD_NAME,
    REQUIREMENT,
    TRIM,
    Compiler,
    Recipe,
    build_key,
    how_to_get_a_compiler,
)
from lsp_server.config.paths import Paths
from lsp_server.errors import SetupError

DISTRIBUTION = "llama-cpp-python"

SPACE_BYTES = 1_000_000_000
"""Space that a build needs at its largest: the source, the objects, and the wheel."""

_STEP = re.compile(r"^\s*\[(\d+)/(\d+)\]")
_COMPLAINT = re.compile(r"\b(error|fatal)\b|^\s*FAILED", re.IGNORECASE)
_UNFETCHED = re.compile(
    r"No matching distribution|Could not find a version|Temporary failure in name resolution"
    r"|Connection (refused|reset)|ConnectionError|ReadTimeout|Network is unreachable"
)
_COMPLAINT_LINES = 12

# What the environment may say about compiling would make a build that its record does not tell.
_COMPILING_VARIABLES = frozenset({"CMAKE_ARGS", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "FORCE_CMAKE"})


@dataclass(frozen=True)
class EngineBuild:
    """The record of one build."""

    recipe: Recipe
    date: str
    """When it was built: ISO 8601, UTC."""
    wheel: str = ""
    """Name of the wheel's file; empty in the copy inside the wheel."""
    sha256: str = ""
    """Digest of the wheel's file; empty in the copy inside the wheel."""
    seconds: float = 0.0
    """How long it took to fetch and compile; 0 in the copy inside the wheel."""

    @property
    def key(self) -> str:
        """The name of all builds that are interchangeable with this one."""
        return build_key(self.recipe)

    @property
    def identity(self) -> str:
        """The name of this very build, for what is remembered about it."""
        return f"{self.key}@{self.date}"


@dataclass(frozen=True, slots=True)
class Installer:
    """The commands that build wheels and install them into this environment."""

    build: tuple[str, ...]
    """Takes the arguments of ``pip wheel``, ``wheel`` included."""
    install: tuple[str, ...]
    """Takes the arguments of ``pip install``, without ``install``."""
    uninstall: tuple[str, ...] = ()
    """Takes names of what is to be uninstalled, and does not ask."""


def find_installer() -> Installer:
    """Find pip in this environment, else uv; raise SetupError if there is neither."""
    if importlib.util.find_spec("pip") is not None:
        # -P keeps the current folder, which may be anybody's repository, off the import path.
        pip = (sys.executable, "-P", "-m", "pip")
        return Installer(pip, (*pip, "install"), (*pip, "uninstall", "--yes"))
    uv = shutil.which("uv")
    if uv is not None:
        own = ("--python", sys.executable)
        return Installer(
            (uv, "tool", "run", *own, "pip"),
            (uv, "pip", "install", *own),
            (uv, "pip", "uninstall", *own),
        )
    raise SetupError(
        f"This environment has no pip, and there is no uv: run `{sys.executable} -m ensurepip` "
        "(Debian and Ubuntu: install python3-venv first), then `fimbul setup` again."
    )


def find_constraints() -> Path | None:
    """Return the pinned versions of the repository that this package runs from, if it does."""
    path = Path(__file__).resolve().parents[2] / "constraints.txt"
    return path if path.is_file() else None


# --- The store ---------------------------------------------------------------------------------


def kept_build(paths: Paths, recipe: Recipe) -> EngineBuild | None:
    """Return the undamaged build that `recipe` would make, if it is in the store."""
    folder = paths.engine / build_key(recipe)
    build = _read(folder / "build.json")
    if build is None or not build.wheel or Path(build.wheel).name != build.wheel:
        return None
    try:
        sound = _sha256(folder / build.wheel) == build.sha256
    except OSError:
        return None
    return build if sound else None


def wheel_path(paths: Paths, build: EngineBuild) -> Path:
    """Return where the store keeps the wheel of `build`."""
    return paths.engine / build.key / build.wheel


def log_path(paths: Paths, recipe: Recipe) -> Path:
    """Return where the full output of a build goes, while it runs and afterwards."""
    return paths.engine / f"{build_key(recipe)}.log"


def installed_build(path: Sequence[str] | None = None) -> EngineBuild | None:
    """Return the record inside the installed binding; None if there is no binding or no record.

    `path` is where to look instead of ``sys.path``.
    """
    found = _installed(path)
    return (
        None if found is None else _read(Path(str(found.locate_file(f"llama_cpp/{RECORD_NAME}"))))
    )


def installed_folders(path: Sequence[str] | None = None) -> tuple[Path, ...]:
    """Return the folders of the installed binding, if fimbul has built it; else nothing."""
    found = _installed(path)
    if found is None or installed_build(path) is None:
        return ()
    names = {Path(file.as_posix()).parts[0] for file in found.files or ()}
    # What stands beside the packages, such as `../../bin`, is others' as well.
    return tuple(Path(str(found.locate_file(name))) for name in sorted(names - {".."}))


def installed_version(path: Sequence[str] | None = None) -> str | None:
    """Return the version of the installed binding, whoever built it."""
    found = _installed(path)
    return None if found is None else found.version


def _installed(path: Sequence[str] | None) -> importlib.metadata.Distribution | None:
    where = sys.path if path is None else list(path)
    return next(iter(importlib.metadata.distributions(name=DISTRIBUTION, path=where)), None)


def _read(path: Path) -> EngineBuild | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=EngineBuild)
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, build: EngineBuild) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(build), indent=2) + b"\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- Building ----------------------------------------------------------------------------------


def ensure_wheel(
    paths: Paths,
    recipe: Recipe,
    compiler: Compiler,
    pip: Sequence[str],
    *,
    rebuild: bool = False,
    progress: bool = True,
) -> EngineBuild:
    """Return the build of `recipe` from the store, making it first if it is not there.

    `pip` is the command that takes ``wheel``; it needs minutes of all cores. Two callers at once
    make one build: the second waits. Raise SetupError, with the place of the log, if it fails.
    """
    paths.engine.mkdir(parents=True, exist_ok=True)
    with FileLock(paths.engine / f"{build_key(recipe)}.lock"):
        build = None if rebuild else kept_build(paths, recipe)
        if build is None:
            check_space((paths.engine, Path(tempfile.gettempdir())))
        return build or _make(paths, recipe, compiler, pip, progress=progress)


def check_space(
    folders: Iterable[Path],
    free: Callable[[Path], int] = lambda place: shutil.disk_usage(place).free,
) -> None:
    """Raise SetupError if one of `folders` has too little space to build the engine."""
    for folder in folders:
        found = free(folder)
        if found < SPACE_BYTES:
            raise SetupError(
                f"Building the engine takes {in_units(SPACE_BYTES)} in {folder} for a while, but "
                f"{in_units(found)} are free: make room, or set TMPDIR and XDG_CACHE_HOME to a "
                "larger disk, and run `fimbul setup` again."
            )


def _make(
    paths: Paths, recipe: Recipe, compiler: Compiler, pip: Sequence[str], *, progress: bool
) -> EngineBuild:
    with tempfile.TemporaryDirectory(prefix="building-", dir=paths.engine) as name:
        work = Path(name)
        out = work / "out"
        out.mkdir()
        build = EngineBuild(recipe, datetime.now(UTC).isoformat(timespec="seconds"))
        (work / "trim.cmake").write_text(TRIM, encoding="utf-8")
        _write(work / RECORD_NAME, build)

        command = [*pip, "wheel", "--no-deps", "--no-cache-dir", "--no-binary", DISTRIBUTION, "-v"]
        command += ["--wheel-dir", str(out), f"{DISTRIBUTION}=={recipe.version}"]
        started = time.monotonic()
        log = log_path(paths, recipe)
        _run(command, build_environment(recipe, compiler, work), log, progress=progress)

        wheel = next(out.glob("llama_cpp_python-*.whl"), None)
        if wheel is None:
            raise SetupError(f"pip built no wheel and said nothing about it. Its output: {log}")
        build = replace(
            build,
            wheel=wheel.name,
            sha256=_sha256(wheel),
            seconds=round(time.monotonic() - started, 1),
        )
        _write(out / "build.json", build)
        _keep(out, paths.engine / build.key)
    return build


def _keep(made: Path, place: Path) -> None:
    """Move the folder `made` to `place`, which holds a damaged or an unwanted build or nothing."""
    if place.exists():
        shutil.rmtree(place)
    made.rename(place)


def build_environment(
    recipe: Recipe,
    compiler: Compiler,
    work: Path,
    environment: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return the environment in which pip builds by `recipe`, with its files in `work`."""
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _COMPILING_VARIABLES and not name.startswith("SKBUILD_")
    }
    # llama.cpp names its project so; CMake includes the file at the end of that project's line.
    settings = (*recipe.flags, f"CMAKE_PROJECT_llama.cpp_INCLUDE={work / 'trim.cmake'}")
    return {
        **kept,
        "CC": compiler.c,
        "CXX": compiler.cxx,
        "CMAKE_ARGS": shlex.join(f"-D{setting}" for setting in settings),
        "SKBUILD_WHEEL_EXCLUDE": ";".join(EXCLUDED),
    }


def _run(command: Sequence[str], environment: dict[str, str], log: Path, *, progress: bool) -> None:
    """Run `command`, its output into `log`; raise SetupError if it fails."""
    with log.open("w", encoding="utf-8", buffering=1) as file:
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as exc:
            raise SetupError(f"{command[0]} does not start: {exc}.") from exc
        with process:
            assert process.stdout is not None  # noqa: S101  # A pipe was asked for above.
            try:
                _follow(_logged(process.stdout, file.write), progress=progress)
            except BaseException:
                _end_with_children(process.pid)
                raise
    if process.returncode:
        raise SetupError(explain_failure(log))


def _end_with_children(pid: int) -> None:
    """End a process and all it has started: pip's compilers would go on for minutes."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for process in (top, *top.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _logged(lines: Iterable[str], write: Callable[[str], object]) -> Iterator[str]:
    for line in lines:
        write(line)
        yield line


def _follow(lines: Iterable[str], *, progress: bool) -> None:
    """Show how far ninja is; pip fetches the source and the build tools before it starts.

    Where no terminal could draw a bar, such as in an editor's window, every tenth is a line.
    """
    told = 0
    with tqdm(desc="fetching", unit="step", disable=None if progress else True, leave=False) as bar:
        for line in lines:
            step = _STEP.match(line)
            if step and progress and bar.disable:
                told = _tell_tenth(int(step[1]), int(step[2]), told)
            elif step:
                bar.total = int(step[2])
                bar.set_description("compiling", refresh=False)
                bar.update(int(step[1]) - bar.n)


def _tell_tenth(done: int, total: int, told: int) -> int:
    tenth = 10 * done // max(1, total)
    if tenth > told:
        sys.stderr.write(f"compiling: {10 * tenth} %\n")
        sys.stderr.flush()
    return max(tenth, told)


def explain_failure(log: Path) -> str:
    """Say what the end of a failed build's `log` complains about, and what to do."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip()[:300] for line in text.splitlines() if line.strip()]
    complaints = [line for line in lines if _COMPLAINT.search(line)] or lines
    if _UNFETCHED.search(text):
        advice = (
            f"pip could not fetch {REQUIREMENT} or its build tools (scikit-build-core, cmake, "
            "ninja): check the network, or the index in `pip config list`."
        )
    else:
        advice = (
            "A C and C++ compiler with its headers is needed, and about 1 GB of space for "
            f"temporary files; cmake is not, pip brings it. {how_to_get_a_compiler()}."
        )
    shown = "\n  ".join(complaints[-_COMPLAINT_LINES:])
    return f"The engine could not be built:\n  {shown}\n{advice}\nFull output: {log}"


# --- Installing --------------------------------------------------------------------------------


def install(
    wheel: Path,
    installer: Sequence[str],
    constraints: Path | None,
) -> None:
    """Install `wheel` and what it needs at run time into this environment.

    `installer` takes the arguments of ``pip install``. Raise SetupError if it fails.
    """
    _install([*installer, "--force-reinstall", "--no-deps", str(wheel)])
    importlib.invalidate_caches()
    limits = [] if constraints is None else ["--constraint", str(constraints)]
    needed = run_time_requirements(_installed(None))
    if needed:
        _install([*installer, *limits, *needed])


def uninstall(installer: Installer) -> None:
    """Take the binding out of this environment. Raise SetupError if that fails."""
    _install([*installer.uninstall, DISTRIBUTION])


def run_time_requirements(binding: importlib.metadata.Distribution | None) -> list[str]:
    """Return what `binding` needs without its extras."""
    requires = [] if binding is None else binding.requires or []
    return [line for line in requires if "extra ==" not in line]


def _install(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except OSError as exc:
        raise SetupError(f"{command[0]} does not start: {exc}.") from exc
    if done.returncode:
        said = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-_COMPLAINT_LINES:])
        raise SetupError(f"`{shlex.join(command)}` failed:\n  {said}")
