"""The commands together: a tiny model, adapters that are trained in a moment, the real store."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fimbul_models.adoption.adapting import AdaptRules
from fimbul_models.adoption.calling import Call, call
from fimbul_models.adoption.judging import Order, carry_out, former_of
from fimbul_models.adoption.limits import shipped_limits
from fimbul_models.adoption.measuring import ADAPTER, BASE, Means, Sizes
from fimbul_models.corpus.active import read_likelihoods
from fimbul_models.corpus.keeping import RECORDS, write_rows
from fimbul_models.corpus.records import Record
from fimbul_models.errors import EvaluationError, RecipeError
from fimbul_models.main import main
from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.catalogue.store import ModelStore
from lsp_server.config.paths import Paths
from lsp_server.feedback.records import Fate, Known, Suggestion, Texts
from lsp_server.feedback.store import open_store
from lsp_server.types import ModelDescription
from tests.adoption.judged import (
    GOOD,
    RULES,
    Made,
    make_repository,
    means_of,
    module,
    prepared_in,
    public_items,
)
from tests.corpus.repositories_made import commit, git
from tests.engine.tiny import CONTEXT, write_tiny_adapter, write_tiny_model

pytestmark = pytest.mark.engine

SERVER = (sys.executable, str(Path(__file__).parents[1] / "evaluation/scripted_server.py"), "ready")

SIZES = Sizes(alternatives=31, member_groups=30, samples=20)

TRAIN = """
import sys, pathlib, tomllib
sys.path[:0] = {path!r}
from tests.engine.tiny import write_tiny_adapter
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
recipe = tomllib.loads(pathlib.Path(arguments["--recipe"]).read_text())
folder = pathlib.Path(recipe["data"]["folder"])
output = pathlib.Path(arguments["--output"])
files = sorted(path.name for path in folder.rglob("*") if path.is_file())
pathlib.Path({seen!r}).write_text("\\n".join(files))
if {status}:
    sys.exit({status})
write_tiny_adapter(output / "adapter.gguf", width={width}, seed={seed})
(output / "training.json").write_text('{{"steps": 12, "name": "own"}}')
"""


@pytest.fixture
def model() -> Path:
    """The tiny model, installed for the test's user as ``tiny``."""
    paths = Paths.of_user()
    paths.data.mkdir(parents=True, exist_ok=True)
    special = ("<|repo_name|>", "<|file_sep|>", "<|fim_pad|>")
    file = write_tiny_model(paths.data / "tiny.gguf", control=special)
    about = ModelDescription("llama", "Tiny", 10_000, CONTEXT)
    store = ModelStore(paths)
    store.add(
        file, name="tiny", family="qwen2.5-coder", fim_tokens={}, description=about, copy=False
    )
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("made") / "own")


@pytest.fixture
def repository(made: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", str(made), "own")
    return tmp_path / "own"


def go_on(repository: Path) -> None:
    """Commit enough that an adapter can be judged by it."""
    files = {f"src/m{number}.py": module(number, "py", 18) for number in range(50)}
    files |= {f"src/m{number}.ts": module(number, "ts", 18) for number in range(50, 80)}
    commit(repository, files, "2026-05-01T00:00:00+00:00")


def good(_: Order) -> Means:
    return means_of({BASE: Made(), ADAPTER: Made()}, {**GOOD, "former": {"": 0.3}})


@pytest.fixture
def called(tmp_path: Path, repository: Path, model: Path) -> Callable[..., Call]:
    recipe = tmp_path / "adapter.toml"
    recipe.write_text('name = "own"\n[data]\nfolder = "."\ntokens = 1000\n')

    def make(*, width: int = 32, status: int = 0, seed: int = 0, **more: object) -> Call:
        script = tmp_path / f"train-{width}-{status}-{seed}.py"
        seen = str(tmp_path / "seen.txt")
        text = TRAIN.format(path=sys.path, seen=seen, status=status, width=width, seed=seed)
        script.write_text(text)
        base = Call(
            repository=repository,
            model="tiny",
            recipe=recipe,
            holding=RULES,
            limits=shipped_limits(),
            rules=AdaptRules(looked_at=4, files=24),
            public=public_items(),
            sizes=SIZES,
            train_command=(sys.executable, str(script)),
            tell=lambda _: None,
        )
        return replace(base, **more)  # type: ignore[arg-type]

    return make


def test_what_passes_is_used_and_what_was_used_before_is_kept(
    called: Callable[..., Call], repository: Path
) -> None:
    paths = Paths.of_user()
    first = call(called(seed=1), good)
    assert first is not None
    assert (first.adopted, first.reasons) == ("own@1", ())
    before = former_of(repository, "tiny", paths)
    assert before is not None
    go_on(repository)
    second = call(called(seed=2), good)
    assert second is not None
    assert (second.adopted, second.reasons) == ("own@2", ())
    store = AdapterStore(paths)
    assert former_of(repository, "tiny", paths) != before
    manifest = store.find("own").manifest
    assert manifest.figures["steps"] == 12
    assert manifest.card.startswith("# own\n")
    assert manifest.gates[0].name == "fits the base"
    store.rollback(repository)
    assert former_of(repository, "tiny", paths) == before


def test_one_for_another_base_is_refused_and_the_one_in_use_stays(
    called: Callable[..., Call], repository: Path
) -> None:
    paths = Paths.of_user()
    call(called(), good)
    before = former_of(repository, "tiny", paths)
    go_on(repository)
    night = call(called(width=64), good)
    assert night is not None
    assert night.adopted == ""
    assert "has another size in this model" in night.reasons[0]
    assert former_of(repository, "tiny", paths) == before
    assert len(AdapterStore(paths).all()) == 1


def test_training_that_fails_is_said_and_nothing_is_used(
    called: Callable[..., Call], repository: Path
) -> None:
    with pytest.raises(EvaluationError, match="ended with status 7 and without an adapter"):
        call(called(status=7), good)
    assert former_of(repository, "tiny", Paths.of_user()) is None


def test_what_the_user_corrected_is_trained_on(
    called: Callable[..., Call], repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "feedback.sqlite"
    wanted = "m31.py"
    text = (repository / "src" / wanted).read_text().splitlines()[3].strip()
    said = Suggestion(
        id=1, at=1, language="python", surface="line", model="m", trigger="automatic",
        latency=1.0, length=10, lines=1, chance=0.5, was_part=False, was_kept=False, stood=1.0,
        shown_known=Known.REPORTED, fate=Fate.REJECTED, fate_known=Known.REPORTED, accepted=0,
        typed=0,
    )  # fmt: skip
    store, _ = open_store(file)
    store.write([said, Texts(1, "something_else()", text)], max_bytes=10**9)
    store.close()
    seen = tmp_path / "seen.txt"
    few = AdaptRules(looked_at=1, files=8, old=0.0)
    call(called(rules=few), good)
    assert wanted not in seen.read_text().splitlines()
    # Nothing was committed, but something was corrected.
    assert call(called(rules=few, feedback=file), good) is not None
    assert wanted in seen.read_text().splitlines()
    assert call(called(rules=few, feedback=file), good) is None


def test_an_adapter_is_judged_by_a_server_and_the_model_itself(model: Path, tmp_path: Path) -> None:
    prepared = prepared_in(tmp_path)
    few = msgspec.structs.replace(
        prepared.rules, later_items=3, file_items=3, body_items=1, typing_items=1
    )
    order = Order(
        adapter=write_tiny_adapter(tmp_path / "mine.gguf"),
        model="tiny",
        prepared=replace(prepared, rules=few),
        limits=shipped_limits(),
        output=tmp_path / "out",
        name="own",
        sizes=Sizes(
            likely_items=2, member_groups=2, member_lines=1, alternatives=3, samples=1,
            timed_tokens=2, timed_rounds=1,
        ),
        command=SERVER,
        tell=lambda _: None,
    )  # fmt: skip
    verdict = carry_out(order)
    assert verdict.figures.later is not None
    assert verdict.figures.later.n == 3
    assert set(verdict.figures.nats) == {"python", "typescript"}
    assert len(verdict.figures.leaks) == 22
    assert verdict.figures.slower is not None
    assert "public infilling not measured" in " ".join(verdict.reasons)
    told = json.loads((tmp_path / "out" / "card.json").read_text())
    assert told["adopted"] is False
    assert told["facts"]["rank"] == 4
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    # A second call measures nothing again.
    again = carry_out(replace(order, command=("no-such-command",)))
    assert again.figures == verdict.figures
    with pytest.raises(RecipeError, match="lies in the repository"):
        carry_out(replace(order, output=prepared.repository / "out"))


def test_likelihoods_are_written_as_choosing_reads_them(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        Record(
            source="a", repository="git:a", path=f"{number}.py", text=module(number, "py"),
            digest="0", language="python",
        )
        for number in range(4)
    ]  # fmt: skip
    write_rows(tmp_path / "records" / "a.parquet", RECORDS, records)
    output = tmp_path / "likelihoods.jsonl"
    given = ["--records", str(tmp_path / "records"), "--output", str(output)]
    assert main(["likelihoods", *given, "--model", "tiny", "--places", "6"]) == 0
    assert "of 6 lines" in capsys.readouterr().out
    found = read_likelihoods(output)
    assert len(found) == 6
    texts = {record.key: record.text for record in records}
    for one in found:
        assert texts[one.key][one.offset - 1] in "\n "
    chosen = tmp_path / "chosen.jsonl"
    told = ["--likelihoods", str(output), "--count", "3"]
    assert (
        main(["choose", "--records", str(tmp_path / "records"), "--output", str(chosen), *told])
        == 0
    )
    assert chosen.read_text().count("\n") >= 1


def test_the_commands_hold_out_and_say_why_one_is_refused(
    model: Path, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held, out = tmp_path / "held", tmp_path / "out"
    given = ["--repository", str(repository), "--held-files", "0.3", "--items", "5"]
    assert main(["hold-out", *given, "--output", str(held)]) == 0
    assert "22 canaries" in capsys.readouterr().out
    wrong = write_tiny_adapter(tmp_path / "wrong.gguf", width=64)
    judged = ["gate", "--adapter", str(wrong), "--model", "tiny", "--output", str(out), "--adopt"]
    assert main([*judged, "--held", str(held)]) == 3
    said = capsys.readouterr().out
    assert "Not adopted" in said
    assert "has another size in this model" in said
    assert "**Not adopted**" in (out / "card.md").read_text()
    assert AdapterStore(Paths.of_user()).all() == []
    # What makes no sense is said in one line.
    assert main([*judged, "--held", str(held), "--name", "My Own"]) == 1
    assert "my-own would do" in capsys.readouterr().err
    assert main([*judged, "--held", str(tmp_path)]) == 1
    assert "was not made by `fimbul-models hold-out`" in capsys.readouterr().err
    assert main(["hold-out", *given[:2], "--held-files", "2", "--output", str(tmp_path / "x")]) == 1
    assert "held_files has to lie between 0 and 1" in capsys.readouterr().err
    assert main(["gate", *judged[1:], "--held", str(held), "--limits", str(wrong)]) == 1
    assert "cannot be used" in capsys.readouterr().err
