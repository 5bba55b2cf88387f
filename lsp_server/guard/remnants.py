"""What a process leaves behind: nothing of its memory, and files that are their owner's only.

Knows nothing about what is in files that are written on purpose.
"""

import ctypes
import os
import sys

_SET_DUMPABLE = 4


def forbid_core_dumps() -> bool:
    """Forbid the system to write this process's memory to disk, and other programs to read it.

    A limit of zero everywhere but on Windows. On Linux the process is also made not dumpable: a
    system that hands dumps to a program asks for no limit. From then on only root can look into it
    (``/proc/PID/mem``, a debugger). Return whether both, or the one there is, could be done.
    """
    if sys.platform == "win32":
        return False
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_SET_DUMPABLE, *map(ctypes.c_ulong, (0, 0, 0, 0))) == 0)


def write_for_the_owner() -> None:
    """Let every file and folder that this process makes be for its owner only."""
    os.umask(0o077)
