"""What a context holds after evaluations that were whole, cut short, or of another place."""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lsp_server.inference.backend import Cancelled
from lsp_server.inference.protocol import LoadOptions
from tests.engine.tiny import CONTEXT, write_tiny_model

pytestmark = pytest.mark.engine

PIECE_AHEAD = 32

TOKENS = [(7 * index) % 250 for index in range(200)]
OTHER = [(11 * index + 3) % 250 for index in range(90)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    llama_cpp = pytest.importorskip("llama_cpp")
    quiet = llama_cpp.llama_log_callback(lambda *_arguments: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    path = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")
    parameters = llama_cpp.llama_model_default_params()
    found = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    yield found
    llama_cpp.llama_model_free(found)
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), ctypes.c_void_p(0))


@pytest.fixture
def make_cache(model: Any) -> Iterator[Callable[..., Any]]:
    from lsp_server.inference.kvcache import KvCache

    made: list[KvCache] = []

    def make(is_stopping: Callable[[], bool] = lambda: False, **options: Any) -> KvCache:
        chosen = LoadOptions(1, CONTEXT, **options)
        made.append(KvCache(model, chosen, is_stopping, lambda what: what))
        return made[-1]

    yield make
    for cache in made:
        cache.close()


def rows(cache: Any, tokens: list[int], outputs: int) -> np.ndarray[Any, Any]:
    cache.evaluate(tokens, outputs)
    return np.stack([cache.row(index).copy() for index in range(outputs)])


@pytest.mark.parametrize("length", [1, 7, 63, 64, 65, 72, 128, 129, 191, 200])
def test_the_last_outputs_are_the_same_however_the_tokens_are_cut(
    length: int, make_cache: Callable[..., Any]
) -> None:
    whole, single = make_cache(), make_cache()
    outputs = min(8, length)
    found = rows(whole, TOKENS[:length], outputs)
    one_by_one = [rows(single, [token], 1)[0] for token in TOKENS[:length]]
    assert list(whole.cells) == list(single.cells) == TOKENS[:length]
    assert found == pytest.approx(np.stack(one_by_one[-outputs:]), abs=0.05)


@pytest.mark.parametrize("polls", [0, 1, 5, 20, 47, 100])
def test_an_abort_keeps_whole_pieces_and_nothing_else(
    polls: int, make_cache: Callable[..., Any]
) -> None:
    left = [polls]

    def is_stopping() -> bool:
        left[0] -= 1
        return left[0] < 0

    cache = make_cache(is_stopping)
    with pytest.raises(Cancelled):
        cache.evaluate_ahead(TOKENS)
    kept = len(cache.cells)
    assert kept % PIECE_AHEAD == 0
    assert list(cache.cells) == TOKENS[:kept]
    left[0] = 10**9
    assert cache.enter(TOKENS) == kept
    expected = rows(make_cache(), TOKENS, 1)
    assert rows(cache, TOKENS[kept:], 1) == pytest.approx(expected, abs=0.05)


def test_later_aborts_keep_more(make_cache: Callable[..., Any]) -> None:
    limit = [2 * PIECE_AHEAD]
    cache: Any = make_cache(lambda: len(cache.cells) >= limit[0])
    for expected in (2 * PIECE_AHEAD, 4 * PIECE_AHEAD):
        limit[0] = expected
        reused = cache.enter(TOKENS)
        with pytest.raises(Cancelled):
            cache.evaluate_ahead(TOKENS[reused:])
        assert len(cache.cells) == expected
    # Another place is answered in between; the work half done is not lost.
    limit[0] = 1000
    cache.evaluate(OTHER[cache.enter(OTHER) :], 1)
    assert cache.held(TOKENS) == 4 * PIECE_AHEAD
    assert cache.enter(TOKENS) == 4 * PIECE_AHEAD
    assert cache.restored == 1


def test_a_restored_place_goes_on_like_one_that_was_never_left(
    make_cache: Callable[..., Any],
) -> None:
    cache, stayed = make_cache(), make_cache()
    for one in (cache, stayed):
        one.evaluate(TOKENS[one.enter(TOKENS) :], 1)
    cache.evaluate(OTHER[cache.enter(OTHER) :], 1)
    assert cache.enter([*TOKENS, 5]) == len(TOKENS)
    assert (rows(cache, [5], 1) == rows(stayed, [5], 1)).all()


def test_an_answer_is_not_worth_a_copy(make_cache: Callable[..., Any]) -> None:
    cache = make_cache()
    cache.evaluate(TOKENS[cache.enter(TOKENS) :], 1)
    for token in OTHER:
        cache.evaluate([token], 1)
    # Typing goes on at the end of the prompt.
    assert cache.enter([*TOKENS, 9]) == len(TOKENS)
    assert cache.held(OTHER) == 0
    assert cache.held([*TOKENS, *OTHER]) == len(TOKENS)


def test_taking_tokens_away_leaves_those_before(make_cache: Callable[..., Any]) -> None:
    cache = make_cache()
    expected = rows(cache, TOKENS[:50], 3)
    cache.trim(60)
    cache.trim(40)
    assert list(cache.cells) == TOKENS[:40]
    assert rows(cache, TOKENS[40:50], 3) == pytest.approx(expected, abs=0.05)
