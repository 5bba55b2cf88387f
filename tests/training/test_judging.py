"""Judging by the engine: what is asked, what is kept, and what goes on after a kill."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from fimbul_models.errors import EvaluationError
from fimbul_models.training.encoding import Encoder
from fimbul_models.training.judging import (
    Arm,
    Judged,
    exactness,
    judge,
    key_of,
    plain_losses,
    prefix_of,
    prompt_of,
)
from fimbul_models.training.probe import EngineProbe, Subject
from fimbul_models.training.proof import PREFIX, TRAINED, UNTRAINED, figures_of
from fimbul_models.training.recipe import Objective
from fimbul_models.training.tokens import splitter_of
from lsp_server.prompt.formats import FORMATS
from lsp_server.types import Segment
from tests.training.toys import FIM, example, examples, write_model


def test_the_prefix_is_found_wherever_it_stands() -> None:
    row = FORMATS["qwen2.5-coder"]
    one = example(0, "older\n", "mid", "behind\n")
    assert prefix_of(one, [row]) == "older\n"
    growing = (*one.prompt, Segment("typed"))
    assert prefix_of(msgspec.structs.replace(one, prompt=growing), [row]) == "older\ntyped"


def judged(exact: list[bool]) -> dict[str, Judged]:
    return {
        str(number): Judged(key=str(number), exact=one, similarity=float(one), ended=True)
        for number, one in enumerate(exact)
    }


def test_the_gain_is_over_the_better_of_those_that_learnt_nothing() -> None:
    figures = figures_of(
        {
            PREFIX: judged([True, True, False, False] * 10),
            UNTRAINED: judged([True, False, False, False] * 10),
            TRAINED: judged([True, True, True, False] * 10),
        }
    )
    assert figures["better of the untrained"] == PREFIX
    assert figures["gain"]["mean"] == pytest.approx(0.25)
    assert 0 < figures["gain"]["low"] < 0.25 < figures["gain"]["high"]


@pytest.mark.engine
class TestWithTheEngine:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        return write_model(tmp_path / "toy.gguf", "qwen2")

    def test_answers_begin_with_what_was_taken_back(self, model: Path) -> None:
        with splitter_of(model) as splitter, EngineProbe(Subject(model, context=64)) as probe:
            tokens = splitter.tokenize("x = ")
            for wanted in ("r", "re", "reb", "(("):
                assert probe.complete(tokens, 12, wanted=wanted).text.startswith(wanted)
            free = probe.complete(tokens, 12)
            assert len(free.tokens) == 12 or free.ended or "\n" in free.text

    def test_losses_are_those_of_the_logits(self, model: Path) -> None:
        with splitter_of(model) as splitter, EngineProbe(Subject(model), logits=True) as probe:
            tokens = list(splitter.tokenize("return value"))
            logits = probe.logits(tokens).astype("float64")
            losses = probe.losses(tokens)
        for place, token in enumerate(tokens[1:]):
            row = logits[place] - logits[place].max()
            chances = row - np.log(np.exp(row).sum())
            assert losses[place] == pytest.approx(-chances[token], abs=1e-4)

    def test_a_prefix_only_arm_shows_no_sentinel(self, model: Path) -> None:
        one = example(0, "a = 1\n", "b = 2", "\nc = 3\n")
        with splitter_of(model) as splitter:
            encoder = Encoder(splitter, Objective())
            arm = Arm("a", Subject(model), encoder, prefix_only=True)
            assert prompt_of(one, arm) == list(splitter.tokenize("a = 1\n"))
            sentinels = {splitter.special(text) for text in FIM}
            whole = prompt_of(one, Arm("b", Subject(model), encoder))
            assert sentinels <= set(whole)

    def test_only_what_is_left_is_asked_for_and_texts_only_where_wanted(
        self, model: Path, tmp_path: Path
    ) -> None:
        asked, file = [one for one in examples(6) if one.kind == "line"], tmp_path / "a.jsonl"
        told: list[str] = []
        with splitter_of(model) as splitter:
            arm = Arm("toy", Subject(model, context=128), Encoder(splitter, Objective()))
            first = judge(arm, asked[:2], file, told.append, keep_texts=False)
            with file.open("ab") as kept:
                kept.write(b'{"key": "cut o')
            whole = judge(arm, asked, file, told.append, keep_texts=False)
            again = judge(arm, asked, file, told.append, keep_texts=False)
        assert list(whole) == [key_of(one) for one in asked]
        assert {key: whole[key] for key in first} == first
        assert again == whole
        assert told == ["toy: 2 of 2", "toy: 5 of 5"]
        assert not any(one.text for one in whole.values())
        assert set(exactness(whole).values()) <= {0.0, 1.0}

    def test_plain_text_costs_something(self, model: Path, tmp_path: Path) -> None:
        asked = [one for one in examples(10) if one.kind == "plain"]
        with splitter_of(model) as splitter:
            arm = Arm("toy", Subject(model), Encoder(splitter, Objective()))
            found = plain_losses(arm, asked, tmp_path / "l.jsonl", lambda _: None)
        assert len(found) == 2
        assert all(one.loss > 0 for one in found.values())

    def test_a_file_that_is_no_model_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "none.gguf"
        path.write_bytes(b"GGUF nonsense")
        with pytest.raises(EvaluationError, match=r"none\.gguf"), EngineProbe(Subject(path)):
            pass
