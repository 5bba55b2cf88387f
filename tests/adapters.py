"""Made-up adapters, and repositories that they belong to."""

import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.catalogue.adapters import Draft, Gate, Manifest, Repository
from tests.engine.tiny import WIDTH, write_tiny_adapter

PASSED = (Gate("later commits", 2.0, at_least=True, value=5.5, detail="points"),)
FAILED = (*PASSED, Gate("exposure", 3.0, at_least=False, value=7.25))
BASE = "a" * 64


def git(folder: Path, *words: str) -> str:
    """Run git in `folder` as nobody in particular."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = [
        "-c",
        "user.name=N",
        "-c",
        "user.email=n@example.org",
        "-c",
        "protocol.file.allow=always",
    ]
    done = subprocess.run(
        [shutil.which("git") or "git", *who, *words],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    return done.stdout.decode().strip()


def repository(folder: Path) -> Path:
    """Make a repository with one commit, which no other one has."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    # Equal commits of the same second would be the same commit.
    (folder / "a.py").write_text(f"# {uuid.uuid4()}\n")
    git(folder, "add", "a.py")
    git(folder, "commit", "-qm", f"Begin {folder.name}")
    return folder


def draft(of: Repository, **changes: Any) -> Draft:
    """Return what a training says of its adapter."""
    values = {
        "name": "mine", "base": "tiny", "base_sha256": BASE, "repository": of, "rank": 4,
        "gates": PASSED, "card": "# Mine\n",
    }  # fmt: skip
    return Draft(**{**values, **changes})


def registered(
    store: AdapterStore,
    folder: Path,
    of: Repository,
    *,
    seed: int = 0,
    width: int = WIDTH,
    **changes: Any,
) -> Manifest:
    """Write an adapter's weights into `folder` and register them."""
    file = write_tiny_adapter(folder / f"weights-{seed}.gguf", seed=seed, width=width)
    return store.register(file, draft(of, **changes))
