"""Adapt by the commands that there are: train in a process of its own, judge, adopt.

Training needs the extra ``training`` and much memory, so it runs in another process, which is gone
when judging begins. Knows nothing about terminals.
"""

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import tomlkit

from fimbul_models.adoption.adapting import (
    Adaptation,
    AdaptRules,
    Decision,
    Night,
    Train,
    adapt,
    recipe_for,
)
from fimbul_models.adoption.holding import Prepared
from fimbul_models.adoption.judging import Order, adopt, carry_out, former_of, name_for
from fimbul_models.adoption.language_model import LanguageModel, opened
from fimbul_models.adoption.limits import Limits
from fimbul_models.adoption.measuring import Means, Sizes
from fimbul_models.errors import EvaluationError, RecipeError
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.repository import RepositoryRules
from lsp_server.catalogue.repositories import identify
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths

TRAIN_COMMAND = (
    sys.executable,
    "-c",
    "import sys; from fimbul_models.main import main; sys.exit(main())",
    "train",
)
"""The command of this installation that trains."""

ADAPTER, SUMMARY = "adapter.gguf", "training.json"
"""What that command writes."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a call of the command says."""

    repository: Path
    model: str
    recipe: Path
    """Of training; what is trained on is put into it."""
    holding: RepositoryRules
    limits: Limits
    rules: AdaptRules = field(default_factory=AdaptRules)
    public: Sequence[Item] = ()
    feedback: Path | None = None
    sizes: Sizes = field(default_factory=Sizes)
    folder: Path | None = None
    """Where everything is kept; None is below the user's state."""
    train_command: Sequence[str] = TRAIN_COMMAND
    tell: Callable[[str], None] = print


def call(what: Call, means_of: Callable[[Order], Means] | None = None) -> Night | None:
    """Adapt once, by the commands; return what came of it, None if nothing is new.

    Raises FimbulError if anything fails.
    """
    paths = Paths.of_user()
    key = identify(what.repository).key
    order = Adaptation(
        repository=what.repository,
        folder=what.folder or paths.state / "adapting" / key,
        train=_trainer(what),
        decide=lambda prepared, adapter, night: _decide(
            what, paths, means_of, prepared, adapter, night
        ),
        open_model=lambda: _opened(what, paths),
        holding=what.holding,
        rules=what.rules,
        feedback=what.feedback,
        tell=what.tell,
    )
    return adapt(order)


@contextmanager
def _opened(what: Call, paths: Paths) -> Iterator[LanguageModel]:
    former = former_of(what.repository, what.model, paths)
    engine = replace(
        Settings().engine, model=what.model, adapter_percent=former.percent if former else 100
    )
    with opened(Settings(engine=engine), former.path if former else None) as model:
        yield model


def _trainer(what: Call) -> Train:
    template = _read_recipe(what.recipe)

    def train(folder: Path, output: Path) -> Path:
        output.mkdir(parents=True, exist_ok=True, mode=0o700)
        recipe = output / "recipe.toml"
        said = recipe_for(template, folder, what.holding.seed)
        recipe.write_text(tomlkit.dumps(said), encoding="utf-8")
        command = [*what.train_command, "--recipe", str(recipe), "--output", str(output)]
        status = subprocess.run(command, check=False).returncode
        adapter = output / ADAPTER
        if status or not adapter.is_file():
            raise EvaluationError(
                f"Training has ended with status {status} and without an adapter; what it said"
                " stands above. The next call goes on where it was."
            )
        return adapter

    return train


def _read_recipe(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error


def _decide(
    what: Call,
    paths: Paths,
    means_of: Callable[[Order], Means] | None,
    prepared: Prepared,
    adapter: Path,
    night: Path,
) -> Decision:
    order = Order(
        adapter=adapter,
        model=what.model,
        prepared=prepared,
        limits=what.limits,
        output=night,
        name=name_for(prepared.held.project.name),
        public=what.public,
        former=former_of(what.repository, what.model, paths),
        sizes=what.sizes,
        training=_summary(adapter.parent / SUMMARY),
        tell=what.tell,
    )
    verdict = carry_out(order, means_of)
    return Decision(adopt(verdict, adapter, what.repository, paths), verdict.reasons)


def _summary(path: Path) -> dict[str, Any]:
    """Return what training says of itself; it is for people, so a missing file is no error."""
    try:
        told: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}
    return told
