"""How often files are used: shares before and after, the same in any order."""

from collections.abc import Mapping, Sequence

import pytest

from fimbul_models.corpus.balance import Balanced, BalanceRules, Sampling, balance_files
from fimbul_models.corpus.duplicates import DuplicateRules, Signature, sign
from fimbul_models.corpus.reasons import Reason
from tests.corpus.toys import record

COUNTS = {"python": 800, "go": 80, "lua": 8}


def signature(language: str, number: int, repository: str = "") -> Signature:
    one = record(repository or f"git:{number % 40}", f"{language}{number:04d}", "x")
    signed = sign(one, DuplicateRules())
    return Signature(
        **{**{f: getattr(signed, f) for f in signed.__struct_fields__}, "language": language}
    )


FILES = [signature(language, n) for language, count in COUNTS.items() for n in range(count)]


def balance(
    rules: BalanceRules,
    files: Sequence[Signature] = FILES,
    labels: Mapping[str, str] = {},
    sides: Mapping[str, str] = {},
) -> Balanced:
    return balance_files(files, sides, labels, rules, seed=5)


def used(balanced: Balanced, language: str) -> float:
    return balanced.table[language]["used"]


def test_nothing_is_changed_unless_asked_for() -> None:
    balanced = balance(BalanceRules())
    assert not balanced.drops
    assert not balanced.repeats
    assert balanced.table["go"]["share before"] == balanced.table["go"]["share after"]


def test_rare_languages_are_drawn_up_and_common_ones_down() -> None:
    balanced = balance(BalanceRules(alpha=0.5, most_repeats=100))
    whole = sum(count**0.5 for count in COUNTS.values())
    for language, count in COUNTS.items():
        share = balanced.table[language]["share after"]
        assert share == pytest.approx(count**0.5 / whole, rel=0.1)
    assert {drop.reason for drop in balanced.drops.values()} == {Reason.BALANCE}


def test_no_file_is_used_more_often_than_allowed() -> None:
    balanced = balance(BalanceRules(alpha=0.0, most_repeats=3))
    assert used(balanced, "lua") == 24
    assert max(balanced.repeats.values()) == 3


def test_a_large_repository_is_capped() -> None:
    files = [signature("go", n, "git:large") for n in range(50)] + FILES[:10]
    balanced = balance(BalanceRules(repository_files=20), files)
    assert [drop.reason for drop in balanced.drops.values()] == [Reason.REPOSITORY_CAP] * 30


@pytest.mark.parametrize(
    ("sampling", "positive", "negative"),
    [
        (Sampling.OVER, 600, 600),
        (Sampling.UNDER, 200, 200),
        (Sampling.BOTH, (200 * 600) ** 0.5, (200 * 600) ** 0.5),
    ],
)
def test_classes_are_evened_out_in_each_language(
    sampling: Sampling, positive: float, negative: float
) -> None:
    files = [signature(language, n) for language in ("go", "python") for n in range(800)]
    labels = {
        one.key: "positive" if number % 4 == (one.language == "go") else "other"
        for number, one in enumerate(files)
    }
    rules = BalanceRules(label="server", sampling=sampling, most_repeats=5)
    balanced = balance(rules, files, labels)

    def count(language: str, which: bool) -> int:
        return sum(
            balanced.repeats.get(one.key, 1)
            for one in files
            if one.key not in balanced.drops
            and one.language == language
            and (labels[one.key] == "positive") is which
        )

    for language in ("go", "python"):
        assert count(language, True) == pytest.approx(positive, rel=0.12)
        assert count(language, False) == pytest.approx(negative, rel=0.12)
        row = balanced.table[language]
        assert row["positive per negative before"] == pytest.approx(1 / 3)
        assert row["positive per negative after"] == pytest.approx(1, rel=0.2)


def test_what_is_judged_by_stays_as_it_is() -> None:
    sides = {one.key: "test" for one in FILES[::2]}
    balanced = balance(BalanceRules(alpha=0.2, repository_files=3), sides=sides)
    assert not sides.keys() & (balanced.drops.keys() | balanced.repeats.keys())


def test_order_does_not_matter() -> None:
    rules = BalanceRules(alpha=0.3, repository_files=15)
    assert balance(rules) == balance(rules, FILES[::-1])


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha"):
        BalanceRules(alpha=2)
