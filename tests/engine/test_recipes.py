from collections.abc import Mapping

import pytest

from lsp_server.inference.recipes import (
    Outcome,
    bytes_saved,
    combinations,
    fastest,
    is_hopeless,
    singles,
    title_of,
    types_of,
)
from lsp_server.inference.tensors import Tensor
from lsp_server.inference.tuning import Compared, Times

WIDTH, INNER, WORDS = 896, 2560, 2_000
EMBEDDING = "token_embd.weight"

# The default model in small: its rows of 896 take no K type, and so have others.
TENSORS = (
    Tensor("output.weight", (WIDTH, WORDS), "q8_0"),
    Tensor("token_embd.weight", (WIDTH, WORDS), "q5_0"),
    Tensor("output_norm.weight", (WIDTH,), "f32"),
    Tensor("blk.0.attn_q.weight", (WIDTH, WIDTH), "q5_0"),
    Tensor("blk.0.attn_v.weight", (WIDTH, 128), "q8_0"),
    Tensor("blk.0.ffn_gate.weight", (WIDTH, INNER), "q5_0"),
    Tensor("blk.0.ffn_up.weight", (WIDTH, INNER), "q5_0"),
    Tensor("blk.0.ffn_down.weight", (INNER, WIDTH), "q6_k"),
    Tensor("blk.1.ffn_down.weight", (INNER, WIDTH), "q4_k"),
)


def outcome(
    recipe: Mapping[str, str], agreement: float, prefill: float = 1.0, decode: float = 1.0
) -> Outcome:
    times = Times(prefill=5.0, decode=20.0)
    compared = Compared(1000, round(agreement * 1000), 0.01, times, times, prefill, decode)
    return Outcome(recipe, 1, compared)


def test_single_groups_are_tried_where_that_saves_something() -> None:
    assert [title_of(recipe) for recipe in singles(TENSORS)] == [
        "output q5_0",
        "output iq4_nl",
        "output q4_0",
        # The attention is too small to be worth it.
        "ffn-in iq4_nl",
        "ffn-in q4_0",
        "ffn-down q5_0",
        "ffn-down q4_k",
        "ffn-down iq4_nl",
        "ffn-down q4_0",
    ]


def test_a_tensor_only_changes_where_it_gets_smaller() -> None:
    types = types_of(TENSORS, {"ffn-down": "q4_k", "output": "q4_k", "attention": "q5_0"})
    assert types == {
        "output.weight": "q8_0",  # Its rows do not fit.
        "token_embd.weight": "q5_0",
        "blk.0.attn_q.weight": "q5_0",
        "blk.0.attn_v.weight": "q5_0",
        "blk.0.ffn_gate.weight": "q5_0",
        "blk.0.ffn_up.weight": "q5_0",
        "blk.0.ffn_down.weight": "q4_k",
        "blk.1.ffn_down.weight": "q4_k",
    }
    assert bytes_saved(TENSORS, {"ffn-down": "q4_k"}) == INNER * WIDTH // 256 * (210 - 144)


def test_the_embedding_is_the_output_where_there_is_no_other() -> None:
    tied = TENSORS[1:]
    assert {"output": "q4_0"} in singles(tied)
    assert types_of(tied, {"output": "q4_0"})[EMBEDDING] == "q4_0"
    assert types_of(TENSORS, {"output": "q4_0"})[EMBEDDING] == "q5_0"


def test_types_that_nobody_knows_stay() -> None:
    odd = Tensor("blk.0.ffn_down.weight", (INNER, WIDTH), "#39")
    assert types_of([odd], {"ffn-down": "q4_0"}) == {odd.name: "#39"}
    assert singles([odd]) == []


def test_what_is_as_small_as_it_gets_has_nothing_to_try() -> None:
    smallest = [Tensor(tensor.name, tensor.shape, "q4_0") for tensor in TENSORS]
    assert singles(smallest) == []


@pytest.mark.parametrize(
    ("recipe", "hopeless"),
    [
        ({"output": "iq4_nl"}, True),
        ({"output": "q4_0"}, True),
        ({"output": "q4_0", "attention": "q4_0"}, True),
        ({"output": "q5_0"}, False),
        ({"attention": "q4_0"}, False),
    ],
)
def test_what_changes_more_than_a_loser_is_hopeless(recipe: dict[str, str], hopeless: bool) -> None:
    tried = [outcome({"output": "q5_0"}, 0.99), outcome({"output": "iq4_nl"}, 0.96)]
    assert is_hopeless(recipe, tried, 0.97) is hopeless


def test_combinations_are_of_groups_that_held_and_were_faster() -> None:
    tried = [
        outcome({"output": "q5_0"}, 0.990, decode=0.92),
        outcome({"output": "iq4_nl"}, 0.980, decode=0.85),
        outcome({"attention": "q4_0"}, 0.985, prefill=0.95),
        outcome({"ffn-in": "q4_0"}, 0.900, prefill=0.60),
        outcome({"ffn-down": "q4_k"}, 0.995, prefill=1.10),
    ]
    # 0.020 and 0.015 lost are 0.025 together, 0.010 and 0.015 are 0.018.
    assert combinations(tried, 0.97) == [
        {"output": "iq4_nl", "attention": "q4_0"},
        {"output": "q5_0", "attention": "q4_0"},
    ]
    assert combinations(tried, 0.98) == [{"output": "q5_0", "attention": "q4_0"}]
    assert combinations(tried[:2], 0.97) == []


def test_the_fastest_of_those_that_keep_the_answers_is_chosen() -> None:
    slow = outcome({"attention": "q4_0"}, 0.99, decode=0.9)
    quick = outcome({"output": "q5_0"}, 0.97, prefill=0.9, decode=0.9)
    wrong = outcome({"ffn-in": "q4_0"}, 0.969, prefill=0.5, decode=0.5)
    assert fastest([slow, wrong, quick], 0.97) is quick
    assert fastest([wrong], 0.97) is None


def test_of_those_about_as_fast_the_most_faithful_is_chosen() -> None:
    same = outcome({"output": "q8_0"}, 1.0, prefill=0.87, decode=0.87)
    lossy = outcome({"output": "q5_0"}, 0.975, prefill=0.85, decode=0.85)
    faster = outcome({"output": "q4_0"}, 0.972, prefill=0.80, decode=0.80)
    assert fastest([same, lossy], 0.97) is same
    assert fastest([same, lossy, faster], 0.97) is faster


def test_what_is_hardly_faster_is_not_worth_its_space() -> None:
    assert fastest([outcome({"output": "q5_0"}, 1.0, prefill=0.98, decode=0.98)], 0.97) is None
    assert fastest([outcome({"output": "q5_0"}, 1.0, prefill=0.96, decode=0.96)], 0.97) is not None


def test_a_request_is_prompt_and_answer() -> None:
    # 64 tokens at 5 ms and 16 at 20 ms: half of the time each.
    assert outcome({}, 1.0, prefill=0.5).time_ratio == pytest.approx(0.75)
    assert outcome({}, 1.0, decode=0.5).time_ratio == pytest.approx(0.75)
