"""Where fimbul keeps its files, by the customs of each platform.

Nothing is ever kept in the repository the user works on.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APPLICATION = "fimbul"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders and files that fimbul reads and writes."""

    config: Path
    """Folder of the user's own settings."""
    data: Path
    """Folder of what cannot be made again cheaply: models and what is known about them."""
    cache: Path
    """Folder of what can be made again: the built engine."""
    state: Path
    """Folder of what was learned about this machine: self-tests; and of logs."""
    policy_file: Path
    """The machine-wide policy, written by an administrator."""

    @classmethod
    def of_user(cls) -> "Paths":
        """Return the folders of the user who runs this process."""
        return cls(
            config=platformdirs.user_config_path(APPLICATION),
            data=platformdirs.user_data_path(APPLICATION),
            cache=platformdirs.user_cache_path(APPLICATION),
            state=platformdirs.user_state_path(APPLICATION),
            policy_file=_policy_file(),
        )

    @property
    def user_file(self) -> Path:
        """The user's settings."""
        return self.config / "config.toml"

    @property
    def models(self) -> Path:
        """Folder of model files, one folder a model."""
        return self.data / "models"

    @property
    def registry_file(self) -> Path:
        """What is known about models beyond the shipped catalogue: added files, kept digests."""
        return self.data / "models.toml"

    @property
    def adapters(self) -> Path:
        """Folder of adapters, one folder each, and which is used where; for its owner only."""
        return self.data / "adapters"

    @property
    def signing_key(self) -> Path:
        """The private key with which adapters are signed that leave this machine."""
        return self.config / "adapter-key.pem"

    @property
    def selftest_file(self) -> Path:
        """Outcomes of self-tests, by machine, build and model."""
        return self.state / "selftest.json"

    @property
    def requests(self) -> Path:
        """Folder of what became of requests, one file a server; readable by its owner only."""
        return self.state / "requests"

    @property
    def logs(self) -> Path:
        """Folder of the servers' logs, readable by its owner only."""
        return self.state / "logs"

    @property
    def feedback_file(self) -> Path:
        """What became of suggestions, in a folder of its own that only its user may open."""
        return self.state / "feedback" / "feedback.sqlite"

    @property
    def reference_indexes(self) -> Path:
        """Folder of the indexes of published code that suggestions are compared with."""
        return self.data / "references"

    @property
    def reference_log(self) -> Path:
        """What was accepted though it resembles such code, in a folder for its owner only."""
        return self.state / "references" / "log.jsonl"

    @property
    def engine(self) -> Path:
        """Folder of built engine wheels and the record of how each was built."""
        return self.cache / "engine"


def workspace_file(folder: Path) -> Path:
    """Return the settings file of the workspace `folder`."""
    return folder / ".fimbul.toml"


def _policy_file() -> Path:
    # Fixed places, not environment variables: a policy that a variable could move is none.
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / APPLICATION / "policy.toml"
    if sys.platform == "darwin":
        return Path("/Library/Application Support") / APPLICATION / "policy.toml"
    return Path("/etc") / APPLICATION / "policy.toml"
