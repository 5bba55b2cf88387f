"""A whole session under strace, and the proof that it would be noticed if a socket were opened."""

from pathlib import Path

import pytest

from benchmarks.sockets import CONTROL_REQUESTS, can_trace, count_calls, run_session

SCRIPTED = ("--engine", "scripted")


@pytest.fixture(scope="module")
def tracing() -> None:
    if why := can_trace():
        pytest.skip(f"{why}; `apt-get install strace` makes this run")


@pytest.mark.usefixtures("tracing")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["on", "off"])
async def test_a_session_opens_no_internet_socket(name: str, tmp_path: Path) -> None:
    session = await run_session(name, 30, tmp_path, SCRIPTED)
    assert session.shown >= 20
    assert (session.internet, session.refused) == (0, 0)
    assert set(session.calls) <= {"socketpair UNIX opened"}


@pytest.mark.usefixtures("tracing")
@pytest.mark.timeout(600)
async def test_sockets_that_are_asked_for_are_counted(tmp_path: Path) -> None:
    without = await run_session("control-off", CONTROL_REQUESTS, tmp_path / "off", SCRIPTED)
    assert without.internet >= 2
    assert without.refused == 0
    guarded = await run_session("control-on", CONTROL_REQUESTS, tmp_path / "on", SCRIPTED)
    assert guarded.internet == 0
    assert guarded.refused >= 2
    assert guarded.shown, "the session goes on"


def test_calls_are_counted_by_family_and_outcome() -> None:
    log = """\
10 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3
10 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("10.0.0.1")}, 16) = -1 EINPROGRESS (Operation now in progress)
11 socket(AF_INET6, SOCK_DGRAM, IPPROTO_IP <unfinished ...>
10 socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [4, 5]) = 0
11 <... socket resumed>)              = -1 EACCES (Permission denied)
12 socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 7
12 io_uring_setup(8, {flags=0}) = 9
13 socket(AF_INET, SOCK_DGRAM, IPPROTO_IP <unfinished ...>
13 +++ killed by SIGKILL +++
10 sendto(4, "x", 1, 0, NULL, 0) = 1
"""  # noqa: E501  # As strace writes it.
    assert count_calls(log.splitlines()) == {
        "socket INET opened": 2,
        "connect INET refused": 1,
        "socketpair UNIX opened": 1,
        "socket INET6 refused": 1,
        "socket NETLINK opened": 1,
        "io_uring_setup opened": 1,
    }
