"""Training of toy models: what it learns, that it leaks nothing between examples, and that it goes
on after a kill as if nothing had been."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.extra import need

need("torch", "transformers", "peft", "accelerate", "safetensors")

import gguf
import numpy as np
import torch

from fimbul_models.errors import RecipeError
from fimbul_models.training.base import add_lora, learning, load_model
from fimbul_models.training.encoding import Encoded, Encoder
from fimbul_models.training.journal import LOG, PAGE, Journal
from fimbul_models.training.locating import Found
from fimbul_models.training.loop import rate_at
from fimbul_models.training.objective import InfillingLoss, sums_of, weighted
from fimbul_models.training.packing import pack
from fimbul_models.training.privacy import Budget, PrivateGradient
from fimbul_models.training.recipe import Lora, Method, Objective, Precision, Schedule
from fimbul_models.training.running import ADAPTER, MODEL, SUMMARY, Call, train
from fimbul_models.training.tokens import splitter_of
from tests.training.toys import FIM, SPARE, examples, write_examples, write_model, write_recipe

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]

KINDS = ("llama", "qwen2")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def encoded(base: Path, many: int) -> list[Encoded]:
    with splitter_of(base) as splitter:
        encoder = Encoder(splitter, Objective(sequence=96))
        made = [encoder.encode(one) for one in examples(many)]
    return [one for one in made if one is not None]


def toy(folder: Path, kind: str = "qwen2", **more: str) -> Path:
    write_model(folder / "base.gguf", kind)
    write_examples(folder / "shards", examples(40), examples(8, "validation"))
    return write_recipe(folder, **more)


def call_of(recipe: Path, output: Path, **more: Any) -> Call:
    return Call(recipe, output, output / "work", **{"check": False, **more})


def quiet(_line: str) -> None:
    pass


@pytest.mark.parametrize("kind", KINDS)
def test_packed_examples_do_not_see_each_other(tmp_path: Path, kind: str) -> None:
    base = write_model(tmp_path / "base.gguf", kind)
    loss = InfillingLoss(load_model(Found(base, ""), Method.LORA, Precision.FLOAT)).eval()
    some = encoded(base, 3)
    with torch.no_grad():
        together = loss.hidden(pack(some))[0]
        alone = torch.cat([loss.hidden(pack([one]))[0] for one in some])
        as_one = pack(some)
        leaking = loss.hidden(
            type(as_one)(**{**vars(as_one), "owners": np.zeros_like(as_one.owners)})
        )[0]
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(leaking, alone, atol=1e-2)


def test_the_loss_is_that_of_all_logits(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base.gguf", "llama")
    model = load_model(Found(base, ""), Method.LORA, Precision.FLOAT).eval()
    sequence = pack(encoded(base, 1))
    with torch.no_grad():
        losses, where = InfillingLoss(model)(sequence)
        logits = model(input_ids=torch.from_numpy(sequence.tokens)[None]).logits[0, :-1]
        all_losses = torch.nn.functional.cross_entropy(
            logits, torch.from_numpy(sequence.tokens[1:]), reduction="none"
        )
    weights = torch.from_numpy(sequence.weights[1:])
    assert weighted(losses, where, sequence) == pytest.approx(
        float((all_losses * weights).sum()), rel=1e-4
    )
    sums = sums_of(losses, where, sequence)
    assert sums.ends == 1
    assert sums.end == pytest.approx(float(all_losses[-1]), rel=1e-4)


def test_an_adapter_learns_a_habit_and_the_log_tells_without_text(tmp_path: Path) -> None:
    recipe, output = toy(tmp_path), tmp_path / "out"
    summary = train(call_of(recipe, output, check=True), quiet)
    rows = Journal(output).rows()
    assert rows[-1]["validation loss"] < rows[0]["validation loss"] - 1.0
    assert summary["validation loss"] <= rows[-1]["validation loss"]
    assert summary["engine with adapter"]["most"] < 1e-2
    assert json.loads((output / SUMMARY).read_text()) == summary
    assert {"middle", "end", "plain", "norm", "rate", "memory", "tokens"} <= rows[-1].keys()
    written = "".join((output / name).read_text() for name in (LOG, PAGE, SUMMARY))
    assert "v1" not in written
    assert "+=" not in written
    assert (output / ADAPTER).stat().st_mode & 0o777 in {0o600, 0o644}


def test_all_weights_learn_with_spare_tokens_as_sentinels(tmp_path: Path) -> None:
    said = ", ".join(f'"{a}" = "{b}"' for a, b in zip(FIM, SPARE, strict=True))
    recipe = toy(tmp_path, "llama", method="full", objective=f"sentinels = {{ {said} }}")
    output = tmp_path / "out"
    summary = train(call_of(recipe, output, kind="f32", check=True), quiet)
    rows = Journal(output).rows()
    assert rows[-1]["validation loss"] < rows[0]["validation loss"] - 1.0
    assert summary["engine with merged model"]["most"] < 1e-2
    reader = gguf.GGUFReader(output / MODEL)
    tokens = [
        bytes(reader.fields["tokenizer.ggml.tokens"].parts[place]).decode()
        for place in reader.fields["tokenizer.ggml.tokens"].data
    ]
    for role, spare in zip(("pre", "suf", "mid"), SPARE, strict=True):
        field = reader.fields[f"tokenizer.ggml.fim_{role}_token_id"]
        assert tokens[int(field.parts[field.data[0]][0])] == spare
    before = {one.name: one.data for one in gguf.GGUFReader(tmp_path / "base.gguf").tensors}
    after = {one.name: one.data for one in reader.tensors}
    row = tokens.index(SPARE[0])
    assert not np.allclose(after["token_embd.weight"][row], before["token_embd.weight"][row])


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from fimbul_models.training.running import Call, train
def tell(line):
    if line.startswith("step 5/"):
        os.kill(os.getpid(), signal.SIGKILL)
output = Path(sys.argv[2])
train(Call(Path(sys.argv[1]), output, output / "work", check=False), tell)
"""


def tensors(path: Path) -> dict[str, Any]:
    return {one.name: one.data.copy() for one in gguf.GGUFReader(path).tensors}


def test_killed_and_called_again_is_as_if_undisturbed(tmp_path: Path) -> None:
    recipe = toy(tmp_path)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    train(call_of(recipe, undisturbed), quiet)
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(recipe), str(killed)],
        capture_output=True,
        check=False,
        timeout=500,
    )
    assert process.returncode == -9, process.stderr.decode()
    assert not (killed / ADAPTER).exists()
    told: list[str] = []
    train(call_of(recipe, killed), told.append)
    assert any("behind step 4" in line for line in told)
    first, second = tensors(undisturbed / ADAPTER), tensors(killed / ADAPTER)
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert np.array_equal(values, second[name]), name
    steps = [row["step"] for row in Journal(killed).rows()]
    assert steps == [row["step"] for row in Journal(undisturbed).rows()]


def test_nothing_goes_on_under_another_recipe(tmp_path: Path) -> None:
    recipe, output = toy(tmp_path, schedule="steps = 2"), tmp_path / "out"
    train(call_of(recipe, output), quiet)
    write_recipe(tmp_path, schedule="steps = 2\nclip = 2.0")
    with pytest.raises(RecipeError, match="another recipe"):
        train(call_of(recipe, output), quiet)


def test_training_ends_early_and_keeps_what_was_best(tmp_path: Path) -> None:
    recipe = toy(tmp_path, schedule="warm_up = 0.0")
    recipe.write_text(
        recipe.read_text()
        .replace("rate = 1e-2", "rate = 5.0")
        .replace("patience = 0", "patience = 2")
        .replace("evaluate = 4", "evaluate = 1")
    )
    output = tmp_path / "out"
    summary = train(call_of(recipe, output), quiet)
    assert summary["ended"] == "no better for too long"
    assert summary["steps"] == summary["best step"] + 2
    looks = {row["step"]: row["validation loss"] for row in Journal(output).rows()}
    assert summary["validation loss"] == min(looks.values()) == looks[summary["best step"]]


def test_weights_that_go_astray_are_said(tmp_path: Path) -> None:
    recipe = toy(tmp_path, schedule="warm_up = 0.0")
    recipe.write_text(recipe.read_text().replace("rate = 1e-2", "rate = 1e30"))
    with pytest.raises(RecipeError, match="Lower `rate`"):
        train(call_of(recipe, tmp_path / "out"), quiet)


def test_base_weights_stay_and_few_learn(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base.gguf", "qwen2")
    model = load_model(Found(base, ""), Method.LORA, Precision.BRAIN)
    add_lora(model, Lora(rank=2), 1)
    names = [name for name, _ in learning(model)]
    assert len(names) == 3 * 7 * 2
    assert all(".lora_" in name for name in names)
    assert {weight.dtype for _, weight in learning(model)} == {torch.float32}
    assert model.get_input_embeddings().weight.dtype is torch.bfloat16
    loss = InfillingLoss(model)
    losses, where = loss(pack(encoded(base, 4)))
    losses.sum().backward()
    assert all(weight.grad is not None for _, weight in learning(model))
    assert len(where)


def test_the_rate_rises_and_falls() -> None:
    schedule = Schedule(rate=1.0, warm_up=0.1)
    rates = [rate_at(schedule, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == pytest.approx(1.0)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_no_file_moves_the_weights_further_than_the_limit() -> None:
    weights = [torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(3))]
    budget = Budget(files=2, chance=1.0, noise=0.0, delta=1e-5, steps=1)
    gradient = PrivateGradient(budget, 0.5, 1, weights)
    sizes = iter((100.0, 0.01))

    def backward(_file: Any) -> None:
        size = next(sizes)
        weights[0].grad = torch.full((4,), size)
        weights[1].grad = torch.zeros(3)

    files: list[Any] = [None, None]
    norm = gradient.step(gradient.drawn(files, 0), 0, backward)
    # The first is cut to half, the second is below it, and both are divided by two.
    assert norm == pytest.approx((0.5 + 0.02) / 2, rel=1e-3)


def test_noise_is_as_large_as_said_and_another_at_each_step() -> None:
    weights = [torch.nn.Parameter(torch.zeros(20_000))]
    budget = Budget(files=10, chance=0.5, noise=2.0, delta=1e-5, steps=1)
    gradient = PrivateGradient(budget, 3.0, 7, weights)

    def noise(step: int) -> Any:
        gradient.step(iter(()), step, lambda _: None)
        assert weights[0].grad is not None
        return weights[0].grad.clone()

    first = noise(0)
    assert float(first.std()) == pytest.approx(2.0 * 3.0 / 5, rel=0.05)
    assert torch.equal(first, noise(0))
    assert abs(float(torch.corrcoef(torch.stack([first, noise(1)]))[0, 1])) < 0.05


def test_epsilon_is_kept_and_told_and_the_secret_is_gone(tmp_path: Path) -> None:
    need("opacus")
    private = "[private]\nepsilon = 6.0\nfiles = 4"
    recipe, output = toy(tmp_path, schedule="steps = 6", more=private), tmp_path / "out"
    summary = train(call_of(recipe, output), quiet)
    assert 0 < summary["epsilon"] <= 6.0
    assert summary["delta"] == pytest.approx(1 / 200)
    assert summary["unit of privacy"] == "one file"
    assert not (output / "work" / "secret").exists()
    fields = gguf.GGUFReader(output / ADAPTER).fields
    assert "fimbul.epsilon" in fields
