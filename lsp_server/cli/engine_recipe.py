"""Say how the engine is to be built for a machine: version, flags, compiler and processor.

Two builds with the same key are interchangeable. A native build is bound to the instructions of
the processor it was made on, because a home folder may be shared between machines and code for
another processor dies with an illegal instruction; a portable build carries one library for each
generation of processors and chooses at run time.

AMX is always off: llama.cpp's AMX code crashes at the first evaluation on some machines.

Knows nothing about pip, about folders or about the binding itself.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lsp_server.errors import SetupError
from lsp_server.inference.machine import Cpu

ENGINE_VERSION = "0.3.36"
REQUIREMENT = f"llama-cpp-python=={ENGINE_VERSION}"
RECORD_NAME = "fimbul-build.json"
"""Name of the record that travels inside the wheel, in the folder of the package."""

_AMX_OFF = ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16")
_X86 = frozenset({"x86_64", "amd64"})

# Run by CMake inside llama.cpp's own project. The binding forces `common` on, which takes a
# third of the build and is used by programs that are not built; versioned names would put each
# library into the wheel three times, since a wheel cannot hold links.
TRIM = f"""\
set(LLAMA_BUILD_COMMON OFF)
set(CMAKE_PLATFORM_NO_VERSIONED_SONAME ON)
install(FILES "${{CMAKE_CURRENT_LIST_DIR}}/{RECORD_NAME}" DESTINATION llama_cpp)
"""

EXCLUDED = (
    "llama_cpp/include/",
    "llama_cpp/lib/cmake/",
    "llama_cpp/lib/pkgconfig/",
    "libggml-cpu-sapphirerapids*",  # The one portable variant that has AMX.
)
"""Patterns of what is left out of the wheel."""

_SHARED_FLAGS = (
    "LLAVA_BUILD=OFF",
    "LLAMA_OPENSSL=OFF",
    # Without these, llama.cpp installs a second copy of itself beside the package.
    "CMAKE_INSTALL_LIBDIR=llama_cpp/lib",
    "CMAKE_INSTALL_BINDIR=llama_cpp/lib",
    "CMAKE_INSTALL_INCLUDEDIR=llama_cpp/include",
)
_PORTABLE_FLAGS = ("GGML_NATIVE=OFF", "GGML_BACKEND_DL=ON", "GGML_CPU_ALL_VARIANTS=ON")


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C and C++ compiler."""

    c: str
    """Command of the C compiler."""
    cxx: str
    """Command of the C++ compiler."""
    version: str
    """First line of what the C compiler says about itself."""
    amx_off: tuple[str, ...]
    """Flags that keep AMX out, as far as this compiler knows them."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a build becomes."""

    version: str
    """Version of llama-cpp-python."""
    flags: tuple[str, ...]
    """Settings given to CMake, each ``NAME=VALUE``."""
    platform: str
    """The system and architecture, as in the name of a wheel."""
    portable: bool
    """Whether it runs on every processor of the architecture."""
    compiler: str
    """What the compiler says about itself."""
    cpu: str
    """Name of the processor it was built on."""
    cpu_features: str
    """Digest of the instructions of that processor."""


def build_key(recipe: Recipe) -> str:
    """Return the name under which interchangeable builds are kept."""
    parts = [recipe.version, recipe.flags, recipe.platform, TRIM, EXCLUDED]
    if not recipe.portable:
        parts.append(recipe.cpu_features)
    digest = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
    return f"{recipe.version}-{'portable' if recipe.portable else 'native'}-{digest}"


def make_recipe(compiler: Compiler, cpu: Cpu, *, portable: bool) -> Recipe:
    """Return how the engine is built with `compiler` on `cpu`."""
    own = _PORTABLE_FLAGS if portable else ("GGML_NATIVE=ON",)
    amx_off = "" if portable else " ".join(compiler.amx_off)
    return Recipe(
        version=ENGINE_VERSION,
        # Both are set even if empty: CMake takes CFLAGS from the environment otherwise.
        flags=(*own, *_SHARED_FLAGS, f"CMAKE_C_FLAGS={amx_off}", f"CMAKE_CXX_FLAGS={amx_off}"),
        platform=platform_tag(),
        portable=portable,
        compiler=compiler.version,
        cpu=cpu.name,
        cpu_features=cpu.features,
    )


def fits(recipe: Recipe, cpu: Cpu) -> bool:
    """Tell whether a build made by `recipe` is of this version and runs on this machine."""
    return (
        recipe.version == ENGINE_VERSION
        and recipe.platform == platform_tag()
        and (recipe.portable or recipe.cpu_features == cpu.features)
    )


def platform_tag() -> str:
    """Return the system and architecture, as in the name of a wheel."""
    return re.sub(r"[^a-z0-9]+", "_", sysconfig.get_platform().lower())


def find_compiler(environment: Mapping[str, str] = os.environ) -> Compiler:
    """Find the compiler that CMake would take; raise SetupError if there is none."""
    path = environment.get("PATH")
    msvc = ["cl"] if sys.platform == "win32" else []
    c = _first([environment.get("CC"), *msvc, "cc", "gcc", "clang"], path)
    cxx = _first([environment.get("CXX"), *msvc, "c++", "g++", "clang++"], path)
    if c is None or cxx is None:
        missing = "C" if c is None else "C++"
        raise SetupError(
            f"No {missing} compiler was found. {how_to_get_a_compiler()}, and run `fimbul setup` "
            "again; or let pip install a portable wheel that `fimbul setup --wheel` made on "
            "another machine."
        )
    version = _output([c, "--version"]).partition("\n")[0].strip() or c
    return Compiler(c, cxx, version, amx_off_flags(c))


_PACKAGES = {
    "debian": "sudo apt install build-essential",
    "ubuntu": "sudo apt install build-essential",
    "fedora": "sudo dnf install gcc-c++ make",
    "rhel": "sudo dnf install gcc-c++ make",
    "arch": "sudo pacman -S base-devel",
    "suse": "sudo zypper install gcc-c++ make",
    "alpine": "sudo apk add build-base linux-headers",
}
"""What installs a compiler, by the names that systems have in their `os-release`."""


def how_to_get_a_compiler(
    system: str = sys.platform, release: Mapping[str, str] | None = None
) -> str:
    """Return what to do on this system, a sentence without its full stop.

    `release` is what Linux says of itself in `os-release`, instead of this machine's.
    """
    if system == "darwin":
        return "Run `xcode-select --install`"
    if system == "win32":
        return (
            "Install the Build Tools for Visual Studio with the workload for C++ and take their "
            "x64 Native Tools prompt"
        )
    release = _os_release() if release is None else release
    for name in [release.get("ID", ""), *release.get("ID_LIKE", "").split()]:
        if name.startswith("opensuse"):
            name = "suse"  # Its parts are called opensuse-leap and the like.
        if name in _PACKAGES:
            return f"Run `{_PACKAGES[name]}`"
    return "Install gcc and g++ (or clang) with the headers of the C library"


def _os_release() -> Mapping[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def amx_off_flags(c: str, machine: str = platform.machine()) -> tuple[str, ...]:
    """Return the flags that keep AMX out, if `c` compiles for x86-64 and knows them."""
    if machine.lower() not in _X86:
        return ()
    with tempfile.TemporaryDirectory(prefix="fimbul-") as folder:
        source = Path(folder) / "empty.c"
        source.write_text("", encoding="utf-8")
        if not _compiles(c, [], source):
            raise SetupError(
                f"The compiler {c} cannot compile an empty file: repair or replace it."
            )
        return tuple(flag for flag in _AMX_OFF if _compiles(c, [flag], source))


def _compiles(c: str, flags: list[str], source: Path) -> bool:
    # -Werror, because clang only warns about a flag that it does not know.
    command = [c, "-Werror", *flags, "-c", str(source), "-o", str(source.with_suffix(".o"))]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError as exc:
        raise SetupError(f"The compiler {c} does not start: {exc}.") from exc


def _first(commands: list[str | None], path: str | None) -> str | None:
    found = (shutil.which(command, path=path) for command in commands if command)
    return next((command for command in found if command), None)


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except OSError:
        return ""
    return done.stdout.strip()
