"""Answers kept by prompt: with the scripted backend, in this process and behind real pipes."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.caching import (
    CachingBackend,
    KeptAnswers,
    caching_worker_command,
    engine_name,
)
from fimbul_models.evaluation.driver import SERVER_COMMAND, Server
from fimbul_models.evaluation.items import Item
from lsp_server.errors import EngineRefused
from lsp_server.inference.backend import Backend
from lsp_server.inference.client import WorkerClient
from lsp_server.inference.protocol import (
    Complete,
    Finished,
    Load,
    LoadOptions,
    Prefill,
    WireSegment,
)
from lsp_server.inference.scripted import Rule, Script, ScriptedBackend
from lsp_server.types import Prompt, Segment, StopRules

SCRIPT = Script(rules=(Rule("fail()", "bad", fault="fail"), Rule("one two")))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


@pytest.fixture
def make_backend(file: Path) -> Callable[..., CachingBackend]:
    def make(engine: str = "engine", **options: Any) -> CachingBackend:
        backend = CachingBackend(lambda: ScriptedBackend(SCRIPT), engine, KeptAnswers(file))
        backend.load(Load(1, "none", LoadOptions(**options)))
        return backend

    return make


MakeBackend = Callable[..., CachingBackend]


def request(number: int = 7, text: str = "x = ", **more: Any) -> Complete:
    segments = [WireSegment("<|fim_prefix|>", special=True), WireSegment(text)]
    fields = {"healed": "", "max_tokens": 9, "max_lines": 1, "line_has_text": True, **more}
    return Complete(number, fields.pop("segments", segments), **fields)


def evaluated(backend: Backend) -> int:
    return backend.counters(0).requests


def test_an_answer_never_comes_from_the_smaller_prompt(make_backend: MakeBackend) -> None:
    backend = make_backend()
    short = [WireSegment("y")]
    asked = request(text="x " * 30, short=short, cold_tokens=4)
    answer = backend.generate(asked, nothing)
    assert (answer.is_short, answer.prompt_tokens) == (False, 61)
    backend.generate(request(text="x " * 30), nothing)
    assert evaluated(backend) == 1


def nothing(_text: str) -> None:
    """Listen to nothing."""


def test_a_known_prompt_gives_the_same_answer_without_the_engine(make_backend: MakeBackend) -> None:
    first = make_backend()
    answer = first.generate(request(7), nothing)
    assert (answer.text, answer.id, evaluated(first)) == ("one two", 7, 1)
    pieces: list[str] = []
    again = first.generate(request(8), pieces.append)
    assert (again.id, pieces, evaluated(first)) == (8, ["one two"], 1)
    later = make_backend()
    kept = later.generate(request(7), nothing)
    assert kept == answer
    assert evaluated(later) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "y = "},
        {"segments": [WireSegment("<|fim_suffix|>", special=True), WireSegment("x = ")]},
        {"segments": [WireSegment("<|fim_prefix|>"), WireSegment("x = ", special=True)]},
        {"healed": "on"},
        {"max_tokens": 8},
        {"max_lines": 2},
        {"line_has_text": False},
        {"stop_strings": ["#"]},
    ],
)
def test_whatever_decides_an_answer_makes_another_prompt(
    make_backend: MakeBackend, changed: dict[str, Any]
) -> None:
    backend = make_backend()
    backend.generate(request(), nothing)
    backend.generate(request(**changed), nothing)
    assert evaluated(backend) == 2


@pytest.mark.parametrize(
    ("made", "same"),
    [
        ({}, True),
        ({"threads": 1}, True),
        ({"engine": "another"}, False),
        ({"extra_buffers": False}, False),
        ({"context_length": 99}, False),
    ],
)
def test_answers_belong_to_one_engine_and_how_it_was_loaded(
    make_backend: MakeBackend, made: dict[str, Any], same: bool
) -> None:
    make_backend().generate(request(), nothing)
    backend = make_backend(**made)
    backend.generate(request(), nothing)
    assert evaluated(backend) == (0 if same else 1)


def test_answers_belong_to_the_content_of_one_model(file: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    counts = []
    for content in (b"one", b"one", b"two"):
        model.write_bytes(content)
        backend = CachingBackend(lambda: ScriptedBackend(SCRIPT), "engine", KeptAnswers(file))
        backend.load(Load(1, str(model), LoadOptions()))
        backend.generate(request(), nothing)
        counts.append(evaluated(backend))
    assert counts == [1, 0, 1]


def test_the_self_test_is_never_answered_from_the_file(make_backend: MakeBackend) -> None:
    backend = make_backend()
    for number in (1, 2):
        backend.generate(request(number, segments=[WireSegment("def area(")]), nothing)
    assert evaluated(backend) == 2


def test_a_failure_is_not_kept(make_backend: MakeBackend) -> None:
    backend = make_backend()
    for _ in range(2):
        with pytest.raises(EngineRefused):
            backend.generate(request(text="bad"), nothing)
    assert evaluated(backend) == 2


def test_nothing_is_evaluated_ahead(make_backend: MakeBackend) -> None:
    backend = make_backend()
    backend.prefill(Prefill(3, request().segments))
    assert evaluated(backend) == 0
    assert backend.count_tokens(["a b"]) == [3]


@pytest.mark.parametrize("cut", [2, 10, 40])
def test_a_line_that_was_cut_short_is_asked_again(
    make_backend: MakeBackend, file: Path, cut: int
) -> None:
    first = make_backend()
    for text in ("a", "b"):
        first.generate(request(text=text), nothing)
    file.write_bytes(file.read_bytes()[:-cut])
    for expected in (1, 0):  # What is appended after the torn line is read again.
        backend = make_backend()
        for text in ("a", "b"):
            backend.generate(request(text=text), nothing)
        assert evaluated(backend) == expected


def test_a_file_that_was_just_begun_is_begun_again(make_backend: MakeBackend, file: Path) -> None:
    make_backend()
    file.write_bytes(file.read_bytes()[:5])
    make_backend().generate(request(), nothing)
    backend = make_backend()
    backend.generate(request(), nothing)
    assert evaluated(backend) == 0


def test_two_processes_may_append_to_one_file(file: Path) -> None:
    answer = Finished(0, "x", "end", [-0.5], 3, 1, 2.0, 4.0)
    one, two = KeptAnswers(file), KeptAnswers(file)
    one.add("a", answer)
    two.add("b", answer)
    one.add("c", answer)
    assert [KeptAnswers(file).find(key) for key in "abcd"] == [answer, answer, answer, None]


def test_another_file_is_not_written_over(file: Path, tmp_path: Path) -> None:
    file.write_text("my notes\n")
    with pytest.raises(EvaluationError, match="does not hold kept answers"):
        KeptAnswers(file)
    assert file.read_text() == "my notes\n"
    with pytest.raises(EvaluationError, match="cannot be kept"):
        KeptAnswers(tmp_path)


def test_another_script_is_another_engine(tmp_path: Path) -> None:
    names = set()
    for answer in ("a", "b"):
        (tmp_path / "script.toml").write_text(f'[[rules]]\nanswer = "{answer}"\n')
        names.add(engine_name("scripted", str(tmp_path / "script.toml")))
    assert len(names | {engine_name("scripted"), engine_name("llama")}) == 4


def write_script(path: Path, answer: str) -> Path:
    path.write_text(f'[[rules]]\nanswer = "{answer}"\n')
    return path


async def ask(command: Sequence[str]) -> str:
    worker = await WorkerClient.start(command)
    try:
        await worker.load("none", LoadOptions())
        prompt = Prompt((Segment("<|fim_prefix|>", special=True), Segment("x = ")))
        return (await worker.complete(prompt, StopRules(9), line_has_text=True)).text
    finally:
        await worker.close()


async def test_it_runs_as_a_worker(file: Path, tmp_path: Path) -> None:
    script = write_script(tmp_path / "script.toml", "total()")
    command = caching_worker_command(file, "scripted", script)
    assert await ask(command) == "total()"
    size = file.stat().st_size
    assert await ask(command) == "total()"
    assert file.stat().st_size == size
    write_script(script, "other()")
    assert await ask(command) == "other()"


async def test_the_real_server_runs_around_it(
    make_item: Callable[..., Item], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    script = write_script(tmp_path / "script.toml", "total()")
    worker = shlex.join(caching_worker_command(file, "scripted", script))
    command = (*SERVER_COMMAND, "--engine", "scripted", "--worker", worker)
    sizes = []
    for _ in range(2):
        async with Server(command) as server:
            texts = [(await server.complete(make_item(prefix=f"{name} = "))).text for name in "ab"]
        sizes.append(file.stat().st_size)
        assert texts == ["total()", "total()"]
    assert sizes[0] == sizes[1]
