"""Which files of a folder are looked at: ignore files, tools' folders, names, contents, limits."""

import os
from pathlib import Path

import pytest

from lsp_server.context.index.files import (
    FoundFile,
    LeftOut,
    Limits,
    Source,
    Walk,
    lines_of,
    look_at,
    read_source,
)
from lsp_server.context.index.ignore import exclude_file

# Each case: files with their texts (a path that ends in / is a folder), and the paths that are
# found. What git says of the same folder was compared once with 1,500 random ones.
TREES = {
    "nothing is ignored": (
        {"a.py": "a", "src/b.py": "b"},
        ["a.py", "src/b.py"],
    ),
    "names at any depth": (
        {".gitignore": "*.gen\nout\n", "a.gen": "", "x/b.gen": "", "x/out/c.py": "", "x/d.py": ""},
        [".gitignore", "x/d.py"],
    ),
    "anchored": (
        {".gitignore": "/top.py\nx/y.py\n", "top.py": "", "x/top.py": "", "x/y.py": "",
         "z/x/y.py": ""},
        [".gitignore", "x/top.py", "z/x/y.py"],
    ),
    "folders only": (
        {".gitignore": "build/\n", "build/a.py": "", "x/build": "a file", "y/build/b.py": ""},
        [".gitignore", "x/build"],
    ),
    "brought back": (
        {".gitignore": "*.txt\n!keep.txt\n", "a.txt": "", "keep.txt": "", "x/keep.txt": ""},
        [".gitignore", "keep.txt", "x/keep.txt"],
    ),
    "nothing comes back from an ignored folder": (
        {".gitignore": "x/\n!x/keep.py\n", "x/keep.py": ""},
        [".gitignore"],
    ),
    "but from one whose entries are ignored": (
        {".gitignore": "x/*\n!x/keep.py\n", "x/keep.py": "", "x/other.py": ""},
        [".gitignore", "x/keep.py"],
    ),
    "or all that is in it": (
        {".gitignore": "x/**\n!x/keep.py\n", "x/keep.py": "", "x/other.py": ""},
        [".gitignore", "x/keep.py"],
    ),
    "a folder that comes back does not bring what is ignored by itself": (
        {".gitignore": "*.txt\nx\n!x\n", "x/a.txt": "", "x/b.py": ""},
        [".gitignore", "x/b.py"],
    ),
    "all but folders and one kind": (
        {".gitignore": "*\n!*/\n!*.py\n", "a.md": "", "a.py": "", "x/y/b.py": "", "x/c.md": ""},
        ["a.py", "x/y/b.py"],
    ),
    "the nearest file has the last word": (
        {".gitignore": "*.txt\n", "x/.gitignore": "!*.txt\n/z.py\n", "a.txt": "", "x/b.txt": "",
         "x/z.py": "", "x/y/z.py": ""},
        [".gitignore", "x/.gitignore", "x/b.txt", "x/y/z.py"],
    ),
    "stars across folders": (
        {".gitignore": "a/**/z.py\n**/gen/*.py\n", "a/z.py": "", "a/b/c/z.py": "",
         "q/gen/y.py": "", "q/gen/w/y.py": ""},
        [".gitignore", "q/gen/w/y.py"],
    ),
    "comments, blanks, line ends, nonsense": (
        {".gitignore": "\ufeff# a.py\r\n\r\nb.py  \r\n\\#c.py\r\n!\r\n[z-a]\r\n", "a.py": "",
         "b.py": "", "#c.py": "", "z": ""},
        [".gitignore", "a.py", "z"],
    ),
    "excludes of the repository, weaker than its files": (
        {".git/info/exclude": "own.py\nkeep.py\n", ".gitignore": "!keep.py\n", "own.py": "",
         "keep.py": ""},
        [".gitignore", "keep.py"],
    ),
    "our own file leaves out more": (
        {".gitignore": "a.py\n", ".fimbulignore": "!a.py\nsecret/\n", "a.py": "",
         "secret/b.py": "", "c.py": ""},
        [".fimbulignore", ".gitignore", "c.py"],
    ),
    "our own file counts below, too": (
        {"x/.fimbulignore": "*.py\n!keep.py\n", "a.py": "", "x/b.py": "", "x/keep.py": ""},
        ["a.py", "x/.fimbulignore", "x/keep.py"],
    ),
    "folders of tools": (
        {"node_modules/x/a.js": "", "x/__pycache__/a.py": "", ".tox/a.py": "", ".venv/a.py": "",
         "target/a.rs": "", "dist/b.js": ""},
        ["dist/b.js", "target/a.rs"],
    ),
    "folders that tools have marked": (
        {"env/pyvenv.cfg": "", "env/lib/a.py": "", "cache/CACHEDIR.TAG": "", "cache/b.c": "",
         "c.py": ""},
        ["c.py"],
    ),
    "data by its name": (
        {"uv.lock": "", "package-lock.json": "", "x.min.js": "", "x.js": "", "app.js.map": "",
         "t.csv": "", "package.json": ""},
        ["package.json", "x.js"],
    ),
    "weird names": (
        {"a b.py": "", "two\nlines.py": "", "naïve.py": "", "[x].py": "", "-": ""},
        ["-", "[x].py", "a b.py", "naïve.py", "two\nlines.py"],
    ),
}  # fmt: skip


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return root


def found_in(root: Path, limits: Limits | None = None) -> tuple[list[str], dict[str, int]]:
    walk = Walk(root, limits or Limits())
    paths = [file.path for file in walk if file is not None]
    return sorted(paths), {reason.value: count for reason, count in walk.left_out.items()}


@pytest.mark.parametrize("case", TREES, ids=str)
def test_walk_finds(case: str, tmp_path: Path) -> None:
    files, expected = TREES[case]
    root = plant(tmp_path / "folder", files)
    assert found_in(root)[0] == expected


@pytest.mark.parametrize("case", TREES, ids=str)
def test_one_file_is_judged_as_in_a_walk(case: str, tmp_path: Path) -> None:
    files, expected = TREES[case]
    root = plant(tmp_path / "folder", files)
    assert [name for name in sorted(files) if isinstance(look_at(root, name), FoundFile)] == [
        name for name in sorted(files) if name in expected
    ]


def test_users_own_excludes(tmp_path: Path) -> None:
    plant(Path(os.environ["XDG_CONFIG_HOME"]), {"git/ignore": "*.swp\n"})
    root = plant(tmp_path / "folder", {"a.swp": "", "a.py": ""})
    assert found_in(root) == (["a.py"], {"ignored": 1})


def test_ignore_files_above_the_folder(tmp_path: Path) -> None:
    repository = plant(
        tmp_path / "repository",
        {".git/info/exclude": "two.py\n", ".gitignore": "/app/one.py\n", "sub/.gitignore": "*\n"},
    )
    root = plant(repository / "app", {"one.py": "", "two.py": "", "three.py": ""})
    assert found_in(root)[0] == ["three.py"]


def test_an_ignored_folder_that_was_opened_is_looked_at(tmp_path: Path) -> None:
    repository = plant(tmp_path / "repository", {".git/HEAD": "", ".gitignore": "build/\n*.py\n"})
    root = plant(repository / "build" / "generated", {"a.py": ""})
    assert found_in(root)[0] == ["a.py"]


def test_a_repository_ends_what_counts_from_above(tmp_path: Path) -> None:
    plant(tmp_path, {".gitignore": "*.py\n"})
    root = plant(tmp_path / "repository", {".git/HEAD": "", "a.py": ""})
    assert found_in(root)[0] == ["a.py"]


def test_excludes_of_a_worktree_are_its_repositorys(tmp_path: Path) -> None:
    main = plant(
        tmp_path / "main",
        {".git/info/exclude": "x.py\n", ".git/worktrees/other/commondir": "../..\n"},
    )
    pointer = f"gitdir: {main}/.git/worktrees/other\n"
    root = plant(tmp_path / "other", {".git": pointer, "x.py": "", "y.py": ""})
    assert exclude_file(root).resolve() == main / ".git/info/exclude"
    assert found_in(root)[0] == ["y.py"]


def test_links_are_never_followed(tmp_path: Path) -> None:
    outside = plant(tmp_path / "outside", {"secret.py": "", "x/more.py": ""})
    root = plant(tmp_path / "folder", {"a.py": ""})
    (root / "link.py").symlink_to(outside / "secret.py")
    (root / "folder").symlink_to(outside / "x")
    (root / "loop").symlink_to(root)
    (root / ".gitignore").symlink_to(outside / "secret.py")
    assert found_in(root) == (["a.py"], {"link": 4})
    assert look_at(root, "folder/more.py") is LeftOut.LINK
    assert look_at(root, "loop/a.py") is LeftOut.LINK
    assert read_source(root / "link.py", lambda _: True) is LeftOut.UNREADABLE


def test_pipes_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    os.mkfifo(tmp_path / ".gitignore")
    assert found_in(tmp_path) == ([], {"special": 2})
    assert read_source(tmp_path / "pipe.py", lambda _: True) is LeftOut.SPECIAL


def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"folder\xff")
    folder.mkdir()
    (folder / "a.py").write_text("")
    (tmp_path / os.fsdecode(b"\xfe.py")).write_text("")
    assert found_in(tmp_path) == ([], {"name": 2})


def test_limits_cut_always_the_same_and_are_counted(tmp_path: Path) -> None:
    root = plant(tmp_path, {f"{folder}/{name}.py": "x" * 10 for folder in "ba" for name in "21"})
    plant(root, {"z.py": "x" * 10, "large.py": "x" * 100})
    limits = Limits(files=3, file_bytes=50)
    expected = (["a/1.py", "a/2.py", "z.py"], {"large": 1, "too-many-files": 2})
    assert found_in(root, limits) == expected
    assert found_in(root, Limits(total_bytes=25, file_bytes=50)) == (
        ["a/1.py", "z.py"],
        {"large": 1, "too-much-text": 3},
    )
    paths, left_out = found_in(root, Limits(entries=5))
    assert left_out["too-many-entries"] >= 1
    assert len(paths) <= 5


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", [""]),
        (b"a\r\nb\rc\x0cd\n", ["a\r\n", "b\r", "c\x0cd\n", ""]),
        ("\ufeffá\n".encode(), ["á\n", ""]),
        (b"a\0b", LeftOut.BINARY),
        (b"a" * 9000 + b"\n" * 40 + b"\0", ["a" * 9000 + "\n", *["\n"] * 39, "\0"]),
        (b"caf\xe9\n", LeftOut.ENCODING),
        (b"x" * 301, LeftOut.MINIFIED),
        (b"x" * 602 + b"\n", LeftOut.MINIFIED),
        (b"x" * 590 + b"\n", ["x" * 590 + "\n", ""]),
    ],
)
def test_contents(data: bytes, expected: object) -> None:
    assert lines_of(data, list) == expected


def test_nothing_is_opened_without_asking(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    asked: list[Path] = []

    def refuse(place: Path) -> bool:
        asked.append(place)
        return False

    assert read_source(path, refuse) is LeftOut.FORBIDDEN
    assert asked == [path]
    source = read_source(path, lambda _: True)
    assert isinstance(source, Source)
    assert source.data == b"x = 1\n"
    assert read_source(tmp_path / "none.py", lambda _: True) is LeftOut.VANISHED
    assert read_source(path, lambda _: True, Limits(file_bytes=3)) is LeftOut.LARGE


def test_every_reason_is_explained() -> None:
    assert all(reason.explanation.endswith(".") for reason in LeftOut)
