"""What is held out of training, and what is trained on, as one folder.

The folder has ``training`` (a copy of the code with canaries planted, for whatever trains),
``canaries.json`` and ``held.json``, by which the same items can be cut again when the adapter is
there. All of it is for its owner only. Knows nothing about training.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec

from fimbul_models.adoption.canaries import (
    GROUPS,
    Planted,
    plant,
    read_planted,
    refuse_repository,
    write_planted,
)
from fimbul_models.corpus.projects import Project
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.repository import (
    Held,
    RepositoryRules,
    cut_items,
    read_repository,
    write_training,
)
from lsp_server.config.private import make_folder

TRAINING, CANARIES, HELD = "training", "canaries.json", "held.json"


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """What tells again what was held out."""

    repository: str
    """Absolute path."""
    head: str
    rules: RepositoryRules
    """With the commit in `since`."""


@dataclass(frozen=True)
class Prepared:
    """A folder that was prepared."""

    folder: Path
    repository: Path
    held: Held
    rules: RepositoryRules
    planted: Planted

    @property
    def training(self) -> Path:
        """What is to be trained on."""
        return self.folder / TRAINING

    @cached_property
    def items(self) -> list[Item]:
        """Places in what is held out."""
        return cut_items(self.held, self.rules)


def _all(held: Held) -> Project:
    return held.training


def hold_out(
    repository: Path,
    rules: RepositoryRules,
    folder: Path,
    groups: Mapping[int, int] = GROUPS,
    keep: Callable[[Held], Project] = _all,
) -> Prepared:
    """Prepare the new `folder`; `keep` says which of the files to train on are taken.

    Raises RecipeError if there is something in it or it lies in a repository, SourceError if the
    repository cannot be read.
    """
    held = read_repository(repository, rules)
    held = replace(held, training=keep(held))
    rules = msgspec.structs.replace(rules, since=held.since)
    refuse_repository(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecipeError(f"{folder} is not empty; name a new folder.")
    make_folder(folder)
    try:
        write_training(held, folder / TRAINING)
        planted = plant(folder / TRAINING, rules.seed, groups)
        write_planted(folder / CANARIES, planted)
    except RecipeError:
        # Half a folder would be taken for a whole one.
        shutil.rmtree(folder / TRAINING, ignore_errors=True)
        raise
    told = HeldOut(repository=str(repository.expanduser().resolve()), head=held.head, rules=rules)
    file = folder / HELD
    file.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
    return Prepared(folder, Path(told.repository), held, rules, planted)


def read_prepared(folder: Path) -> Prepared:
    """Return what was prepared in `folder`.

    Raises RecipeError if it was not, SourceError if the repository is gone or lacks the commits.
    """
    file = folder / HELD
    try:
        told = msgspec.json.decode(file.read_bytes(), type=HeldOut)
    except (OSError, msgspec.DecodeError) as error:
        raise RecipeError(f"{folder} was not made by `fimbul-models hold-out`: {error}.") from error
    repository = Path(told.repository)
    held = read_repository(repository, told.rules, told.head)
    trained = [file for file in held.training.files if (folder / TRAINING / file.path).is_file()]
    held = replace(held, training=Project(held.training.name, tuple(trained)))
    return Prepared(folder, repository, held, told.rules, read_planted(folder / CANARIES))
