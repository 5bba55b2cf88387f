"""Examples as tokens: what is learnt, what it weighs, and what becomes of spelled sentinels."""

from collections.abc import Sequence

import pytest

from fimbul_models.corpus.fim import Example
from fimbul_models.training.encoding import Encoded, Encoder
from fimbul_models.training.recipe import Objective
from tests.training.toys import FIM, SPARE, example

NUMBERS = {text: 1000 + number for number, text in enumerate((*FIM, *SPARE, "<end>"))}


class Letters:
    """Every character is a token."""

    starts: tuple[int, ...] = ()
    end = 7

    def tokenize(self, text: str) -> Sequence[int]:
        return [ord(character) for character in text]

    def special(self, text: str) -> int:
        return NUMBERS[text]


def encoded(one: Example, **more: object) -> Encoded:
    made = Encoder(Letters(), Objective(**more)).encode(one)  # type: ignore[arg-type]
    assert made is not None
    return made


def test_the_middle_is_learnt_and_its_end_weighs_more() -> None:
    made = encoded(example(0, "ab", "mid", "cd"), end_weight=4.0)
    assert made.tokens.tolist()[-4:] == [*map(ord, "mid"), 7]
    assert made.weights.tolist() == [0.0] * 7 + [1.0, 1.0, 1.0, 4.0]
    assert made.ends
    assert not made.plain


def test_plain_text_is_learnt_whole_and_its_end_as_any_token() -> None:
    made = encoded(example(0, "", "text", "", kind="plain"), end_weight=4.0)
    assert made.tokens.tolist() == [*map(ord, "text"), 7]
    # Nothing foretells what stands first.
    assert made.weights.tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]
    assert not made.ends


def test_a_prompt_may_be_learnt_too() -> None:
    made = encoded(example(0, "ab", "m", "cd"), prompt_weight=0.5)
    assert made.weights.tolist() == [0.0] + [0.5] * 6 + [1.0, 5.0]


def test_spare_tokens_stand_in_for_sentinels() -> None:
    made = encoded(
        example(0, "ab", "m", "cd"), sentinels=dict(zip(FIM, SPARE, strict=True)), end="<end>"
    )
    wanted = [NUMBERS[text] for text in SPARE]
    assert [token for token in made.tokens.tolist() if token in wanted] == wanted
    assert made.tokens[-1] == NUMBERS["<end>"]


def test_code_that_spells_a_sentinel_is_text() -> None:
    made = encoded(example(0, f"x = '{FIM[2]}'", "m", ""))
    assert made.tokens.tolist().count(NUMBERS[FIM[2]]) == 1


def test_what_is_too_long_is_left_out_and_counted_and_plain_text_is_cut() -> None:
    encoder = Encoder(Letters(), Objective(sequence=16))
    assert encoder.encode(example(0, "a" * 20, "m", "")) is None
    assert encoder.too_long == 1
    plain = encoder.encode(example(0, "", "b" * 40, "", kind="plain"))
    assert plain is not None
    assert len(plain) == 16
    assert encoder.too_long == 1


@pytest.mark.parametrize("starts", [(), (3,)])
def test_every_sequence_begins_as_the_model_wants(starts: tuple[int, ...]) -> None:
    splitter = Letters()
    splitter.starts = starts
    made = Encoder(splitter, Objective()).encode(example(0, "ab", "m", "cd"))
    assert made is not None
    assert tuple(made.tokens[: len(starts)].tolist()) == starts
