"""What this machine and the installed engine are, as keys for what is remembered about them.

Reads what the system says; never loads the engine's libraries.
"""

import hashlib
import importlib.metadata
import importlib.util
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

ENGINE_DISTRIBUTION = "llama-cpp-python"

_CPUINFO = Path("/proc/cpuinfo")

# Instructions that a compiler may choose by itself. The rest of what a kernel reports changes
# with the kernel and with its mitigations, and would ask for a new build without need.
_X86_INSTRUCTIONS = re.compile(
    r"(s?sse|avx|amx|apx|fma|f16c|bmi|abm$|lzcnt|popcnt|movbe|adx|cx16|cmov|lahf_lm"
    r"|v?aes|v?pclmul|sha|gfni|xop|tbm|3dnow)"
)

_MOST_THREADS = 4
"""Decoding is bound by memory bandwidth; more threads only heat the machine."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """A processor."""

    name: str
    """What it calls itself."""
    features: str
    """Digest of the instructions it offers."""
    instructions: tuple[str, ...] = ()
    """Their names, sorted, where the system tells them."""


def find_cpu() -> Cpu:
    """Ask the system about the processor."""
    if platform.system() == "Linux":
        return parse_cpuinfo(_CPUINFO.read_text(encoding="utf-8", errors="replace"))
    if platform.system() == "Darwin":
        brand = _output(["sysctl", "-n", "machdep.cpu.brand_string"])
        return Cpu(brand or platform.processor(), _digest(_output(["sysctl", "hw.optional"])))
    return Cpu(platform.processor(), _digest(platform.processor()))


def parse_cpuinfo(text: str) -> Cpu:
    """Read the first processor of Linux's ``/proc/cpuinfo``."""
    first: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            first.setdefault(name.strip().lower(), value.strip())
    # On x86 the list also tells about kernel and mitigations; on ARM it is instructions only.
    if "flags" in first:
        words = {word for word in first["flags"].split() if _X86_INSTRUCTIONS.match(word)}
    else:
        words = set(first.get("features", "").split())
    name = first.get("model name") or platform.processor() or platform.machine()
    instructions = tuple(sorted(words))
    return Cpu(name, _digest(" ".join(instructions)), instructions)


def machine_key() -> str:
    """Return a digest that is equal on machines that run the same machine code alike."""
    cpu = find_cpu()
    return _digest("\n".join((platform.system(), platform.machine(), cpu.name, cpu.features)))


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


def physical_cores() -> int:
    """Return how many cores the machine has, those that are only half of one not counted."""
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


def default_threads() -> int:
    """Return how many threads serve a model best when the user does not say."""
    return max(1, min(_MOST_THREADS, physical_cores()))


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except OSError:
        return ""
    return done.stdout.strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
