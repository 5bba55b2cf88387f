"""The names of a repository's files, arranged so that questions about them are quick.

Built once per state of the repository. Knows nothing about languages and never opens a file.
"""

from collections.abc import Iterable

_WORD_MARKS = str.maketrans("-. ", "___")


def folder_of(path: str) -> str:
    """Return the folder of `path`; empty at the top."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """Return the last part of `path`."""
    return path.rpartition("/")[2]


def stem_of(path: str) -> str:
    """Return the last part of `path` without its last ending."""
    name = name_of(path)
    return name.rpartition(".")[0] or name


def joined(folder: str, relative: str) -> str | None:
    """Return `relative` as seen from `folder`; None if it leaves the repository."""
    parts = folder.split("/") if folder else []
    for part in relative.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def nearest(importing: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return `paths`, those nearest to the file `importing` first, ties by name."""
    here = folder_of(importing).split("/")

    def distance(path: str) -> tuple[int, int, str]:
        there = folder_of(path).split("/")
        shared = 0
        for one, other in zip(here, there, strict=False):
            if one != other:
                break
            shared += 1
        return -shared, len(there), path

    return tuple(sorted(set(paths), key=distance))


class FileNames:
    """The paths of a repository."""

    __slots__ = ("_all", "_by_name", "_folders", "_in_folder", "name")

    def __init__(self, paths: Iterable[str], name: str = "") -> None:
        self.name = name
        """Of the repository's folder."""
        ordered = sorted(paths)
        self._all = frozenset(ordered)
        self._by_name: dict[str, list[str]] = {}
        self._in_folder: dict[str, list[str]] = {"": []}
        self._folders: dict[str, list[str]] = {}
        for path in ordered:
            self._by_name.setdefault(name_of(path), []).append(path)
            self._add_folder(folder_of(path))
            self._in_folder[folder_of(path)].append(path)

    def _add_folder(self, folder: str) -> None:
        while folder not in self._in_folder:
            self._in_folder[folder] = []
            self._folders.setdefault(name_of(folder), []).append(folder)
            folder = folder_of(folder)

    def __contains__(self, path: str) -> bool:
        return path in self._all

    def existing(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return those of `paths` that are files."""
        return tuple(path for path in paths if path in self._all)

    def ending(self, tail: str) -> list[str]:
        """Return every file whose last parts are those of `tail`."""
        return [
            path
            for path in self._by_name.get(name_of(tail), ())
            if path == tail or path.endswith(f"/{tail}")
        ]

    def is_folder(self, path: str) -> bool:
        """Return whether a file lies in or below `path`."""
        return path in self._in_folder

    def inside(self, folder: str, endings: tuple[str, ...]) -> tuple[str, ...]:
        """Return the files right in `folder` whose names have one of `endings`."""
        return tuple(path for path in self._in_folder.get(folder, ()) if path.endswith(endings))

    def folders_ending(self, tail: str) -> list[str]:
        """Return every folder whose last parts are those of `tail`."""
        return [
            folder
            for folder in self._folders.get(name_of(tail), ())
            if folder == tail or folder.endswith(f"/{tail}")
        ]

    def is_called(self, word: str) -> bool:
        """Return whether the repository's name contains `word` as a part of its own."""
        own = f"_{self.name.lower().translate(_WORD_MARKS)}_"
        return bool(word) and f"_{word.lower().translate(_WORD_MARKS)}_" in own
