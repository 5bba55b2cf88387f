"""The throw-away process: it makes and compares variants, and takes nothing down with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.errors import EngineCrashed, EngineRefused
from lsp_server.inference.recipes import types_of
from lsp_server.inference.tensors import read_tensors
from lsp_server.inference.throwaway import ask, tuning_command
from lsp_server.inference.tuning import (
    AnyAnswer,
    Compare,
    Compared,
    Done,
    Failed,
    Requantise,
    Settings,
    Tried,
    TrySettings,
    answer_of,
    request_of,
    to_line,
)
from tests.engine.tiny import write_tiny_model

SETTINGS = Settings(threads=1, extra_buffers=True, batch=32)
TEXTS = ["def area(width, height):\n    return width * height\n" * 12]

engine = pytest.mark.engine


def requantised(model: Path, recipe: dict[str, str]) -> Path:
    target = model.with_name("-".join(recipe) + ".gguf")
    types = types_of(read_tensors(model), recipe)
    ask(Requantise(str(model), str(target), types, "q4_0", threads=1), Done)
    return target


def comparison(original: Path, candidate: Path, **more: float) -> Compare:
    wanted = {"positions": 300, "agreement": 0.0, "rounds": 1} | more
    return Compare(
        str(original),
        str(candidate),
        TEXTS,
        positions=int(wanted["positions"]),
        agreement=wanted["agreement"],
        rounds=int(wanted["rounds"]),
        settings=SETTINGS,
    )


@engine
def test_a_copy_has_the_types_that_were_asked_for(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    copy = requantised(model, {"ffn-in": "q4_0", "output": "q8_0"})
    types = {tensor.name: tensor.type for tensor in read_tensors(copy)}
    assert types["blk.0.ffn_up.weight"] == types["blk.0.ffn_gate.weight"] == "q4_0"
    assert types["output.weight"] == "q8_0"
    assert {types["token_embd.weight"], types["blk.0.attn_q.weight"]} == {"f32"}
    assert copy.stat().st_size < model.stat().st_size


@engine
def test_a_model_agrees_with_itself_and_less_with_a_coarse_copy(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    itself = ask(comparison(model, model), Compared)
    assert (itself.positions, itself.equal) == (300, 300)
    assert itself.divergence < 1e-5
    steps: list[tuple[int, int]] = []
    coarse = requantised(model, {"output": "q4_0", "ffn-down": "q4_0", "ffn-in": "q4_0"})
    lossy = ask(comparison(model, coarse), Compared, progress=lambda *step: steps.append(step))
    assert lossy.equal < 300
    assert lossy.divergence > itself.divergence
    assert min(lossy.prefill_ratio, lossy.decode_ratio, lossy.candidate.decode) > 0.0
    assert steps[-1] == (300, 300)


@engine
def test_a_comparison_ends_when_it_is_lost(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    other = write_tiny_model(tmp_path / "other.gguf", seed=1)
    lost = ask(comparison(model, other, agreement=0.99), Compared)
    assert lost.positions < 300
    assert lost.equal < 0.99 * lost.positions


@engine
def test_settings_are_compared_on_one_model(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    settings = [Settings(threads, extra_buffers=True, batch=32) for threads in (1, 2)]
    tried = ask(TrySettings(str(model), TEXTS[0], 1, settings), Tried)
    assert len(tried.times) == 2
    assert all(times.prefill > 0.0 and times.decode > 0.0 for times in tried.times)


@engine
def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    with pytest.raises(EngineRefused, match="--sources"):
        ask(comparison(model, model, positions=10_000), Compared)
    with pytest.raises(EngineRefused, match="cannot be loaded"):
        ask(comparison(model, tmp_path / "nothing.gguf"), Compared)
    text = tmp_path / "text.gguf"
    text.write_text("no model")
    with pytest.raises(EngineRefused, match="could not be requantised"):
        ask(Requantise(str(text), str(tmp_path / "out.gguf"), {}, "q4_0", 1), Done)


@engine
def test_the_process_ends_when_nobody_listens_any_more() -> None:
    process = subprocess.Popen(
        tuning_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    assert process.stdout is not None
    with process.stdout as out:
        assert isinstance(answer_of(out.readline()), Failed)


def test_a_crash_is_told_and_harms_nobody() -> None:
    code = f"import os, sys; sys.stderr.write('bad\\n'); os.kill(os.getpid(), {signal.SIGSEGV:d})"
    request = TrySettings("m", "t", 1, [])
    with pytest.raises(EngineCrashed, match=r"signal 11\): bad\."):
        ask(request, Tried, command=(sys.executable, "-c", code))
    with pytest.raises(EngineCrashed, match="cannot be started"):
        ask(request, Tried, command=("/nothing",))


def test_an_interruption_ends_the_process(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import os, pathlib, sys, time\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        """sys.stdout.write('{"type":"Step","done":1,"total":2}\\n')\n"""
        "sys.stdout.flush()\n"
        "time.sleep(600)\n"
    )

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(
            TrySettings("m", "t", 1, []),
            Tried,
            command=(sys.executable, "-c", code),
            progress=interrupt,
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.parametrize(
    "message",
    [
        Requantise("a", "b", {"output.weight": "q4_0"}, "q4_0", 2),
        Compare("a", "b", ["text"], 10, 0.9, 3, SETTINGS),
        TrySettings("a", "text", 3, [SETTINGS]),
    ],
)
def test_requests_survive_the_pipe(message: Requantise | Compare | TrySettings) -> None:
    line = to_line(message)
    assert line.count(b"\n") == 1
    assert request_of(line) == message


@pytest.mark.parametrize("answer", [Done(), Failed("why"), Tried([])])
def test_answers_survive_the_pipe(answer: AnyAnswer) -> None:
    assert answer_of(to_line(answer)) == answer
