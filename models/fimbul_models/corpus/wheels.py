"""Fetch wheels with pip: archives that need no building.

`pip download` of anything but a wheel would run the package's build, so nothing else is taken.
pip is asked as the user set it up (index, proxy, find-links). Knows nothing about digests.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fimbul_models.errors import SourceError

_LAST_LINES = 3


def kept_wheel(name: str, version: str, folder: Path) -> Path | None:
    """Return the wheel of `name` at `version` in `folder`, None if there is none."""
    begin = _normal(name)
    fitting = [path for path in folder.glob("*.whl") if _begins(path.name, begin, version)]
    return min(fitting, default=None)


def download_wheel(name: str, version: str, folder: Path) -> Path:
    """Fetch the wheel of `name` at `version`, the newest if that is empty, into `folder`.

    Raises SourceError if pip finds none.
    """
    wanted = f"{name}=={version}" if version else name
    # A folder of its own, then a rename: two runs at once never see half a file.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
        command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        # The same file on every machine and Python: it is read, never installed.
        command += ["--platform", "any", "--implementation", "py", "--abi", "none"]
        command += ["--ignore-requires-python", "--dest", work, wanted]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(work).glob("*.whl"))
        if outcome.returncode or len(wheels) != 1:
            last = " ".join(outcome.stderr.strip().splitlines()[-_LAST_LINES:])
            raise SourceError(
                f"pip fetched no wheel of {name} {version}: {last or 'it says nothing'}"
            )
        return Path(shutil.move(wheels[0], folder / wheels[0].name))


def wheel_version(wheel: Path) -> str:
    """Return the version that the name of `wheel` tells."""
    return wheel.name.split("-")[1]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _begins(file_name: str, name: str, version: str) -> bool:
    parts = file_name.split("-")
    return _normal(parts[0]) == name and parts[1:2] == [version]
