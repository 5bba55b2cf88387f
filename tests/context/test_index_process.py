"""The index process end to end: over pipes, on real folders, among faults."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lsp_server.context.index.messages import (
    Changed,
    Failed,
    Forget,
    Progress,
    Ready,
    Rescan,
    Updated,
    Watch,
)
from lsp_server.context.index.store import index_file
from lsp_server.context.words import words
from tests.context.indexing import IndexChild

FILES = {
    "app/main.py": "from app.parser import Parser\n\n\ndef main():\n    Parser().parse_header()\n",
    "app/parser.py": 'class Parser:\n    """Take apart."""\n    def parse_header(self): ...\n',
    "web/view.ts": "import { draw } from './canvas';\nexport function render() { draw(); }\n",
    "notes": "plain text about a walrus\n",
}


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "folder", FILES)


def test_a_folder_is_indexed(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        (ready,) = child.watch(root)
        assert ready == Ready(str(root), 4, {}, ready.generation)
        reader = child.reader(root)
        assert reader.generation == ready.generation
        assert list(reader.paths()) == sorted(FILES)
        (found,) = reader.definitions_named(["Parser"])
        assert (found.path, found.definition.doc) == ("app/parser.py", "Take apart.")
        assert [one.definition.name for one in reader.members_of("Parser")] == ["parse_header"]
        assert reader.importers(["app.parser", "./canvas"]) == {"app/main.py": 1, "web/view.ts": 1}
        assert reader.similar_lines(list(words("walrus")), ("",))[0].path == "notes"
        assert reader.lines("notes") == ("plain text about a walrus\n", "")
        reader.close()


def test_ignored_and_forbidden_files_are_never_opened(root: Path, tmp_path: Path) -> None:
    plant(
        root,
        {
            ".gitignore": "*.gen.py\nbuild/\n",
            ".fimbulignore": "private/\n",
            "a.gen.py": "",
            "build/b.py": "",
            "private/c.py": "",
            "node_modules/d.js": "",
            "forbidden.py": "token = 1\n",
        },
    )
    with IndexChild(tmp_path) as child:
        (ready,) = child.watch(root)
        assert ready.left_out == {"forbidden": 1, "ignored": 3, "tool-folder": 1}
        assert "forbidden.py" not in child.paths(root)
        for name in ("a.gen.py", "build/b.py", "private/c.py", "forbidden.py"):
            (root / name).write_text("late = 1\n")
            child.change(root / name)
        assert not {"a.gen.py", "b.py", "c.py", "d.js"} & set(child.asked())
        assert len(child.paths(root)) == len(FILES) + 2
        assert set(child.asked()) >= {"main.py", "parser.py", "forbidden.py"}


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_what_the_system_forbids_is_counted(root: Path, tmp_path: Path) -> None:
    (root / "notes").chmod(0)
    (root / "web").chmod(0)
    try:
        with IndexChild(tmp_path) as child:
            (ready,) = child.watch(root)
            assert ready.left_out == {"unreadable": 2}
            assert list(child.paths(root)) == ["app/main.py", "app/parser.py"]
    finally:
        (root / "web").chmod(0o700)


def test_a_save_is_indexed(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
        path = root / "app/parser.py"
        # Same size, same time: only the contents tell.
        status = path.stat()
        path.write_text(FILES["app/parser.py"].replace("Parser", "Barser"))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        child.change(path)
        reader = child.reader(root)
        assert [one.path for one in reader.definitions_named(["Barser", "Parser"])] == [
            "app/parser.py"
        ]
        plant(root, {"app/new.py": "class Fresh: ...\n"})
        path.unlink()
        child.change(root / "app/new.py", path)
        assert list(reader.paths()) == ["app/main.py", "app/new.py", "notes", "web/view.ts"]
        assert [one.path for one in reader.definitions_named(["Fresh"])] == ["app/new.py"]
        reader.close()


def test_a_save_is_indexed_while_a_big_scan_runs(root: Path, tmp_path: Path) -> None:
    text = "".join(f"def function_{number}(): return {number}\n" for number in range(60))
    plant(root, {f"many/f{number}.py": text for number in range(400)})
    with IndexChild(tmp_path) as child:
        child.send(Watch([str(root)]))
        child.wait(Progress, lambda event: event.total > 0)
        # It comes last in the scan, so it is in the index only if it was put before.
        plant(root, {"zz/deep/late.py": "class Late: ...\n"})
        child.send(Changed([str(root / "zz/deep/late.py")]))
        child.wait(Updated)
        assert len(child.paths(root)) < 400
        assert "zz/deep/late.py" in child.paths(root)
        assert child.wait(Ready).files == 405


def test_folders_and_ignore_files_that_change(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
        (root / "app").rename(root / "lib")
        child.change(root / "app", root / "lib")
        child.wait(Ready)
        assert list(child.paths(root)) == ["lib/main.py", "lib/parser.py", "notes", "web/view.ts"]
        plant(root, {".gitignore": "lib/\n"})
        child.change(root / ".gitignore")
        child.wait(Ready)
        assert list(child.paths(root)) == [".gitignore", "notes", "web/view.ts"]


def test_what_nobody_told_of_is_found_by_looking_again(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
        asked = len(child.asked())
        plant(root, {"more.py": "class More: ...\n"})
        (root / "notes").unlink()
        child.send(Rescan())
        assert child.wait(Ready).files == 4
        assert list(child.paths(root)) == ["app/main.py", "app/parser.py", "more.py", "web/view.ts"]
        assert len(child.asked()) > asked


def test_nothing_is_read_twice(root: Path, tmp_path: Path) -> None:
    plant(root, {"minified.js": "x" * 900})
    with IndexChild(tmp_path) as child:
        (first,) = child.watch(root)
    with IndexChild(tmp_path) as child:
        (second,) = child.watch(root)
        assert second == first
        assert second.left_out == {"minified": 1}
        os.utime(root / "notes")
        child.send(Rescan())
        assert child.wait(Ready).generation == first.generation


def test_a_file_that_may_not_be_read_any_more_leaves_the_index(root: Path, tmp_path: Path) -> None:
    plant(root, {"forbidden-later.py": "x = 1\n"})
    with IndexChild(tmp_path, before="may_read = lambda path: True") as child:
        child.watch(root)
        assert "forbidden-later.py" in child.paths(root)
    with IndexChild(tmp_path) as child:
        (ready,) = child.watch(root)
        assert ready.left_out == {"forbidden": 1}
        assert "forbidden-later.py" not in child.paths(root)


def test_several_folders_and_forgetting_one(root: Path, tmp_path: Path) -> None:
    other = plant(tmp_path / "other", {"b.go": "package b\nfunc Bake() {}\n"})
    with IndexChild(tmp_path) as child:
        assert {ready.files for ready in child.watch(root, other)} == {4, 1}
        child.send(Forget(str(other)))
        plant(other, {"c.go": "package c\n"})
        plant(root, {"c.py": "pass\n"})
        child.send(Changed([str(other / "c.go"), str(root / "c.py")]))
        assert child.wait(Updated).paths == [str(root / "c.py")]
        assert list(child.paths(other)) == ["b.go"]


def test_a_folder_named_by_a_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    with IndexChild(tmp_path) as child:
        child.watch(link)
        plant(root, {"new.py": "pass\n"})
        child.change(root / "new.py")
        plant(root, {"newer.py": "pass\n"})
        child.change(link / "newer.py")
        assert {"new.py", "newer.py"} <= set(child.paths(root))


def test_storms_of_files_that_come_go_and_change_names(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.send(Watch([str(root)]))
        for turn in range(30):
            folder = plant(root / f"storm{turn}", {f"f{n}.py": f"n = {turn}\n" for n in range(20)})
            child.send(Changed([str(folder / f"f{n}.py") for n in range(20)]))
            if turn % 3 == 0:
                shutil.rmtree(folder)
            elif turn % 3 == 1:
                folder.rename(root / f"calm{turn}")
            child.send(Changed([str(folder)]))
        child.send(Rescan())
        expected = len(FILES) + 20 * 20
        child.wait(Ready, lambda event: event.files == expected)
        calm = {path.split("/")[0] for path in child.paths(root)}
        assert calm == {"app", "web", "notes"} | {
            f"{'calm' if turn % 3 == 1 else 'storm'}{turn}" for turn in range(30) if turn % 3
        }


def test_weird_names(root: Path, tmp_path: Path) -> None:
    plant(root, {"two\nlines.py": "class Two: ...\n", "tab\t'\".py": "pass\n"})
    (root / os.fsdecode(b"bad\xff.py")).write_text("pass\n")
    with IndexChild(tmp_path) as child:
        (ready,) = child.watch(root)
        assert ready.left_out == {"name": 1}
        assert {"two\nlines.py", "tab\t'\".py"} <= set(child.paths(root))
        child.change(root / "two\nlines.py")


def test_nonsense_is_passed_over(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        for line in (b"\n", b"nonsense\n", b'{"type": "Explode"}\n', b"\xff\xfe\n", b"[]\n"):
            child.send(line)
        child.send(Changed(["", "relative.py", "/nowhere/at/all.py", "\0"]))
        (ready,) = child.watch(root)
        assert ready.files == 4
        child.send(Changed([f"{root}/\0.py", f"{root}/{'x' * 300}", f"{root}/app/../notes"]))
        assert len(child.wait(Updated).paths) == 3
        assert child.end() == 0


def test_two_processes_on_one_folder(root: Path, tmp_path: Path) -> None:
    plant(root, {f"many/f{number}.py": f"def f{number}(): ...\n" for number in range(300)})
    with IndexChild(tmp_path) as first, IndexChild(tmp_path) as second:
        for child in (first, second):
            child.send(Watch([str(root)]))
        assert first.wait(Ready).files == second.wait(Ready).files == 304
        # Both asked before they opened, but the second one to come found everything done.
        plant(root, {"one.py": "class One: ...\n", "two.py": "class Two: ...\n"})
        first.change(root / "one.py")
        second.change(root / "two.py")
        for child in (first, second):
            assert {"one.py", "two.py"} <= set(child.paths(root))


@pytest.mark.parametrize("what", ["file", "folder"])
def test_the_cache_is_deleted_meanwhile(root: Path, tmp_path: Path, what: str) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
        if what == "file":
            index_file(child.cache, root).unlink()
        else:
            shutil.rmtree(child.cache)
        plant(root, {"new.py": "class New: ...\n"})
        child.send(Changed([str(root / "new.py")]))
        assert child.wait(Ready).files == 5
        child.change(root / "new.py")
        assert len(child.paths(root)) == 5


def test_a_damaged_index_is_made_anew(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
    index_file(tmp_path / "cache", root).write_bytes(b"nothing of the kind" * 1000)
    with IndexChild(tmp_path) as child:
        (ready,) = child.watch(root)
        assert ready.files == 4


def test_a_folder_that_is_not_there(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
        away = root.rename(tmp_path / "away")
        child.send(Rescan())
        failed = child.wait(Failed)
        assert failed.root == str(root)
        assert "cannot be indexed" in failed.message
        away.rename(root)
        child.send(Rescan())
        assert child.wait(Ready).files == 4


def test_a_cache_that_cannot_be_written(root: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with IndexChild(tmp_path) as child:
        child.send(Watch([str(root)]))
        assert str(tmp_path / "cache") in child.wait(Failed).message
        (tmp_path / "cache").unlink()
        child.send(Rescan())
        assert child.wait(Ready).files == 4


def test_a_full_disk_is_reported_and_survived(root: Path, tmp_path: Path) -> None:
    words_ = "".join(f"word_{number} = other_{number}\n" for number in range(20_000))
    plant(root, {"big.py": words_})
    # A limit on the size of files stands for the end of the disk.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
    with IndexChild(tmp_path, before=limit) as child:
        child.send(Watch([str(root)]))
        failed = child.wait(Failed)
        assert "cannot be indexed" in failed.message
        (root / "big.py").unlink()
        child.send(Rescan())
        assert child.wait(Ready).files == 4
        child.change(root / "notes")


def test_it_ends_with_its_input_in_the_midst_of_work(root: Path, tmp_path: Path) -> None:
    plant(root, {f"many/f{number}.py": "call()\n" * 500 for number in range(400)})
    child = IndexChild(tmp_path)
    child.send(Watch([str(root)]))
    child.wait(Progress)
    assert child.end() == 0
    with IndexChild(tmp_path) as again:
        (ready,) = again.watch(root)
        assert ready.files == 404


def test_it_ends_when_the_server_is_killed(root: Path, tmp_path: Path) -> None:
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, time\n"
            "child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(600)",
            *(sys.executable, "-P", "-c"),
            "import sys\n"
            "from pathlib import Path\n"
            "from lsp_server.context.index.process import run_index_process\n"
            "run_index_process(sys.stdin.buffer, sys.stderr.buffer, Path(sys.argv[1]), bool,"
            " tuple)",
            str(tmp_path / "cache"),
        ],
        stdout=subprocess.PIPE,
    )
    with server:
        assert server.stdout is not None
        child = psutil.Process(int(server.stdout.readline()))
        server.kill()
        child.wait(timeout=60)


def test_it_lets_others_go_first(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
        assert psutil.Process(child.pid).nice() == 19
