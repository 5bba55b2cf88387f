"""`fimbul models tune`: what is tried, kept, told and taken back.

The engine stands in scripted where a comparison's outcome matters, since times cannot be told
beforehand; one test runs everything with llama.cpp and a model of a few kilobytes.
"""

import hashlib
import io
import json
import shutil
import string
import subprocess
import sys
from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lsp_server.catalogue.store import ModelStore
from lsp_server.cli import choice, models, tune
from lsp_server.cli.console import Console
from lsp_server.cli.main import make_parser
from lsp_server.cli.variants import Wish
from lsp_server.config.paths import Paths
from lsp_server.errors import (
    ConfigError,
    EngineCrashed,
    ModelDamaged,
    ModelError,
    ModelMissing,
    ModelUnknown,
    ModelUnusable,
)
from lsp_server.inference.inspection import describe_model
from lsp_server.inference.recipes import title_of
from lsp_server.inference.tuning import (
    AnyRequest,
    Compare,
    Compared,
    Done,
    Requantise,
    Settings,
    Times,
    Tried,
    TrySettings,
)
from lsp_server.types import ModelDescription
from tests.engine.tiny import write_tiny_model

SETTINGS = Settings(threads=1, extra_buffers=True, batch=32)
TUNED = "mine-tuned"
TIMES = Times(prefill=5.0, decode=20.0)

Scores = Mapping[str, tuple[float, float]]


class Engine:
    """Answers as llama.cpp's process would: writes a file, and says what it is told to say."""

    def __init__(self, scores: Scores, *, again: float | None = None) -> None:
        self._scores = scores
        """Agreement and ratio of times by a part of the file's name; the first that fits."""
        self._again = again
        """Ratio of the last comparison; None is the same as before."""
        self.asked: list[AnyRequest] = []

    def __call__(self, request: AnyRequest, kind: type[Any], **_more: Any) -> Any:
        self.asked.append(request)
        if isinstance(request, Requantise):
            Path(request.target).write_bytes(Path(request.source).read_bytes()[:9000])
            return Done()
        if isinstance(request, TrySettings):
            return Tried([TIMES for _ in request.settings])
        assert isinstance(request, Compare)
        agreement, ratio = self._score(Path(request.candidate).stem)
        if request.agreement == 0.0 and self._again is not None:
            ratio = self._again
        equal = round(agreement * request.positions)
        return Compared(request.positions, equal, 0.01, TIMES, TIMES, ratio, ratio)

    def _score(self, name: str) -> tuple[float, float]:
        return next(score for part, score in self._scores.items() if part in name)

    def made(self) -> list[str]:
        return [Path(one.target).stem for one in self.asked if isinstance(one, Requantise)]


GOOD: Scores = {
    "output-q8_0+ffn-in-q8_0": (0.96, 0.6),
    "output-q8_0": (0.99, 0.8),
    "ffn-in-q8_0": (0.98, 0.85),
    "": (0.90, 0.5),
}


@pytest.fixture
def screen() -> Console:
    return Console(io.StringIO(), io.StringIO())


def out(screen: Console) -> str:
    assert isinstance(screen.out, io.StringIO)
    return screen.out.getvalue()


def err(screen: Console) -> str:
    assert isinstance(screen.err, io.StringIO)
    return screen.err.getvalue()


@pytest.fixture
def installed(paths: Paths, tmp_path: Path, screen: Console) -> ModelStore:
    """A model called mine, which serves."""
    description = ModelDescription(
        "llama", "Mine", 7, 512, {}, frozenset({"<|fim_prefix|>", "<|fim_suffix|>"})
    )
    models.add_model(
        paths,
        write_tiny_model(tmp_path / "mine.gguf"),
        screen,
        describe=lambda _: description,
        name="mine",
        family="qwen2.5-coder",
        tokens={},
        copy=True,
    )
    choice.use_model(paths, "mine", screen)
    return ModelStore(paths)


@pytest.fixture(autouse=True)
def _engine_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune, "engine_version", lambda: "0.0.0")


def run(paths: Paths, screen: Console, engine: Engine, **wish: Any) -> None:
    tune.tune(paths, None, screen, Wish(**wish), ask=engine, settings=SETTINGS)


def files(paths: Paths) -> list[str]:
    return sorted(path.name for path in (paths.models / TUNED).rglob("*") if path.is_file())


def test_the_fastest_that_keeps_the_answers_is_kept_and_serves(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    run(paths, screen, Engine(GOOD))
    kept = installed.require(TUNED)
    assert kept.sha256 == hashlib.sha256(kept.path.read_bytes()).hexdigest()
    assert files(paths) == [kept.path.name]
    assert choice.settings_of(paths).engine.model == TUNED
    assert "20% less time than with mine: prefill 1.25 and decode 1.25" in out(screen)
    assert "98.0 %" in out(screen)
    assert "90.0 % (too low)" in out(screen)
    assert "fimbul models tune --undo mine" in out(screen)
    # The original is untouched.
    assert installed.verify("mine").path.is_file()


def test_the_copy_knows_where_it_comes_from_and_is_asked_like_the_original(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    run(paths, screen, Engine(GOOD))
    provenance = ModelStore(paths).provenance(TUNED)
    assert provenance is not None
    assert (provenance.origin, provenance.types) == ("mine", {"output": "q8_0"})
    assert provenance.origin_sha256 == installed.get("mine").sha256
    assert (provenance.positions, provenance.agreement) == (2000, 0.99)
    assert (provenance.prefill_ratio, provenance.decode_ratio) == (0.8, 0.8)
    assert provenance.made.endswith("Z")
    original, copy = installed.get("mine"), installed.get(TUNED)
    assert (copy.family, copy.licence, copy.fim_tokens) == (
        original.family,
        original.licence,
        original.fim_tokens,
    )
    assert installed.tuned_from("mine") == TUNED
    models.list_models(paths, screen, as_json=False)
    assert f"{TUNED}: made here from mine (output q8_0), whose choices it makes" in out(screen)
    listed = Console(io.StringIO(), io.StringIO())
    models.list_models(paths, listed, as_json=True)
    rows = {row["name"]: row for row in json.loads(out(listed))}
    assert (rows[TUNED]["tuned_from"], rows["mine"]["tuned_from"]) == ("mine", None)


def test_groups_are_tried_alone_then_together_and_no_coarser_ones_after_a_loss(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    engine = Engine(GOOD)
    run(paths, screen, engine)
    assert engine.made() == [
        "output-q8_0",
        "output-q5_0",  # It lost the answers, so output as iq4_nl and q4_0 are not made.
        "attention-q8_0",
        "ffn-in-q8_0",
        "ffn-in-q5_0",
        "ffn-down-q8_0",
        "output-q8_0+ffn-in-q8_0",
    ]


def test_a_combination_that_holds_wins(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    run(paths, screen, Engine(dict(GOOD) | {"output-q8_0+ffn-in-q8_0": (0.975, 0.6)}))
    provenance = installed.provenance(TUNED)
    assert provenance is not None
    assert title_of(provenance.types) == "output q8_0, ffn-in q8_0"


def test_a_variant_that_regains_the_lead_is_made_again(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    # Attention loses to output, which is as fast and more faithful, and then ffn-in is so much
    # faster that output is out of the running, and attention is not.
    scores = {
        "output-q8_0": (0.999, 0.820),
        "attention-q8_0": (0.990, 0.795),
        "ffn-in-q8_0": (0.980, 0.770),
        "": (0.9, 0.5),
    }
    engine = Engine({"+": (0.9, 0.5)} | scores)
    run(paths, screen, engine)
    provenance = installed.provenance(TUNED)
    assert provenance is not None
    assert provenance.types == {"attention": "q8_0"}
    assert engine.made().count("attention-q8_0") == 2


@pytest.mark.parametrize(
    ("scores", "again", "said"),
    [
        ({"": (0.969, 0.5)}, None, "the most was 96.9%"),
        ({"": (1.0, 0.99)}, None, "at least 3% faster"),
        # What was fast once only was luck.
        ({"": (1.0, 0.8)}, 1.0, "nothing changes"),
    ],
)
def test_without_a_winner_nothing_changes(
    paths: Paths,
    installed: ModelStore,
    screen: Console,
    scores: Scores,
    again: float | None,
    said: str,
) -> None:
    before = paths.registry_file.read_bytes(), paths.user_file.read_bytes()
    run(paths, screen, Engine(scores, again=again))
    assert said in out(screen)
    assert (paths.registry_file.read_bytes(), paths.user_file.read_bytes()) == before
    assert not (paths.models / TUNED).exists()


def test_a_lower_agreement_can_be_asked_for(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    run(paths, screen, Engine({"": (0.95, 0.5)}), agreement=0.95)
    assert choice.settings_of(paths).engine.model == TUNED


def test_a_dry_run_keeps_nothing(paths: Paths, installed: ModelStore, screen: Console) -> None:
    before = paths.registry_file.read_bytes()
    run(paths, screen, Engine(GOOD), dry_run=True)
    assert "output q8_0 would be kept" in out(screen)
    assert paths.registry_file.read_bytes() == before
    assert not (paths.models / TUNED).exists()


def test_the_copy_need_not_serve(paths: Paths, installed: ModelStore, screen: Console) -> None:
    run(paths, screen, Engine(GOOD), use=False)
    assert choice.settings_of(paths).engine.model == "mine"
    assert f"fimbul models use {TUNED}" in out(screen)
    assert installed.require(TUNED)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_is_interrupted_leaves_nothing(
    paths: Paths, installed: ModelStore, screen: Console, error: type[BaseException]
) -> None:
    class Interrupted(Engine):
        def __call__(self, request: AnyRequest, kind: type[Any], **more: Any) -> Any:
            if isinstance(request, Compare) and len(self.asked) > 4:
                raise error
            return super().__call__(request, kind, **more)

    before = paths.registry_file.read_bytes()
    with pytest.raises(error):
        run(paths, screen, Interrupted(GOOD))
    assert paths.registry_file.read_bytes() == before
    assert not (paths.models / TUNED).exists()


def test_what_a_killed_run_has_left_is_cleared(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    left = installed.partial_folder(TUNED)
    left.mkdir(parents=True)
    (left / "half.gguf").write_bytes(b"GG")
    run(paths, screen, Engine(GOOD))
    assert "half.gguf" not in files(paths)


def test_a_variant_that_crashes_the_engine_is_left_out(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    class Crashing(Engine):
        def __call__(self, request: AnyRequest, kind: type[Any], **more: Any) -> Any:
            if isinstance(request, Compare) and "output" in request.candidate:
                raise EngineCrashed("The engine process ended (signal 11).")
            return super().__call__(request, kind, **more)

    run(paths, screen, Crashing(GOOD))
    assert "output q8_0: left out. The engine process ended (signal 11)." in err(screen)
    provenance = installed.provenance(TUNED)
    assert provenance is not None
    assert provenance.types == {"ffn-in": "q8_0"}


def test_tuning_again_takes_the_place_of_the_first(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    run(paths, screen, Engine(GOOD))
    first = files(paths)

    class Other(Engine):
        def __call__(self, request: AnyRequest, kind: type[Any], **more: Any) -> Any:
            answer = super().__call__(request, kind, **more)
            if isinstance(request, Requantise):
                with Path(request.target).open("ab") as file:
                    file.write(b"more")
            return answer

    # The tuned one serves now; its original is what is tuned.
    run(paths, screen, Other(GOOD))
    assert len(files(paths)) == 1
    assert files(paths) != first
    assert installed.verify(TUNED)


def test_tokens_are_left_out_on_request(
    paths: Paths, installed: ModelStore, screen: Console, tmp_path: Path
) -> None:
    foreign = [f"Ã¤{letter}" for letter in string.ascii_letters]
    model = write_tiny_model(tmp_path / "foreign.gguf", more=foreign)
    models.add_model(
        paths,
        model,
        screen,
        describe=lambda _: ModelDescription("llama", "F", 7, 512, {}, frozenset()),
        name="foreign",
        family=None,
        tokens={},
        copy=False,
    )
    engine = Engine({"ascii": (1.0, 0.8), "": (0.9, 0.5)})
    tune.tune(paths, "foreign", screen, Wish(ascii_only=True), ask=engine, settings=SETTINGS)
    provenance = installed.provenance("foreign-tuned")
    assert provenance is not None
    assert provenance.types == {"tokens": "ascii"}
    assert "Left out" in err(screen)
    assert all(
        Path(one.source).name == "ascii.gguf" for one in engine.asked if isinstance(one, Requantise)
    )
    kept = installed.verify("foreign-tuned")
    assert kept.path.stat().st_size < model.stat().st_size


def test_a_model_whose_tokens_are_all_needed_is_told(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    with pytest.raises(ModelUnusable, match=r"--ascii cannot be used with mine\. All of"):
        run(paths, screen, Engine(GOOD), ascii_only=True)
    assert not (paths.models / TUNED).exists()


# Room, policy, names


Usage = namedtuple("Usage", "total used free")  # As `shutil.disk_usage` gives it.


def test_a_full_disk_is_told_before_anything_is_written(
    paths: Paths, installed: ModelStore, screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 5000))
    engine = Engine(GOOD)
    with pytest.raises(ModelError, match=r"disk space in .*models, and 5 kB are free"):
        run(paths, screen, engine)
    assert engine.asked == []


def test_a_full_memory_is_told(
    paths: Paths, installed: ModelStore, screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = namedtuple("memory", "available")
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory(5000))
    with pytest.raises(ModelError, match=r"5 kB are available\. Close other programs"):
        run(paths, screen, Engine(GOOD))


def test_a_policy_that_does_not_allow_the_copy_is_obeyed(
    paths: Paths, installed: ModelStore, screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = paths.data / "policy.toml"
    policy.write_text('[policy]\nallowed_models = ["mine"]\n', encoding="utf-8")
    strict = Paths(paths.config, paths.data, paths.cache, paths.state, policy)
    engine = Engine(GOOD)
    with pytest.raises(ConfigError, match="does not allow a model mine-tuned"):
        run(strict, screen, engine)
    assert engine.asked == []


def test_what_was_tuned_is_not_tuned(paths: Paths, installed: ModelStore, screen: Console) -> None:
    run(paths, screen, Engine(GOOD))
    with pytest.raises(ModelUnusable, match="was tuned from mine; tune that again, or add --undo"):
        tune.tune(paths, TUNED, screen, Wish(), ask=Engine(GOOD), settings=SETTINGS)
    with pytest.raises(ModelUnknown):
        tune.tune(paths, "none-such", screen, Wish(), ask=Engine(GOOD), settings=SETTINGS)


def test_a_damaged_copy_says_how_it_is_made_again(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    run(paths, screen, Engine(GOOD))
    path = installed.require(TUNED).path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelDamaged, match="Run `fimbul models tune mine`"):
        installed.require(TUNED)


# Undo


@pytest.mark.parametrize("name", [None, "mine", TUNED])
def test_undo_goes_back_and_removes_the_file(
    paths: Paths, installed: ModelStore, screen: Console, name: str | None
) -> None:
    before = paths.registry_file.read_bytes()
    run(paths, screen, Engine(GOOD))
    tune.undo(paths, name, screen)
    assert choice.settings_of(paths).engine.model == "mine"
    assert not (paths.models / TUNED).exists()
    assert paths.registry_file.read_bytes() == before
    assert f"Removed {TUNED}; 9 kB are free again." in out(screen)


def test_undo_leaves_another_model_in_use(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    run(paths, screen, Engine(GOOD))
    other = "smollm2-135m-instruct-q4_1"
    choice.use_model(paths, other, screen)
    tune.undo(paths, "mine", screen)
    assert choice.settings_of(paths).engine.model == other


def test_undo_without_anything_tuned_says_so(
    paths: Paths, installed: ModelStore, screen: Console
) -> None:
    with pytest.raises(ModelMissing, match="Nothing was tuned from mine"):
        tune.undo(paths, None, screen)
    with pytest.raises(ModelUnknown):
        tune.undo(paths, "none-such", screen)


# The command line, and everything together


@pytest.mark.parametrize(
    "line",
    [
        "",
        "NAME",
        "NAME --agreement 96.5 --positions 500 --sources a b --dry-run",
        "--no-use",
        "--ascii",
        "--undo",
    ],
)
def test_each_line_has_something_to_run(line: str) -> None:
    assert callable(make_parser().parse_args(["models", "tune", *line.split()]).run)


@pytest.mark.parametrize("line", ["--agreement 0", "--agreement 101", "--positions 0"])
def test_numbers_that_make_no_sense_are_refused(line: str) -> None:
    arguments = make_parser().parse_args(["models", "tune", *line.split()])
    with pytest.raises(ConfigError, match="percentage"):
        arguments.run(arguments)


@pytest.mark.engine
def test_a_polite_kill_leaves_nothing(paths: Paths, installed: ModelStore) -> None:
    before = paths.registry_file.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-m", "lsp_server.cli.main", "models", "tune", "mine"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as lines:
        # The first variant is being compared once the first word about all of them is out.
        assert lines.readline().startswith("Comparing up to")
        assert installed.partial_folder(TUNED).exists()
        process.terminate()
        assert "nothing was kept" in lines.read()
    assert process.wait(timeout=60) == tune.INTERRUPTED
    assert not (paths.models / TUNED).exists()
    assert paths.registry_file.read_bytes() == before


@pytest.mark.engine
def test_everything_with_the_real_engine(
    paths: Paths, installed: ModelStore, screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    before = describe_model(installed.require("mine").path)
    # Whether a random model of 80 kB gets faster is chance; what is written and told is not.
    monkeypatch.setattr("lsp_server.cli.variants.ROUNDS", 1)
    monkeypatch.setattr("lsp_server.inference.recipes.TYPES_TO_TRY", ("q4_0",))
    tune.tune(
        paths,
        "mine",
        screen,
        Wish(agreement=0.5, positions=200, use=False),
        settings=SETTINGS,
    )
    table = [line for line in out(screen).splitlines() if "%" in line]
    assert any(line.startswith("ffn-in q4_0") for line in table)
    assert any(line.startswith("output q4_0") for line in table)
    assert not installed.partial_folder(TUNED).exists()
    if installed.provenance(TUNED):
        kept = installed.verify(TUNED)
        assert describe_model(kept.path) == before
        assert kept.path.stat().st_size < installed.require("mine").path.stat().st_size
