"""Build the peer: llama-server of the very sources that our engine is built from, by its flags.

The source distribution of llama-cpp-python carries all of llama.cpp in `vendor/llama.cpp`. It is
fetched by pip as data: the build backend it names is replaced by one that only says what the
distribution is called, so nothing of it runs. CMake then builds the target `llama-server` with
the settings, the compiler and the AMX flags of the engine (`cli.engine_recipe`), without HTTPS
and without a web page. The program is kept in the user's cache under the key of its recipe.
Needs about 15 minutes of two cores the first time. Prints where the program is.

    python -m benchmarks.peer_build
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec
from filelock import FileLock

from lsp_server.cli.engine_build import find_installer
from lsp_server.cli.engine_recipe import (
    REQUIREMENT,
    Compiler,
    Recipe,
    build_key,
    find_compiler,
    make_recipe,
)
from lsp_server.config.paths import Paths
from lsp_server.errors import SetupError
from lsp_server.inference.machine import find_cpu

PROGRAM = "llama-server"

SERVER_FLAGS = (
    "CMAKE_BUILD_TYPE=Release",  # What scikit-build-core makes of the engine, too.
    "BUILD_SHARED_LIBS=OFF",  # One file that can be kept.
    "LLAMA_BUILD_COMMON=ON",
    "LLAMA_BUILD_TOOLS=ON",
    "LLAMA_BUILD_SERVER=ON",
    "LLAMA_BUILD_TESTS=OFF",
    "LLAMA_BUILD_EXAMPLES=OFF",
    "LLAMA_BUILD_APP=OFF",
    "LLAMA_BUILD_UI=OFF",
    "LLAMA_USE_PREBUILT_UI=OFF",  # It would be fetched while building.
)
"""What the engine's own flags do not say, because it is built without programs."""

_TAIL = 12
"""Lines shown of the output of what failed."""

_BACKEND = '''\
"""Say what the distribution is called, and build nothing."""

from pathlib import Path


def prepare_metadata_for_build_wheel(folder, settings=None):
    """Write the least that pip asks for."""
    place = Path(folder, "{name}-{version}.dist-info")
    place.mkdir()
    text = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    place.joinpath("METADATA").write_text(text)
    text = "Wheel-Version: 1.0\\nGenerator: none\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    place.joinpath("WHEEL").write_text(text)
    return place.name
'''


def peer_program(paths: Paths, recipe: Recipe) -> Path:
    """Return where the peer that `recipe` makes is kept, whether it was built or not."""
    return paths.cache / "peer" / build_key(recipe) / PROGRAM


def native_recipe() -> tuple[Recipe, Compiler]:
    """Return how the engine is built on this machine; raise SetupError without a compiler."""
    compiler = find_compiler()
    return make_recipe(compiler, find_cpu(), portable=False), compiler


def ensure_peer(paths: Paths) -> Path:
    """Return the built peer, after building it if it is not there.

    Raises SetupError, with what the failed step said last, if that is not possible.
    """
    recipe, compiler = native_recipe()
    program = peer_program(paths, recipe)
    program.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(program.parent / "lock"):
        if not program.is_file():
            _build(program, recipe, compiler)
    return program


def _build(program: Path, recipe: Recipe, compiler: Compiler) -> None:
    with tempfile.TemporaryDirectory(prefix="building-", dir=program.parent) as name:
        work = Path(name)
        source = unpack(fetch_source(recipe.version, work), work)
        tools = {tool: find_tool(tool, work) for tool in ("cmake", "ninja")}
        flags = [f"-D{flag}" for flag in (*recipe.flags, *SERVER_FLAGS)]
        flags.append(f"-DCMAKE_MAKE_PROGRAM={tools['ninja']}")
        environment = {**os.environ, "CC": compiler.c, "CXX": compiler.cxx}
        build = work / "build"
        configure = [tools["cmake"], "-G", "Ninja", "-S", str(source), "-B", str(build), *flags]
        _run(configure, environment)
        _run([tools["cmake"], "--build", str(build), "--target", PROGRAM], environment)
        record = {**asdict(recipe), "server_flags": SERVER_FLAGS}
        program.with_name("build.json").write_bytes(msgspec.json.encode(record))
        shutil.move(next(build.rglob(f"bin/{PROGRAM}")), program)


def fetch_source(version: str, folder: Path) -> Path:
    """Fetch the source distribution of llama-cpp-python with pip, without running any of it.

    Raises SetupError if pip finds none.
    """
    backend = folder / "backend" / "scikit_build_core"
    backend.mkdir(parents=True)
    backend.joinpath("__init__.py").touch()
    text = _BACKEND.format(name="llama_cpp_python", version=version)
    backend.joinpath("build.py").write_text(text, encoding="utf-8")
    out = folder / "source"
    # pip asks the backend of a source distribution for its metadata; without isolation it takes
    # the one that the import path names first.
    command = [*find_installer().build, "download", "--no-deps", "--no-build-isolation"]
    command += ["--no-cache-dir", "--no-binary", "llama-cpp-python"]
    command += ["--dest", str(out), REQUIREMENT]
    _run(command, {**os.environ, "PYTHONPATH": str(backend.parent)})
    return next(out.glob("llama_cpp_python-*.tar.gz"))


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack llama.cpp out of the source distribution `archive`; return its folder."""
    with tarfile.open(archive) as tar:
        wanted = [member for member in tar.getmembers() if "/vendor/llama.cpp/" in member.name]
        tar.extractall(folder, wanted, filter="data")
    return next(folder.glob("llama_cpp_python-*")) / "vendor" / "llama.cpp"


def find_tool(name: str, folder: Path) -> str:
    """Return the program `name`: the one on the PATH, else the one of the wheel of that name."""
    found = shutil.which(name)
    if found is not None:
        return found
    place = folder / "tools"
    _run([*find_installer().install, "--quiet", "--target", str(place), name], dict(os.environ))
    for program in (place / name / "data" / "bin" / name, place / "bin" / name):
        if program.is_file():
            return str(program)
    raise SetupError(f"The wheel {name} holds no program of that name: install {name}.")


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-_TAIL:])
        raise SetupError(f"The peer could not be built; `{' '.join(command)}` said:\n  {last}")


def main() -> None:
    """Build and print the place."""
    try:
        program = ensure_peer(Paths.of_user())
    except SetupError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{program}\n")


if __name__ == "__main__":
    main()
