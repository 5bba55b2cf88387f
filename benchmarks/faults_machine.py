"""Faults of the machine around the server: disks, files of its own, clocks, folders, the editor."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping
from types import MappingProxyType

import psutil

from benchmarks.faults_injected import (
    CLOCK,
    DISK,
    FORBIDDEN,
    MARKER,
    STALL,
    injected,
)
from benchmarks.faults_session import (
    BEFORE,
    PATIENCE,
    Fault,
    Outcome,
    Place,
    Session,
    happened,
    write,
)
from lsp_server.context.index.store import index_file
from lsp_server.types import Position

_YEAR = 365 * 24 * 3600

_FILES = {f"package/module_{number}.py": f"def call_{number}(): ...\n" for number in range(20)}


async def _indexed(session: Session, state: str = "ready") -> None:
    await happened(
        lambda: session.status().get("index", {}).get("state") == state, f"the index in {state}"
    )


async def disk_full(place: Place) -> Outcome:
    """Let no file grow: the server finds a disk that is full in whatever it writes."""
    write(place.work, _FILES)
    async with place.session(environment=injected(place.folder / "site", {DISK: "0"})) as session:
        await _indexed(session, "failed")
        return await session.outcome("the whole session without room")


async def files_damaged(place: Place) -> Outcome:
    """Begin with every file that the server keeps damaged."""
    write(place.work, _FILES)
    user = place.user
    damaged = {
        index_file(user.cache, place.work): b"no index " * 3000,
        user.feedback_file: b"no database " * 3000,
        user.selftest_file: b"{",
        user.requests / "20200101T000000-1.jsonl": b"\xff\n{",
        user.logs / "20200101T000000-1.log": b"\0",
    }
    for file, content in damaged.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if not place.scripted:
        place.install_model()
    async with place.session() as session:
        await _indexed(session)
        return await session.outcome("index, feedback, self-tests, requests")


async def files_of_another_version(place: Place) -> Outcome:
    """Begin with files that a later version has written."""
    write(place.work, _FILES)
    user = place.user
    for file in (index_file(user.cache, place.work), user.feedback_file):
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE later (anything)")
        connection.execute("PRAGMA user_version = 999")
        connection.close()
    user.requests.mkdir(parents=True)
    head = {"started": 9e9, "pid": 1, "version": "99", "schema": 99}
    (user.requests / "29990101T000000-1.jsonl").write_text(json.dumps(head) + "\n")
    user.selftest_file.write_text(json.dumps({"other": {"later": 1}}))
    async with place.session() as session:
        await _indexed(session)
        return await session.outcome("index, feedback, self-tests, requests")


async def clock_jumps(place: Place) -> Outcome:
    """Put the clock ten years forward, twenty back and forward again while somebody types."""
    write(place.work, _FILES)
    clock = place.folder / "clock"
    clock.write_text("0")
    environment = injected(place.folder / "site", {CLOCK: str(clock)})
    async with place.session(environment=environment) as session:
        await _indexed(session)
        for years in (10, -10, 0, -60):
            clock.write_text(str(years * _YEAR))
            session.type(1)
            await session.suggested()
        session.strikes()
        return await session.outcome("10 years forward, 20 back, 10 forward, to before 1970")


async def disk_stalls(place: Place) -> Outcome:
    """Let the disk of the workspace stall; ask in an open file and a new one; let it go on."""
    write(place.work, _FILES)
    marker = place.folder / "stalled"
    faults = {STALL: str(place.work), MARKER: str(marker)}
    async with place.session(environment=injected(place.folder / "site", faults)) as session:
        await _indexed(session)
        marker.touch()
        session.strikes()
        session.type(2)
        here = bool(await session.suggested())
        took = session.since()
        new = session.editor.open(place.work / "new.py", BEFORE)
        silent = not await session.ask(new, Position(4, 16))
        outcome = await session.editor.ask("fimbul/lastOutcome", {"uri": new})
        marker.unlink()
        session.strikes()
        again = bool(await session.suggested(new, Position(4, 16)))
        note = (
            f"meanwhile in an open file after {took:.1f} s; in a new one none "
            f"({outcome['reason']}); the figure: from when it answered again"
        )
        found = await session.outcome(note)
        ok = here and silent and again
        return Outcome(found.saw, found.seconds, found.right and ok, note)


async def disk_stalls_at_the_start(place: Place) -> Outcome:
    """Begin while the disk of the workspace stalls."""
    marker = place.folder / "stalled"
    place.folder.mkdir(parents=True, exist_ok=True)
    marker.touch()
    faults = {STALL: str(place.work), MARKER: str(marker)}
    environment = injected(place.folder / "site", faults)
    async with place.session(environment=environment, ready=False) as session:
        await session.until("ready")
        await session.ask()
        mode = session.status()["privacy"]["mode"]
        marker.unlink()
        session.strikes()
        return await session.outcome(f"mode {mode} meanwhile; from when it answered again")


async def links_in_a_loop(place: Place) -> Outcome:
    """Have folders that hold themselves by links, and links that lead to each other."""
    write(place.work, _FILES)
    (place.work / "package" / "again").symlink_to(place.work, target_is_directory=True)
    (place.work / "one.py").symlink_to(place.work / "two.py")
    (place.work / "two.py").symlink_to(place.work / "one.py")
    async with place.session() as session:
        await _indexed(session)
        deep = place.work / "/".join(["package/again"] * 9) / "b.py"
        uri = session.editor.open(deep, BEFORE)
        looped = session.editor.open(place.work / "one.py", BEFORE)
        for one in (uri, looped):
            assert await session.suggested(one, Position(4, 16))
        files = session.status()["index"]["files"]
        session.strikes()
        return await session.outcome(f"{files} files in the index")


async def folders_unreadable(place: Place) -> Outcome:
    """Have a folder that may not be read."""
    write(place.work, {**_FILES, "private/a.py": "def private(): ...\n"})
    faults = {FORBIDDEN: str(place.work / "private")}
    async with place.session(environment=injected(place.folder / "site", faults)) as session:
        await _indexed(session)
        uri = session.editor.open(place.work / "private" / "a.py", BEFORE)
        assert await session.suggested(uri, Position(4, 16))
        left = session.status()["index"]["leftOut"]
        session.strikes()
        return await session.outcome(f"left out: {left}")


_EDITOR = """
import json, os, subprocess, sys

read_end, write_end = os.pipe()
server = subprocess.Popen(sys.argv[2:], stdin=read_end, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
os.close(read_end)
# Holds both ends of the pipes open, as a program does that an editor has started.
holder = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"],
                          pass_fds=(write_end, server.stdout.fileno()),
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

def send(**message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    os.write(write_end, b"Content-Length: %d\\r\\n\\r\\n%s" % (len(body), body))

folder = {"uri": sys.argv[1], "name": "work"}
send(id=1, method="initialize", params={"processId": os.getpid(), "capabilities": {},
                                        "workspaceFolders": [folder]})
send(method="initialized", params={})
while True:
    length = 0
    while (line := server.stdout.readline()) != b"\\r\\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    message = json.loads(server.stdout.read(length))
    params = message.get("params") or {}
    if message.get("method") == "fimbul/status" and params["state"] == "ready":
        if params["index"]["state"] == "ready":
            break
print(server.pid, holder.pid, flush=True)
sys.stdin.read()
"""


async def editor_gone(place: Place) -> Outcome:
    """Kill the editor while another process holds its ends of the pipes."""
    write(place.work, _FILES)
    command = [sys.executable, "-c", _EDITOR, place.work.as_uri()]
    process = await asyncio.create_subprocess_exec(
        *command,
        *place.command([]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_environment(place),
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    server, holder = (psutil.Process(int(number)) for number in line.split())
    try:
        processes = [server, *server.children(recursive=True)]
        process.send_signal(signal.SIGKILL)
        begun = time.perf_counter()
        await process.wait()
        await happened(lambda: not any(map(_runs, processes)), "the end of all processes")
        seconds = round(time.perf_counter() - begun, 1)
    finally:
        holder.kill()
    names = f"{len(processes)} processes ended"
    return Outcome("nothing, since the editor is gone", seconds, None, f"{names} after this time")


def _environment(place: Place) -> dict[str, str]:
    return {**os.environ, **place.environment()}


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "editor gone": editor_gone,
        "disk full": disk_full,
        "files damaged": files_damaged,
        "files of another version": files_of_another_version,
        "clock jumping": clock_jumps,
        "links in a loop": links_in_a_loop,
        "unreadable folder": folders_unreadable,
        "stalling disk": disk_stalls,
        "stalling disk at the start": disk_stalls_at_the_start,
    }
)
