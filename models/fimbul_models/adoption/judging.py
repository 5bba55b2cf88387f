"""Judge an adapter, write its card, and adopt it if all gates were passed.

Joins what was held out, the server, the model itself, limits, card and the store of adapters.
Knows nothing about arguments or terminals.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.adoption import card
from fimbul_models.adoption.canaries import refuse_repository
from fimbul_models.adoption.card import Facts
from fimbul_models.adoption.fitting import misfit, rank_of
from fimbul_models.adoption.gates import Figures, judge, reasons
from fimbul_models.adoption.holding import Prepared
from fimbul_models.adoption.language_model import LanguageModel, opened
from fimbul_models.adoption.limits import Limits
from fimbul_models.adoption.measuring import (
    ADAPTER,
    BASE,
    FORMER,
    Answers,
    Means,
    Sizes,
    Tell,
    Trial,
    measure,
)
from fimbul_models.errors import EvaluationError, RecipeError
from fimbul_models.evaluation.driver import SERVER_COMMAND
from fimbul_models.evaluation.infilling import Evaluation, evaluate
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.runs import Run
from fimbul_models.evaluation.workspaces import Workspaces, together, workspaces_of
from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.catalogue.adapters import Draft, Gate
from lsp_server.catalogue.files import sha256_of
from lsp_server.catalogue.repositories import identify
from lsp_server.catalogue.store import InstalledModel, ModelStore
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.config.private import FILE_MODE, make_folder
from lsp_server.errors import FimbulError

CARD, VALUES = "card.md", "card.json"


@dataclass(frozen=True)
class Former:
    """The adapter in use until now."""

    path: Path
    percent: int = 100
    """Its weight."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done."""

    adapter: Path
    model: str
    """Name of the base in the catalogue."""
    prepared: Prepared
    limits: Limits
    output: Path
    """Folder for the card, answers and figures; for its owner only."""
    name: str
    public: Sequence[Item] = ()
    workspaces: Workspaces = field(default_factory=Workspaces)
    """Projects of the public items."""
    former: Former | None = None
    percent: int = 100
    sizes: Sizes = field(default_factory=Sizes)
    training: Mapping[str, Any] = field(default_factory=dict)
    """What training says of itself, for the card."""
    command: Sequence[str] = SERVER_COMMAND
    tell: Tell = print


@dataclass(frozen=True)
class Verdict:
    """What came of it."""

    gates: tuple[Gate, ...]
    figures: Figures
    draft: Draft
    """What the store of adapters is told."""

    @property
    def reasons(self) -> list[str]:
        """What speaks against adoption."""
        return reasons(self.gates)


def carry_out(order: Order, means_of: Callable[["Order"], Means] | None = None) -> Verdict:
    """Measure, judge, and write the card; nothing is adopted yet.

    A call that was killed goes on where it was. Raises FimbulError if a file, the model or the
    server fails.
    """
    if name_for(order.name) != order.name:
        raise RecipeError(
            f"An adapter cannot be called {order.name}; {name_for(order.name)} would do (small"
            " letters, digits, dots and dashes)."
        )
    # A server that works in a repository would take the adapter that was chosen there.
    refuse_repository(order.output)
    base = ModelStore(Paths.of_user()).require(order.model)
    try:
        make_folder(order.output)
        digest = sha256_of(order.adapter)
        former = sha256_of(order.former.path) if order.former else ""
    except OSError as error:
        raise EvaluationError(f"{error.filename} cannot be used: {error.strerror}.") from error
    digests = {ADAPTER: digest, FORMER: former}
    trial = Trial(
        misfit=misfit(order.adapter, base.path, base.sha256),
        prepared=order.prepared,
        public=order.public,
        has_former=order.former is not None,
        sizes=order.sizes,
        digest=hashlib.sha256(f"{base.sha256} {digests} {order.percent}".encode()).hexdigest(),
        kept=order.output / "figures.json",
    )
    figures = measure(trial, (means_of or _means)(_linked(order, digests)))
    gates = judge(figures, order.limits)
    facts = _facts(order, base, digest)
    text = card.as_markdown(facts, figures, gates)
    _write(order.output / CARD, text.encode())
    values = msgspec.json.encode(card.as_values(facts, figures, gates))
    _write(order.output / VALUES, msgspec.json.format(values) + b"\n")
    return Verdict(gates, figures, _draft(order, facts, gates, text))


def name_for(folder: str) -> str:
    """Return a name for an adapter that was trained on a folder of that name."""
    return re.sub(r"[^a-z0-9._-]+", "-", folder.lower()).strip("-._")[:100] or "own"


def adopt(verdict: Verdict, adapter: Path, repository: Path, paths: Paths) -> str:
    """Keep an adapter in the store, and use it in its repository if it may be; return its name.

    One that did not pass is not kept: it may hold what it must not give away.

    Raises AdapterError if the store cannot be written.
    """
    if verdict.reasons:
        return ""
    store = AdapterStore(paths)
    manifest = store.register(adapter, verdict.draft)
    store.use(manifest.sha256, repository)
    return manifest.title


def former_of(repository: Path, model: str, paths: Paths) -> Former | None:
    """Return the adapter of `model` that is in use in a repository.

    Raises AdapterError if what is known of it cannot be read, ModelError if the model is missing.
    """
    store = AdapterStore(paths)
    use = store.chosen(repository)
    digest = use.digest if use is not None else None
    found = store.get(digest) if digest else None
    if found is None or found.manifest.base_sha256 != ModelStore(paths).require(model).sha256:
        return None
    return Former(found.path, found.manifest.percent)


def _linked(order: Order, digests: Mapping[str, str]) -> Order:
    """Return `order` with its adapters under names that say what is in them.

    Answers are kept by the options of a run, so another file has to have another name.
    """

    def link(run: str, path: Path) -> Path:
        name = order.output.resolve() / f"{digests[run][:16]}.gguf"
        name.unlink(missing_ok=True)
        name.symlink_to(path.resolve())
        return name

    former = order.former
    if former is not None:
        former = replace(former, path=link(FORMER, former.path))
    return replace(order, adapter=link(ADAPTER, order.adapter), former=former)


def _means(order: Order) -> Means:
    def answer(items: Sequence[Item]) -> Answers:
        own = workspaces_of(order.prepared.held.project, order.output / "workspace")
        runs = [Run(name, {"engine": options}) for name, options in _engines(order).items()]
        evaluation = Evaluation(
            items=items,
            runs=runs,
            command=tuple(order.command),
            folder=order.output / "answers",
            workspaces=together(order.workspaces, own),
            prompts=order.output / "prompts.jsonl" if order.command == SERVER_COMMAND else None,
        )
        return evaluate(evaluation).runs

    @contextmanager
    def open_model(run: str) -> Iterator[LanguageModel]:
        engine = replace(Settings().engine, model=order.model, adapter_percent=order.percent)
        adapter = order.adapter if run == ADAPTER else None
        with opened(Settings(engine=engine), adapter) as model:
            yield model

    return Means(answer, open_model, order.tell)


def _engines(order: Order) -> dict[str, dict[str, Any]]:
    """Return the options of the engine by run."""
    base: dict[str, Any] = {"model": order.model}
    used = {ADAPTER: Former(order.adapter, order.percent)}
    if order.former is not None:
        used[FORMER] = order.former
    found = {
        run: {**base, "adapter": str(one.path), "adapter_percent": one.percent}
        for run, one in used.items()
    }
    # Whatever the user has in use is not over the base.
    return {BASE: {**base, "adapter": ""}, **found}


def _facts(order: Order, base: InstalledModel, digest: str) -> Facts:
    prepared = order.prepared
    return Facts(
        name=order.name,
        base=order.model,
        base_sha256=base.sha256,
        sha256=digest,
        bytes=order.adapter.stat().st_size,
        rank=_rank(order.adapter),
        percent=order.percent,
        repository=prepared.held.project.name,
        since=prepared.held.since,
        head=prepared.held.head,
        seed=prepared.rules.seed,
        versions=", ".join(map(_version, ("fimbul", "fimbul-models", "llama_cpp_python"))),
        training=order.training,
    )


def _rank(adapter: Path) -> int:
    # What is no adapter has been told already, and has no rank.
    try:
        return rank_of(adapter)
    except FimbulError:
        return 0


def _version(distribution: str) -> str:
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution} not installed"


def _draft(order: Order, facts: Facts, gates: tuple[Gate, ...], text: str) -> Draft:
    numbers = {
        name: float(value)
        for name, value in order.training.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return Draft(
        name=order.name,
        base=order.model,
        base_sha256=facts.base_sha256,
        repository=identify(order.prepared.repository),
        rank=max(1, facts.rank),
        gates=gates,
        percent=order.percent,
        figures=numbers,
        card=text,
    )


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
        path.chmod(FILE_MODE)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error
