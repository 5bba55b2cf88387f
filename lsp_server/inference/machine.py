"""What this machine and the installed engine are, as keys for what is remembered about them.

Reads what the system says; never loads the engine's libraries.
"""

import hashlib
import importlib.metadata
import importlib.util
import platform
from pathlib import Path

import psutil

ENGINE_DISTRIBUTION = "llama-cpp-python"

_CPUINFO = Path("/proc/cpuinfo")

_MOST_THREADS = 4
"""Decoding is bound by memory bandwidth; more threads only heat the machine."""


def cpu_name() -> str:
    """Return the processor's name, or the best that the system offers."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_features() -> tuple[str, ...]:
    """Return the processor's feature flags, sorted; empty where the system does not tell."""
    return tuple(sorted((_cpuinfo("flags") or _cpuinfo("Features")).split()))


def machine_key() -> str:
    """Return a digest that is equal on machines that run the same machine code alike."""
    parts = (platform.system(), platform.machine(), cpu_name(), *cpu_features())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def engine_version() -> str | None:
    """Return the version of the installed engine, or None if there is none."""
    try:
        return importlib.metadata.version(ENGINE_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def build_key() -> str:
    """Return a key of the installed engine that changes whenever its libraries do."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return "none"
    folder = Path(spec.submodule_search_locations[0]) / "lib"
    stamps = [
        f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}"
        for path in sorted(folder.glob("*"))
        if path.is_file()
    ]
    digest = hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:12]
    return f"{engine_version()}-{digest}"


def default_threads() -> int:
    """Return how many threads serve a model best when the user does not say."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return max(1, min(_MOST_THREADS, cores))


def _cpuinfo(key: str) -> str:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""
