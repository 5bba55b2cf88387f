"""Guesses of the next tokens: what is learned, what is proposed, and when nothing is."""

import random

import pytest

from lsp_server.inference.drafts import ORDERS, Chances, Costs, Drafter, NgramTable

CHOICE = random.Random(3)
TEXT = [CHOICE.randrange(150_000) for _ in range(300)]


def run(drafter: Drafter, tokens: list[int], cost_per_token: float) -> float:
    """Decode `tokens` with drafts on a machine of that cost; return evaluations per token."""
    position, evaluations = 5, 0
    while position < len(tokens):
        before = tokens[:position]
        draft = drafter.propose(before, limit=7)
        evaluations += 1
        drafter.measured(1 + len(draft), 30.0 * (1.0 + cost_per_token * len(draft)))
        for guess in [*draft, None]:
            if position == len(tokens):
                break
            token = tokens[position]
            drafter.observe(tokens[:position], token)
            position += 1
            if guess != token:
                break
    return evaluations / (len(tokens) - 5)


def noise(seed: int, length: int = 400) -> list[int]:
    choice = random.Random(seed)
    return [choice.randrange(4) for _ in range(length)]


def test_what_followed_before_is_guessed_again() -> None:
    table = NgramTable()
    table.learn(TEXT)
    for end in range(max(ORDERS), len(TEXT) - 1):
        guess = table.guess(TEXT[:end])
        assert guess is not None
        assert guess.token == TEXT[end]


def test_nothing_is_guessed_about_what_was_never_seen() -> None:
    table = NgramTable()
    assert table.guess(TEXT) is None
    table.learn(TEXT)
    assert table.guess([-1 % 150_000, 149_999, 1]) is None
    assert table.guess([]) is None
    table.learn([])
    table.learn([1, 2])


def test_the_longest_memory_decides_and_later_text_replaces_earlier() -> None:
    table = NgramTable()
    table.learn([1, 2, 3, 4, 5, 6])
    table.learn([9, 9, 9, 4, 5, 7])
    for before, expected in (([1, 2, 3, 4, 5], 6), ([8, 8, 8, 4, 5], 7), ([8, 3, 4, 5], 6)):
        guess = table.guess(before)
        assert guess is not None
        assert guess.token == expected
    table.learn([1, 2, 3, 4, 5, 8])
    changed = table.guess([1, 2, 3, 4, 5])
    assert changed is not None
    assert changed.token == 8


def test_what_was_seen_again_is_another_kind_of_guess() -> None:
    table = NgramTable()
    kinds = []
    for _ in range(5):
        table.learn(TEXT[:6])
        guess = table.guess(TEXT[:5])
        assert guess is not None
        kinds.append(guess.kind)
    assert kinds == [1, 2, 3, 3, 3]


def test_a_small_table_forgets_but_never_mixes_things_up() -> None:
    table = NgramTable(slot_bits=4)
    table.learn(TEXT)
    right = 0
    for end in range(max(ORDERS), len(TEXT) - 1):
        guess = table.guess(TEXT[:end])
        if guess is not None:
            assert guess.token == TEXT[end]
            right += 1
    assert 0 < right <= 3 * 16


def test_a_draft_goes_on_from_its_own_guesses() -> None:
    drafter = Drafter(7)
    drafter.learn(TEXT)
    for _ in range(60):
        drafter.observe(TEXT[:50], TEXT[50])
        drafter.measured(1, 30.0)
    assert drafter.propose(TEXT[:100], limit=7) == TEXT[100:107]
    assert drafter.propose(TEXT[:100], limit=3) == TEXT[100:103]
    assert drafter.propose(TEXT[:100], limit=0) == []


def test_without_drafts_nothing_is_learned() -> None:
    drafter = Drafter(0)
    drafter.learn(TEXT)
    drafter.observe(TEXT[:50], TEXT[50])
    assert not drafter.is_on
    assert drafter.propose(TEXT[:100], limit=7) == []


def test_drafts_switch_themselves_off_where_guesses_are_wrong_and_come_back() -> None:
    drafter = Drafter(7)
    random_text = noise(1)
    drafter.learn(random_text)
    run(drafter, noise(2), cost_per_token=0.3)
    assert run(drafter, noise(3), cost_per_token=0.3) > 0.95
    # The text repeats itself from here on. Guesses are judged also while none is evaluated.
    drafter.learn(TEXT)
    drafter.learn(TEXT)
    run(drafter, TEXT, cost_per_token=0.3)
    assert run(drafter, TEXT, cost_per_token=0.3) < 0.4


def test_drafts_switch_themselves_off_where_evaluating_them_is_dear() -> None:
    cheap, dear = Drafter(7), Drafter(7)
    for drafter in (cheap, dear):
        drafter.learn(TEXT)
        drafter.learn(TEXT)
    assert run(cheap, TEXT, cost_per_token=0.1) < 0.3
    run(dear, TEXT, cost_per_token=1.5)
    assert run(dear, TEXT, cost_per_token=1.5) > 0.9


def test_guesses_go_along_with_a_prompt_before_single_tokens_were_measured() -> None:
    drafter = Drafter(3)
    drafter.learn(TEXT)
    for tokens, milliseconds in ((1, 30.0), (2, 200.0), (3, 400.0), (4, 600.0)) * 3:
        drafter.measured(tokens, milliseconds)
    assert drafter.propose(TEXT[:100], limit=7) == []
    cheap = Drafter(3)
    cheap.learn(TEXT)
    assert cheap.propose(TEXT[:100], limit=7, batch=20) == TEXT[100:101]
    for _ in range(10):
        cheap.observe(TEXT[:50], TEXT[50])
    assert cheap.propose(TEXT[:100], limit=7, batch=20) == TEXT[100:103]


def test_costs_are_relative_and_expected_until_they_are_measured() -> None:
    costs = Costs(8)
    assert costs.relative(1) == 1.0
    expected = [costs.relative(tokens) for tokens in range(1, 40)]
    assert expected == sorted(expected)
    early = costs.relative(4)
    for _ in range(3):
        costs.observe(1, 50.0)
        costs.observe(4, 100.0)
    assert costs.relative(4) == pytest.approx(2.0)
    # One that was dearer than expected makes the others dearer.
    assert expected[2] < costs.relative(3) < 2.0
    assert costs.relative(20) > costs.relative(8) > 2.0
    # What was measured long ago says nothing about now.
    for _ in range(1000):
        costs.observe(1, 50.0)
    assert costs.relative(4) == early


def test_one_hiccup_changes_no_cost() -> None:
    costs = Costs(8)
    for _ in range(5):
        costs.observe(1, 50.0)
        costs.observe(4, 75.0)
    costs.observe(4, 5000.0)
    costs.observe(1, 5000.0)
    assert costs.relative(4) == pytest.approx(1.5)


def test_chances_follow_what_is_observed() -> None:
    chances = Chances()
    assert chances.of(0) == 0.5
    for _ in range(1000):
        chances.observe(0, right=True)
    assert chances.of(0) > 0.95
    assert chances.of(1) == 0.5
    for _ in range(1000):
        chances.observe(0, right=False)
    assert chances.of(0) < 0.2
