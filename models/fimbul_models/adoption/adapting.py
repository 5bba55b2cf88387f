"""Adapt again to a repository that has gone on: choose, train, judge, adopt or leave it.

What is trained on is chosen where the model is least sure of what was committed since the last
time, and where the user has corrected its suggestions; other files are mixed in, so that what was
learnt stays. Nothing happens by itself: somebody, or a timer that somebody has set up, calls.
Training and judging come in from outside. Knows nothing about arguments.
"""

import hashlib
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from fimbul_models.adoption.holding import (
    CANARIES,
    HELD,
    Prepared,
    hold_out,
    read_prepared,
)
from fimbul_models.adoption.language_model import LanguageModel
from fimbul_models.adoption.likelihoods import look_at, write_likelihoods
from fimbul_models.corpus.active import (
    FEEDBACK,
    ActiveRules,
    Candidate,
    choose,
    located,
    read_corrections,
    read_likelihoods,
    unsure_places,
)
from fimbul_models.corpus.projects import Project, ProjectFile
from fimbul_models.corpus.records import Record
from fimbul_models.corpus.repositories import added_lines, commit_of, git_folder
from fimbul_models.errors import RecipeError, SourceError
from fimbul_models.evaluation.repository import Held, RepositoryRules
from lsp_server.config.private import make_folder

STATE, LIKELIHOODS = "state.json", "likelihoods.jsonl"
_LOCK = "adapting.lock"

PLACES = 3
"""Lines of a file that are looked at."""


class AdaptRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much is looked at and trained on."""

    looked_at: int = 200
    """Lines whose likelihood is asked for."""
    files: int = 150
    """Files that are trained on, at most."""
    old: float = 0.5
    """Share of them that is drawn evenly from all files, so that nothing is unlearnt."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if min(self.looked_at, self.files) < 1 or not 0 <= self.old < 1:
            raise ValueError("looked_at and files have to be 1 or more, old from 0 to below 1")


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """One time that it was tried; holds no code."""

    head: str
    since: str
    """Commit up to which was trained."""
    adopted: str
    """What the adapter is called in the store; empty if it was refused."""
    reasons: tuple[str, ...] = ()
    """Why it was refused."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a repository from one time to the next."""

    nights: tuple[Night, ...] = ()
    corrections: int = 0
    """Corrections that there were in the store of feedback the last time."""


@dataclass(frozen=True)
class Decision:
    """What judging has come to."""

    adopted: str
    """What the adapter is called in the store; empty if it was refused."""
    reasons: Sequence[str] = ()


Train = Callable[[Path, Path], Path]
"""Trains on the code in a folder, writes into another one, returns the adapter there."""
Decide = Callable[[Prepared, Path, Path], Decision]
"""Judges an adapter by what was held out, writes its card into a folder, perhaps adopts it."""
OpenModel = Callable[[], AbstractContextManager[LanguageModel]]
"""Opens the model as it is used now."""


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """What is to be done."""

    repository: Path
    folder: Path
    """Where everything about this repository is kept; for its owner only."""
    train: Train
    decide: Decide
    open_model: OpenModel
    holding: RepositoryRules = field(default_factory=RepositoryRules)
    rules: AdaptRules = field(default_factory=AdaptRules)
    feedback: Path | None = None
    """The user's store of feedback; only read if it is named."""
    tell: Callable[[str], None] = print


def adapt(order: Adaptation) -> Night | None:
    """Adapt once; return what came of it, None if nothing is new.

    A call that was killed goes on where it was. Copies of code are deleted in the end, and so is an
    adapter that was refused; cards stay. Raises FimbulError if anything fails, and RecipeError if
    another call is at work.
    """
    try:
        make_folder(order.folder)
        with FileLock(order.folder / _LOCK, timeout=0):
            return _adapt(order)
    except Timeout as error:
        raise RecipeError(
            f"Another call adapts to {order.repository} just now; wait until it has ended."
        ) from error
    except OSError as error:
        raise RecipeError(f"{order.folder} cannot be used: {error}.") from error


def _adapt(order: Adaptation) -> Night | None:
    state = read_state(order.folder)
    head = commit_of(git_folder(order.repository.expanduser().resolve()), "HEAD")
    corrected = read_corrections(order.feedback) if order.feedback else []
    last = state.nights[-1] if state.nights else None
    if last is not None and last.head == head and len(corrected) <= state.corrections:
        order.tell(f"Nothing is new since {head[:12]}.")
        return None
    night = order.folder / f"{len(state.nights) + 1:04}-{head[:12]}"
    if (night / HELD).is_file():
        prepared = read_prepared(night)
    else:
        shutil.rmtree(night, ignore_errors=True)
        prepared = hold_out(
            order.repository,
            order.holding,
            night,
            keep=_Chooser(order, state, corrected, night).kept,
        )
    order.tell(f"{len(prepared.held.training.files)} files are trained on.")
    adapter = order.train(prepared.training, night / "trained")
    decision = order.decide(prepared, adapter, night)
    found = Night(
        head=prepared.held.head,
        since=prepared.held.since,
        adopted=decision.adopted,
        reasons=tuple(decision.reasons),
    )
    _write_state(order.folder, State(nights=(*state.nights, found), corrections=len(corrected)))
    _clear(night)
    return found


def _clear(night: Path) -> None:
    """Delete all but the cards: copies of code, answers, weights; the store has what is used."""
    for path in night.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name in (CANARIES, HELD, LIKELIHOODS) or path.suffix in (".gguf", ".jsonl"):
            path.unlink()


class _Chooser:
    """Decides which of the files there are to train on are trained on."""

    def __init__(
        self, order: Adaptation, state: State, corrected: Sequence[Candidate], night: Path
    ) -> None:
        self._order, self._state, self._corrected = order, state, corrected
        self._likelihoods = order.folder / f"{night.name}-{LIKELIHOODS}"

    def kept(self, held: Held) -> Project:
        """Return the files that are trained on."""
        records = [_record(held, file) for file in held.training.files]
        seed, rules = self._order.holding.seed, self._order.rules
        fresh = self._fresh(held, records)
        with self._order.open_model() as model:
            looked = look_at(
                model,
                records,
                number=rules.looked_at,
                per_file=PLACES,
                seed=seed,
                lines=fresh,
            )
            write_likelihoods(self._likelihoods, looked)
        # Several places may be of one file.
        active = ActiveRules(count=PLACES * rules.files, per_repository=0)
        candidates = list(unsure_places(records, read_likelihoods(self._likelihoods), active))
        self._likelihoods.unlink()
        candidates += located(self._corrected, records)
        # Corrections whose file is not known have no place that could be learnt from.
        chosen = [one.key for one in choose(candidates, active) if one.repository != FEEDBACK]
        wanted = list(dict.fromkeys(chosen))[: max(1, round(rules.files * (1 - rules.old)))]
        rest = [record.key for record in records if record.key not in set(wanted)]
        chance = random.Random(f"{seed}:old:{held.since}")  # noqa: S311  # Repeatable.
        room = min(len(rest), rules.files - len(wanted))
        kept = {*wanted, *chance.sample(rest, room)}
        self._order.tell(
            f"{len(wanted)} files are chosen, where the model is least sure or was corrected, and"
            f" {room} others mixed in."
        )
        files = zip(held.training.files, records, strict=True)
        return Project(
            held.training.name, tuple(file for file, record in files if record.key in kept)
        )

    def _fresh(self, held: Held, records: Sequence[Record]) -> Mapping[str, Sequence[int]] | None:
        """Return the lines that were not there to train on the last time; None for all."""
        if not self._state.nights:
            return None
        folder = git_folder(self._order.repository.expanduser().resolve())
        try:
            added = added_lines(folder, self._state.nights[-1].since, held.since)
        except SourceError:  # History was rewritten: there is no last time to go on from.
            return None
        fresh = {record.key: sorted(added.get(record.path, ())) for record in records}
        # Where only the held-out end has moved, all that is known is looked at again.
        return fresh if any(fresh.values()) else None


def _record(held: Held, file: ProjectFile) -> Record:
    return Record(
        source=held.project.name,
        repository=f"git:{held.project.name}",
        revision=held.since,
        path=file.path,
        text=file.text,
        digest=hashlib.sha256(file.text.encode("utf-8", "surrogatepass")).hexdigest(),
        language=file.language,
    )


def read_state(folder: Path) -> State:
    """Return what is known from earlier times; raise RecipeError if that cannot be read."""
    file = folder / STATE
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.DecodeError) as error:
        raise RecipeError(
            f"{file} cannot be read: {error}. Delete it to begin anew; adapters stay."
        ) from error


def _write_state(folder: Path, state: State) -> None:
    part = folder / f"{STATE}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
    part.replace(folder / STATE)


def recipe_for(template: Mapping[str, Any], folder: Path, seed: int) -> dict[str, Any]:
    """Return the recipe of training `template` with `folder` as what is trained on."""
    data = {
        key: value
        for key, value in template.get("data", {}).items()
        if key not in ("shards", "corpus", "folder")
    }
    return {**template, "seed": seed, "data": {**data, "folder": str(folder.resolve())}}
