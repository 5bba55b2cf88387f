"""A filter in Linux' kernel under which a process can open no connection, whatever runs in it.

The kernel is handed a short program (classic BPF, see ``seccomp(2)``)
that looks at the number of every system call. No socket can be made, of whatever family, save a
connected pair of local stream sockets, which is how a process speaks to its own children. Denied as
well: what turns a socket that was inherited into a connection, ``io_uring``, which makes sockets
without the call of that name, and what reaches into other processes, which may have one. A denied
call fails with EACCES. What was forbidden stays so, for all threads and for every child.

There is a library, libseccomp by way of pyseccomp: the one is written in C and not on every
machine, the other had its last release in 2021, and the program has two dozen instructions. Knows
nothing about Python's hooks.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_ALL_THREADS, _LOG_DENIED = 1, 2
"""Flags: the filter holds for threads that run already; the kernel may write denials to its log."""

ALLOW = 0x7FFF0000
DENY = 0x00050000 | errno.EACCES

_UNIX, _STREAM, _TYPE_BITS = 1, 1, 0xF
_X32_BIT = 0x40000000
"""Set in the numbers of the x32 ABI, which are otherwise other numbers for the same calls."""

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_AT_LEAST = 0x15, 0x35
"""Instructions: load a word, mask it, end; jump by what is equal, and by what is at least."""

_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24
"""Offsets in what the kernel shows: number, architecture, low words of the first two arguments."""


@dataclass(frozen=True, slots=True)
class Abi:
    """The numbers that a processor's Linux gives to calls."""

    arch: int
    """The kernel's name for it (``AUDIT_ARCH_*``)."""
    seccomp: int
    socketpair: int
    denied: tuple[int, ...]
    """socket, connect, accept, bind, listen, accept4; ptrace, process_vm_readv and -writev,
    pidfd_getfd; io_uring_setup, -enter, -register."""
    has_x32: bool = False


_COMMON = (425, 426, 427, 438)

ABIS = {
    "x86_64": Abi(
        0xC000003E, 317, 53, (41, 42, 43, 49, 50, 288, 101, 310, 311, *_COMMON), has_x32=True
    ),
    "aarch64": Abi(0xC00000B7, 277, 199, (198, 203, 202, 200, 201, 242, 117, 270, 271, *_COMMON)),
}
"""By `platform.machine`."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of classic BPF."""

    code: int
    value: int
    then: int = 0
    """Instructions that are skipped if a comparison holds, at most 255."""
    otherwise: int = 0


def program(abi: Abi) -> tuple[Instruction, ...]:
    """Return the filter for `abi`."""
    numbers = [
        *([(_IF_AT_LEAST, _X32_BIT)] if abi.has_x32 else []),
        *((_IF_EQUAL, number) for number in abi.denied),
    ]
    tail = [
        Instruction(_IF_EQUAL, abi.socketpair, 0, 5),
        Instruction(_LOAD, _FIRST),
        Instruction(_IF_EQUAL, _UNIX, 0, 4),
        Instruction(_LOAD, _SECOND),
        Instruction(_AND, _TYPE_BITS),
        Instruction(_IF_EQUAL, _STREAM, 0, 1),
        Instruction(_RETURN, ALLOW),
        Instruction(_RETURN, DENY),
    ]
    last = len(tail) - 1
    return (
        Instruction(_LOAD, _ARCH),
        # A call by the numbers of another architecture, as 32-bit code makes it.
        Instruction(_IF_EQUAL, abi.arch, 0, 1 + len(numbers) + last),
        Instruction(_LOAD, _NUMBER),
        *(
            Instruction(code, number, len(numbers) - index - 1 + last)
            for index, (code, number) in enumerate(numbers)
        ),
        *tail,
    )


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def forbid_connections() -> str:
    """Put the filter over this process, its threads and all children to come.

    Return why that cannot be; empty if it was done. It cannot be undone.
    """
    if sys.platform != "linux":
        return f"there is no such filter on {sys.platform}"
    abi = ABIS.get(platform.machine())
    if abi is None:
        return f"no filter was written for {platform.machine()}"
    if ctypes.sizeof(ctypes.c_void_p) != 8:  # Bytes of the ABIs above.
        return "this Python runs 32-bit code"
    return _install(abi, program(abi))


def _install(abi: Abi, instructions: Sequence[Instruction]) -> str:
    code = b"".join(
        struct.pack("=HBBI", one.code, one.then, one.otherwise, one.value) for one in instructions
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    handed = _Program(len(instructions), ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    # Without root, a filter may come only over a process that can gain no rights any more.
    if libc.prctl(_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))) != 0:
        return f"the kernel refused: {os.strerror(ctypes.get_errno())}"
    for flags in (_ALL_THREADS | _LOG_DENIED, _ALL_THREADS):
        done = libc.syscall(
            ctypes.c_long(abi.seccomp),
            ctypes.c_ulong(_SET_MODE_FILTER),
            ctypes.c_ulong(flags),
            ctypes.byref(handed),
        )
        if done == 0:
            return ""
        if done > 0:
            return f"thread {done} has a filter of its own"
    return f"the kernel refused: {os.strerror(ctypes.get_errno())}"
