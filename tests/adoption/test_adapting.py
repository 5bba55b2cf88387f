"""Adapting again and again: what is new, what is chosen, what is kept, what is refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from filelock import FileLock

from fimbul_models.adoption.adapting import (
    Adaptation,
    AdaptRules,
    Decision,
    adapt,
    read_state,
    recipe_for,
)
from fimbul_models.adoption.holding import Prepared
from fimbul_models.adoption.language_model import LanguageModel
from fimbul_models.errors import EvaluationError, RecipeError
from tests.adoption.judged import RULES, Made, make_repository, module
from tests.corpus.repositories_made import commit, git


@dataclass
class Bench:
    """Stands for whoever trains and judges, and notes what was asked."""

    adopts: bool = True
    fails: bool = False
    trained: list[set[str]] = field(default_factory=list)
    judged: list[Prepared] = field(default_factory=list)

    def train(self, folder: Path, output: Path) -> Path:
        """See `adapting.Train`."""
        if self.fails:
            raise EvaluationError("Training has ended.")
        files = {path.name for path in folder.rglob("*") if path.is_file()}
        self.trained.append(files)
        output.mkdir()
        (output / "adapter.gguf").write_bytes(b"GGUF")
        return output / "adapter.gguf"

    def decide(self, prepared: Prepared, adapter: Path, night: Path) -> Decision:
        """See `adapting.Decide`."""
        assert adapter.is_file()
        self.judged.append(prepared)
        (night / "card.md").write_text("# a card\n")
        if self.adopts:
            return Decision(f"own@{len(self.judged)}")
        return Decision("", ["membership inference 0.9, at most 0.65"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("made") / "own")


@pytest.fixture
def repository(made: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", str(made), "own")
    return tmp_path / "own"


def opener(model: Made, asked: list[str]) -> Callable[[], object]:
    @dataclass(frozen=True)
    class Asked(Made):
        def logprobs(self, item: object, text: str) -> tuple[float, ...]:
            asked.append(text)
            return model.logprobs(item, text)  # type: ignore[arg-type]

    @contextmanager
    def opened() -> Iterator[LanguageModel]:
        yield Asked()

    return opened


def order(repository: Path, bench: Bench, model: Made = Made(), **more: object) -> Adaptation:  # noqa: B008
    return replace(
        Adaptation(
            repository=repository,
            folder=repository.parent / "adapting",
            train=bench.train,
            decide=bench.decide,
            open_model=opener(model, []),  # type: ignore[arg-type]
            holding=RULES,
            rules=AdaptRules(looked_at=60, files=12),
            tell=lambda _: None,
        ),
        **more,  # type: ignore[arg-type]
    )


def test_a_night_adopts_what_passes_and_leaves_only_the_card(repository: Path) -> None:
    bench = Bench()
    night = adapt(order(repository, bench))
    assert night is not None
    assert night.adopted == "own@1"
    assert len(bench.trained[0]) == 12
    prepared = bench.judged[0]
    assert {path.rpartition("/")[2] for path in prepared.held.files}.isdisjoint(bench.trained[0])
    # Canaries are in files that were trained on, or they would prove nothing.
    for canary in prepared.planted.canaries:
        assert {path.rpartition("/")[2] for path in canary.paths} <= bench.trained[0]
    folder = repository.parent / "adapting"
    assert folder.stat().st_mode & 0o777 == 0o700
    (left,) = [path for path in folder.iterdir() if path.is_dir()]
    assert [path.name for path in left.iterdir()] == ["card.md"]
    assert git(repository, "status", "--porcelain") == ""
    # Nothing new, nothing done.
    assert adapt(order(repository, bench)) is None
    assert len(bench.trained) == 1


def test_what_was_committed_since_is_looked_at_the_next_time(repository: Path) -> None:
    bench = Bench()
    adapt(order(repository, bench))
    names = [f"src/new{number}.py" for number in range(12)]
    fresh = {name: module(200 + number, "py") for number, name in enumerate(names)}
    commit(repository, fresh, "2026-03-01T00:00:00+00:00")
    commit(repository, {"src/m0.py": module(300, "py")}, "2026-04-01T00:00:00+00:00")
    asked: list[str] = []
    night = adapt(order(repository, bench, open_model=opener(Made(), asked)))
    assert night is not None
    assert asked
    whole = "".join(fresh.values())
    later = git(repository, "diff", "HEAD~2", "HEAD~1") + git(
        repository, "diff", "HEAD~3", "HEAD~2"
    )
    assert all(text in whole or text in later for text in asked)
    assert any(name.startswith("new") for name in bench.trained[1])
    assert [one.adopted for one in read_state(repository.parent / "adapting").nights] == [
        "own@1",
        "own@2",
    ]


def test_files_that_the_model_knows_least_come_first(repository: Path) -> None:
    bench = Bench()
    odd = Made(languages={"typescript": -6.0})
    adapt(order(repository, bench, odd, rules=AdaptRules(looked_at=120, files=6, old=0.0)))
    assert all(name.endswith(".ts") for name in bench.trained[0])


def test_one_that_is_refused_is_not_used_and_says_why(repository: Path) -> None:
    bench = Bench(adopts=False)
    night = adapt(order(repository, bench))
    assert night is not None
    assert night.adopted == ""
    assert night.reasons == ("membership inference 0.9, at most 0.65",)
    assert not list((repository.parent / "adapting").rglob("*.gguf"))


def test_a_call_that_failed_goes_on_with_the_same_files(repository: Path) -> None:
    bench = Bench(fails=True)
    with pytest.raises(EvaluationError):
        adapt(order(repository, bench))
    (night,) = [path for path in (repository.parent / "adapting").iterdir() if path.is_dir()]
    before = {path.name for path in (night / "training").rglob("*") if path.is_file()}
    bench.fails = False
    asked: list[str] = []
    assert adapt(order(repository, bench, open_model=opener(Made(), asked))) is not None
    assert bench.trained == [before]
    assert asked == []


def test_two_calls_at_once_do_not_meet(repository: Path) -> None:
    folder = repository.parent / "adapting"
    folder.mkdir()
    with FileLock(folder / "adapting.lock"), pytest.raises(RecipeError, match="just now"):
        adapt(order(repository, Bench()))


def test_state_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(RecipeError, match="Delete it to begin anew"):
        read_state(tmp_path)


def test_a_recipe_gets_the_folder_and_keeps_the_rest(tmp_path: Path) -> None:
    template = {"name": "a", "data": {"folder": ".", "tokens": 5}, "lora": {"rank": 4}}
    found = recipe_for(template, tmp_path, 7)
    assert found == {
        "name": "a",
        "seed": 7,
        "data": {"tokens": 5, "folder": str(tmp_path)},
        "lora": {"rank": 4},
    }
