"""Fetch Debian source packages with apt-get: the upstream tarball, nothing unpacked or built.

apt gets a state of its own in our folder (lists, cache, sources), so the machine's is neither
needed nor changed and no rights are needed either. Where source packages come from is derived
from the machine's own lines for binary packages, those of its release. Knows nothing about
digests.
"""

import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fimbul_models.errors import SourceError

_LAST_LINES = 3
_TAR = r"\.tar\.(gz|xz|bz2)"
_KEPT = re.compile(rf"[^_]+_(?P<version>[^_]+){_TAR}")
_ONE_LINE = re.compile(r"deb\s+(?P<options>\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)")


def kept_source(name: str, version: str, folder: Path) -> Path | None:
    """Return the upstream tarball of `name` at `version` in `folder`, None if there is none."""
    return min(folder.glob(f"{name}_{_quoted(version)}.tar.*"), default=None)


def download_source(name: str, version: str, folder: Path) -> Path:
    """Fetch the upstream tarball of `name` at `version`, the newest if that is empty.

    `version` is Debian's, such as ``1.2.3-4``. The file is put into `folder` and named after it.

    Raises SourceError if there is no apt-get, or no such version; it says which ones there are.
    """
    apt = _Apt(folder / "apt")
    apt.prepare()
    version = _found(apt, name, version)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
        # The packaging is not wanted, and a mirror that lacks it may well have the tarball.
        apt.run("source", "--tar-only", "--only-source", f"{name}={version}", folder=work)
        tarball = _upstream(name, Path(work))
        ending = "".join(tarball.suffixes[-2:])
        # From an archive on this machine apt gives links, which would lead nowhere one day.
        copy = shutil.copyfile(tarball, Path(work, "copy"))
        return Path(shutil.move(copy, folder / f"{name}_{_quoted(version)}{ending}"))


def source_version(tarball: Path) -> str:
    """Return the version that the name of a kept `tarball` tells."""
    match = _KEPT.fullmatch(tarball.name)
    return match["version"].replace("%3a", ":") if match else ""


def _quoted(version: str) -> str:
    return version.replace(":", "%3a")


def _found(apt: "_Apt", name: str, version: str) -> str:
    """Return `version` if the archive has it, the newest it has if `version` is empty."""
    versions = apt.versions(name)
    if not version or version not in versions:
        # The lists may be old: the archive forgets a version when the next one comes.
        apt.refresh()
        versions = apt.versions(name)
    if not versions:
        raise SourceError(f"This machine's Debian release has no source package {name}.")
    if version and version not in versions:
        raise SourceError(
            f"The source package {name} is not there as {version} any more, but as"
            f" {', '.join(versions)}. `fimbul-models items --recipe FILE --repin {name}` puts the"
            " newest one and its sha256 into the recipe."
        )
    return version or versions[0]


@dataclass(frozen=True, slots=True)
class _Apt:
    """apt with its state in one folder."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder, write the settings, and fetch the lists if there are none."""
        if shutil.which("apt-get") is None:
            raise SourceError("Debian source packages need apt-get, which this machine has not.")
        if re.search(r'["\n;]', str(self.folder)):
            raise SourceError(f"apt cannot keep files in {self.folder}; choose a plain name.")
        for name in ("lists/partial", "cache/archives/partial", "sources", "parts"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        self._settings.write_text(_SETTINGS.format(folder=self.folder), encoding="utf-8")
        for number, (ending, text) in enumerate(_source_lines()):
            path = self.folder / "sources" / f"{number:02}{ending}"
            path.write_text(text, encoding="utf-8")
        if not any(self.folder.glob("lists/*Sources*")):
            self.refresh()

    @property
    def _settings(self) -> Path:
        return self.folder / "apt.conf"

    def refresh(self) -> None:
        """Fetch the lists of source packages."""
        self._run(["apt-get", "--quiet", "update"], None, refused="")
        if not any(self.folder.glob("lists/*Sources*")):
            raise SourceError(
                "apt fetched no list of source packages; `apt-get update` says more. A machine"
                " without a network keeps what was fetched before."
            )

    def run(self, *arguments: str, folder: str | None = None) -> None:
        """Run apt-get; raise SourceError with its last words if it fails."""
        self._run(["apt-get", "--quiet", *arguments], folder)

    def versions(self, name: str) -> list[str]:
        """Return the versions of source package `name`, newest first."""
        text = self._run(["apt-cache", "showsrc", "--only-source", name], None, refused="")
        found = re.findall(r"(?m)^Package: (.*)\n(?:.*\n)*?Version: (.*)$", text)
        return _newest_first({version for package, version in found if package == name})

    def _run(self, command: list[str], folder: str | None, refused: str | None = None) -> str:
        # After the machine's own settings (proxies, certificates), so that ours win.
        command[1:1] = ["--config-file", str(self._settings)]
        outcome = subprocess.run(
            command, cwd=folder or self.folder, capture_output=True, text=True, check=False
        )
        if outcome.returncode and refused is not None:
            return refused
        if outcome.returncode:
            last = " ".join(outcome.stderr.strip().splitlines()[-_LAST_LINES:])
            what = shlex.join([command[0], *command[3:]])
            raise SourceError(f"`{what}` failed: {last or 'it says nothing'}")
        return outcome.stdout


_SETTINGS = """\
#clear APT::Update;
Dir::State "{folder}";
Dir::State::lists "lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Cache::srcpkgcache "";
Dir::Cache::pkgcache "";
Dir::Etc::sourcelist "{folder}/none";
Dir::Etc::sourceparts "{folder}/sources";
Dir::Etc::preferences "{folder}/none";
Dir::Etc::preferencesparts "{folder}/parts";
Acquire::Languages "none";
APT::Sandbox::User "root";
"""


def _newest_first(versions: Iterable[str]) -> list[str]:
    ordered: list[str] = []
    for version in sorted(versions):
        place = next((i for i, other in enumerate(ordered) if _is_newer(version, other)), None)
        ordered.insert(len(ordered) if place is None else place, version)
    return ordered


def _is_newer(version: str, other: str) -> bool:
    command = ["dpkg", "--compare-versions", version, "gt", other]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _upstream(name: str, folder: Path) -> Path:
    begin = re.escape(name)
    for ending in (rf"\.orig{_TAR}", _TAR):
        pattern = re.compile(rf"{begin}_[^_]+{ending}")
        fitting = [
            path
            for path in sorted(folder.iterdir())
            if pattern.fullmatch(path.name) and ".debian.tar." not in path.name
        ]
        if fitting:
            return fitting[0]
    raise SourceError(f"The source package {name} has no upstream tarball that we can read.")


def _source_lines() -> Iterator[tuple[str, str]]:
    """Yield ending and text of files that name the sources of this machine's binary packages."""
    one_line, stanzas = _machine_lines()
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    for wanted in (codename, ""):
        lines = [text for line in one_line if (text := _as_source_line(line, wanted))]
        blocks = [text for stanza in stanzas if (text := _as_source_stanza(stanza, wanted))]
        if lines or blocks:
            yield ".list", "".join(f"{line}\n" for line in lines)
            yield ".sources", "\n".join(blocks)
            return
    raise SourceError("apt of this machine knows no archive that source packages could come from.")


def _machine_lines() -> tuple[list[str], list[str]]:
    """Return apt's lines of the old form and its stanzas of the new one, as they stand."""
    command = ["apt-config", "shell", "F", "Dir::Etc::sourcelist/f", "D", "Dir::Etc::sourceparts/d"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    names = dict(word.split("=", 1) for word in shlex.split(text))
    parts = Path(names.get("D", "/etc/apt/sources.list.d"))
    lists = [Path(names.get("F", "/etc/apt/sources.list")), *sorted(parts.glob("*.list"))]
    one_line = [line.strip() for path in lists for line in _lines_of(path)]
    stanzas = []
    for path in sorted(parts.glob("*.sources")):
        lines = [line for line in _lines_of(path) if not line.startswith("#")]
        stanzas += re.split(r"\n\s*\n", "\n".join(lines).strip())
    return one_line, stanzas


def _lines_of(path: Path) -> Sequence[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # A part that this user may not read, or none at all.
        return ()


def _of_release(suite: str, codename: str) -> bool:
    return not codename or re.split(r"[-/]", suite)[0] == codename


def _as_source_line(line: str, codename: str) -> str:
    match = _ONE_LINE.fullmatch(line.split("#")[0].strip())
    if match is None or not _of_release(match["suite"], codename):
        return ""
    return f"deb-src {match['options'] or ''}{match['uri']} {match['suite']}{match['rest']}"


def _as_source_stanza(stanza: str, codename: str) -> str:
    fields = dict(re.findall(r"(?m)^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza))
    names = {name.lower(): value.strip() for name, value in fields.items()}
    suites = [suite for suite in names.get("suites", "").split() if _of_release(suite, codename)]
    off = names.get("enabled", "yes").lower() in ("no", "false", "0")
    if off or not suites or "deb" not in names.get("types", "").split():
        return ""
    kept = ("uris", "components", "signed-by", "trusted")
    lines = ["Types: deb-src", f"Suites: {' '.join(suites)}"]
    lines += [f"{name.title()}: {names[name]}" for name in kept if name in names]
    return "\n".join(lines) + "\n"
