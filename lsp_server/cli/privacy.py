"""What `fimbul doctor` says about privacy: the mode, and whether the guard holds on this machine.

The guard is tried out in a process of its own, since it could not be taken away again.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from lsp_server.config.options import PrivacyMode, Settings

Row: TypeAlias = tuple[str, str, str]
"""What was looked at, what was found, and what to do; the last is empty if all is well."""

_PROBE = (sys.executable, "-P", "-m", "lsp_server.guard.probe")
_SECONDS = 60.0

_MEANING = {
    PrivacyMode.TEAM: "team: prompts are sent to the server below, if one is named",
    PrivacyMode.OFFLINE: "offline: no connection can be opened",
    PrivacyMode.STRICT: "strict: no connection, no other file, nothing kept on disk",
}


class _Tried(msgspec.Struct, frozen=True):
    """What `lsp_server.guard.probe` prints."""

    active: list[str]
    missing: str
    open: list[str]
    """Ways past the guard."""
    no_core: bool


def findings(settings: Settings, probe: Sequence[str] = _PROBE) -> Iterator[Row]:
    """Yield the mode, what the guard does on this machine, and whether memory stays off the disk.

    `probe` is the command that tries the guard out.
    An editor or a workspace can make the mode stricter than it is said to be here.
    """
    mode = settings.privacy.mode
    yield "Privacy", f"{_MEANING[mode]} (privacy.mode)", ""
    try:
        done = subprocess.run(probe, capture_output=True, check=True, timeout=_SECONDS)
        tried = msgspec.json.decode(done.stdout, type=_Tried)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        yield "Guard", "could not be tried out", f"{type(error).__name__}; please report it."
        return
    who = "engine and index" if settings.engine.remote_url else "server, engine and index"
    yield "Guard", *_guard(tried, who)
    cores = "none is left behind" if tried.no_core else "the system may write one after a crash"
    yield "Core dumps", cores, ""


def _guard(tried: _Tried, who: str) -> tuple[str, str]:
    found = f"{' and '.join(tried.active)}, over {who}"
    if tried.missing:
        found += f"; only Python code is held back, since {tried.missing}"
    if not tried.open:
        return f"{found}; TCP and UDP were tried and refused", ""
    if tried.missing and "Python" not in tried.open:
        return found, ""
    return found, f"{', '.join(tried.open)} got past it; please report it."
