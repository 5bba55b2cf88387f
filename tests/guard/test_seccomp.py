"""The kernel's program, run by a machine of our own over every call that matters."""

import struct

import pytest

from lsp_server.guard.seccomp import ABIS, ALLOW, DENY, Abi, program

I386, ARM = 0x40000003, 0x40000028


def verdict(abi: Abi, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the program says of a system call; see ``struct seccomp_data``."""
    six = (*arguments, *(0,) * (6 - len(arguments)))
    shown = struct.pack("<IIQ6Q", number, abi.arch if arch is None else arch, 0, *six)
    instructions, at, word = program(abi), 0, 0
    while True:
        one = instructions[at]
        at += 1
        match one.code:
            case 0x20:
                (word,) = struct.unpack_from("<I", shown, one.value)
            case 0x54:
                word &= one.value
            case 0x15:
                at += one.then if word == one.value else one.otherwise
            case 0x35:
                at += one.then if word >= one.value else one.otherwise
            case 0x06:
                return one.value
            case _:
                raise AssertionError(f"{one} is no instruction that is used here")


@pytest.mark.parametrize("machine", ABIS)
def test_what_opens_or_borrows_a_connection_is_denied(machine: str) -> None:
    abi = ABIS[machine]
    assert len(abi.denied) == 13
    for number in abi.denied:
        assert verdict(abi, number, 1, 1) == DENY, number


@pytest.mark.parametrize("machine", ABIS)
@pytest.mark.parametrize(
    ("family", "kind", "expected"),
    [
        (1, 1, ALLOW),
        (1, 1 | 0o2004000, ALLOW),  # Not blocking, closed on exec.
        (1, 2, DENY),  # A local datagram socket could send to whom it likes.
        (1, 5, DENY),
        (2, 1, DENY),
        (10, 1, DENY),
    ],
)
def test_pairs_are_local_streams(machine: str, family: int, kind: int, expected: int) -> None:
    abi = ABIS[machine]
    assert verdict(abi, abi.socketpair, family, kind) == expected


@pytest.mark.parametrize("machine", ABIS)
def test_everything_else_goes_on(machine: str) -> None:
    abi = ABIS[machine]
    special = {*abi.denied, abi.socketpair}
    assert {verdict(abi, number) for number in range(460) if number not in special} == {ALLOW}


@pytest.mark.parametrize(("machine", "other"), [("x86_64", I386), ("aarch64", ARM)])
def test_the_numbers_of_another_architecture_are_no_way_around(machine: str, other: int) -> None:
    abi = ABIS[machine]
    assert {verdict(abi, number, arch=other) for number in range(460)} == {DENY}


def test_nor_are_those_of_x32() -> None:
    abi = ABIS["x86_64"]
    assert verdict(abi, 0x40000000 | 41, 2, 1) == DENY
    assert verdict(abi, 0x40000000 | 1) == DENY
