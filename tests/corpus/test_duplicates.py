"""Copies are found, the best one stays, and nothing crosses a split."""

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from fimbul_models.corpus.duplicates import DuplicateRules, Found, find_duplicates, sign
from fimbul_models.corpus.near import (
    bands_of,
    chance_of_being_found,
    jaccard,
    shingles_of,
    sketch_of,
)
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import LicenceClass, Record
from fimbul_models.corpus.splitting import SplitRules, find_leaks, group_repositories, split_files
from fimbul_models.errors import RecipeError
from tests.corpus.toys import record

RULES = DuplicateRules()
FINER = DuplicateRules(rows=4)


def words(seed: int, count: int = 300) -> list[str]:
    chance = random.Random(seed)
    return [f"name{chance.randrange(500)}" for _ in range(count)]


def changed(text: list[str], share: float, seed: int) -> list[str]:
    """Replace a stretch of words, so that little more than a share of the runs is lost."""
    count = round(len(text) * share)
    start = random.Random(seed).randrange(len(text) - count)
    return [*text[:start], *words(seed + 10_000, count), *text[start + count :]]


def make(
    repository: str,
    path: str,
    text: list[str],
    licence: LicenceClass = LicenceClass.PERMISSIVE,
    date: str = "",
) -> Record:
    one = record(repository, path, " ".join(text))
    return msgspec.structs.replace(one, licence_class=licence, date=date)


def texts_of(records: Iterable[Record]) -> "Texts":
    return Texts({one.key: one.text for one in records})


class Texts:
    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def __call__(self, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
        for key in keys:
            yield key, self.texts[key]


def look(records: list[Record], rules: DuplicateRules = RULES) -> Found:
    return find_duplicates([sign(one, rules) for one in records], texts_of(records), rules)


def test_blanks_and_line_ends_make_no_other_text() -> None:
    text = words(1)
    records = [
        make("folder:a", "one.py", text),
        record("folder:b", "two.py", "\r\n".join(text) + "\n\n"),
    ]
    found = look(records)
    (drop,) = found.drops.values()
    assert drop.reason is Reason.EXACT_DUPLICATE
    assert drop.detail == "folder:a one.py"


def test_a_similar_text_is_a_near_duplicate_and_another_is_none() -> None:
    text = words(1)
    records = [
        make("folder:a", "one.py", text),
        make("folder:b", "two.py", changed(text, 0.1, 7)),
        make("folder:c", "three.py", changed(text, 0.5, 8)),
    ]
    found = look(records)
    assert {drop.key: drop.reason for drop in found.drops.values()} == {
        "folder:b\ntwo.py": Reason.NEAR_DUPLICATE
    }
    assert found.cluster_of["folder:c\nthree.py"] == "folder:c\nthree.py"


def test_copies_may_stay_and_count_as_alike_all_the_same() -> None:
    text = words(1)
    records = [make("a", "one.py", text), make("b", "same.py", text)]
    records.append(make("c", "near.py", changed(text, 0.02, 3)))
    dropping, keeping = look(records), look(records, msgspec.structs.replace(RULES, keep=True))
    assert len(dropping.drops) == 2
    assert not keeping.drops
    assert keeping.cluster_of == dropping.cluster_of


def test_short_files_are_compared_exactly_only() -> None:
    records = [make("folder:a", "one.py", ["a", "b"]), make("folder:b", "two.py", ["a", "c"])]
    assert not look(records).drops


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"licence": LicenceClass.PERMISSIVE}, {"licence": LicenceClass.COPYLEFT}),
        ({"date": "2026-05-01"}, {"date": "2025-12-31"}),
        ({"date": "2026-05-01"}, {}),
        ({"path": "a.py"}, {"path": "deep/a.py"}),
    ],
)
def test_the_better_copy_stays(one: dict[str, str], other: dict[str, str]) -> None:
    text = words(3)
    better = make(**{"repository": "folder:z", "path": "a.py", "text": text, **one})  # type: ignore[arg-type]
    worse = make(**{"repository": "folder:a", "path": "a.py", "text": text, **other})  # type: ignore[arg-type]
    assert look([better, worse]).drops.keys() == {worse.key}
    assert look([worse, better]).drops.keys() == {worse.key}


def test_the_order_of_files_does_not_matter() -> None:
    records = [
        make(f"folder:{number % 7}", f"{number}.py", changed(words(number % 5), 0.05, number))
        for number in range(60)
    ]
    shuffled = records[:]
    random.Random(1).shuffle(shuffled)
    assert look(records) == look(shuffled)
    assert len(records) - len(look(records).drops) == 5


def test_a_fork_is_recognised_and_left_out_whole() -> None:
    original = [make("git:a", f"{number}.py", words(number)) for number in range(12)]
    fork = [make("git:b", f"{number}.py", words(number)) for number in range(8)]
    fork.append(make("git:b", "own.py", words(99)))
    other = [make("git:c", "0.py", words(0)), make("git:c", "c.py", words(77))]
    found = look([*original, *fork, *other])
    assert found.forks == {"git:b": "git:a"}
    assert found.drops["git:b\nown.py"].reason is Reason.FORK
    assert found.drops["git:b\nown.py"].detail == "git:a"
    assert "git:c\nc.py" not in found.drops
    assert not {one.key for one in original} & found.drops.keys()


def test_sketches_are_the_same_every_time_and_estimate_similarity() -> None:
    one, other = shingles_of(" ".join(words(1))), shingles_of(" ".join(changed(words(1), 0.2, 5)))
    assert sketch_of(one).tolist() == sketch_of(one).tolist()
    agreeing = float((sketch_of(one) == sketch_of(other)).mean())
    assert abs(agreeing - jaccard(one, other)) < 0.1
    assert len(bands_of(sketch_of(one), 6)) == 42 * 8
    assert chance_of_being_found(0.7, 6) > 0.99
    assert chance_of_being_found(0.3, 6) < 0.05


def test_pairs_are_found_as_by_comparing_all(tmp_path: Path) -> None:
    records = [
        make(f"folder:{number}", "a.py", changed(words(number % 20), 0.02 * (number % 11), number))
        for number in range(200)
    ]
    sets = [shingles_of(one.text) for one in records]
    true = {
        (one, other)
        for one in range(len(sets))
        for other in range(one)
        if jaccard(sets[one], sets[other]) >= RULES.similarity
    }
    found = find_duplicates(
        [sign(one, RULES) for one in records], texts_of(records), RULES, tmp_path
    )
    assert len(true) > 300
    assert found.near >= 0.98 * len(true)
    assert not list(tmp_path.iterdir())


def test_repositories_that_share_much_are_on_the_same_side() -> None:
    records = [make(f"git:{name}", f"{n}.py", words(n)) for name in "abc" for n in range(5)]
    records += [make("git:d", f"{number}.py", words(100 + number)) for number in range(5)]
    found = look(records)
    signatures = [sign(one, RULES) for one in records]
    groups = group_repositories(signatures, found.cluster_of, 0.1)
    assert groups == {"git:a": "git:a", "git:b": "git:a", "git:c": "git:a", "git:d": "git:d"}
    sides = split_files(signatures, found.cluster_of, SplitRules(test=0.5), seed=3)
    assert len({sides[one.key] for one in records if one.repository != "git:d"}) == 1


def test_shares_of_a_split_are_about_those_asked_for() -> None:
    signatures = [sign(make(f"git:{n}", "a.py", words(n, 20)), RULES) for n in range(2000)]
    sides = split_files(signatures, {}, SplitRules(validation=0.1, test=0.2), seed=1)
    counts = {side: list(sides.values()).count(side) for side in set(sides.values())}
    assert 350 < counts["test"] < 450
    assert 160 < counts["validation"] < 240
    assert sides != split_files(signatures, {}, SplitRules(validation=0.1, test=0.2), seed=2)


def test_private_code_is_split_by_time() -> None:
    signatures = [
        sign(make("git:a", f"{n:02d}.py", words(n, 20), date=f"2026-01-{n:02d}"), RULES)
        for n in range(1, 29)
    ]
    sides = split_files(signatures, {}, SplitRules(by="time", validation=0.25, test=0.25), seed=0)
    assert [sides[f"git:a\n{n:02d}.py"] for n in (1, 14, 20, 28)] == [
        "train",
        "train",
        "validation",
        "test",
    ]
    at = SplitRules(by="time", at=("2026-01-10", "2026-01-20"))
    assert split_files(signatures, {}, at, seed=0)["git:a\n20.py"] == "test"
    undated = [sign(make("git:a", "a.py", words(1)), RULES)]
    with pytest.raises(RecipeError, match="no file has a date"):
        split_files(undated, {}, SplitRules(by="time"), seed=0)


def test_planted_leaks_do_not_survive() -> None:
    chance = random.Random(5)
    clean = [make(f"git:{n}", "a.py", words(n)) for n in range(100)]
    planted = [
        make(f"git:leak{n}", "b.py", changed(words(n), chance.random() * 0.15, n + 500))
        for n in range(40)
    ]
    records = [*clean, *planted]
    sides = {one.key: "test" for one in clean} | {one.key: "train" for one in planted}
    signatures = [sign(one, FINER) for one in records]
    leaks = list(find_leaks(signatures, sides, texts_of(records), FINER))
    assert {leak.key for leak in leaks} == {one.key for one in planted}
    assert all(leak.reason is Reason.SPLIT_LEAK for leak in leaks)
    left = [one for one in records if one.key not in {leak.key for leak in leaks}]
    assert not list(find_leaks([sign(one, FINER) for one in left], sides, texts_of(left), FINER))


def test_a_leak_is_found_however_many_files_are_alike() -> None:
    text = words(1, 400)
    records = [make(f"git:{n:03d}", "a.py", changed(text, 0.02, n)) for n in range(120)]
    signatures = [sign(one, FINER) for one in records]
    for odd in (0, 60, 119):
        sides = {one.key: "train" for one in records} | {records[odd].key: "test"}
        leaks = {leak.key for leak in find_leaks(signatures, sides, texts_of(records), FINER)}
        assert leaks == {one.key for one in records} - {records[odd].key}


def test_short_files_leak_where_their_texts_are_the_same() -> None:
    records = [make(f"git:{n}", "a.py", ["a", "b"]) for n in range(3)]
    records.append(make("git:3", "a.py", ["a", "c"]))
    sides = dict(zip([one.key for one in records], ("train", "test", "validation", "train")))  # noqa: B905
    signatures = [sign(one, FINER) for one in records]
    leaks = {leak.key for leak in find_leaks(signatures, sides, texts_of(records), FINER)}
    assert leaks == {"git:0\na.py", "git:2\na.py"}


def test_forks_are_recognised_where_there_are_many() -> None:
    records = [make("git:original", f"{n}.py", words(n, 60)) for n in range(9)]
    for fork in range(30):
        records += [make(f"git:z{fork:02d}", f"{n}.py", words(n, 60)) for n in range(6)]
        records.append(make(f"git:z{fork:02d}", "own.py", words(100 + fork, 60)))
    common = words(0, 60)
    records += [make(f"git:x{n:02d}", "common.py", common) for n in range(30)]
    records += [
        make(f"git:x{n:02d}", f"{m}.py", words(1000 + 9 * n + m, 60))
        for n in range(30)
        for m in range(9)
    ]
    found = look(records)
    assert found.forks == {f"git:z{fork:02d}": "git:original" for fork in range(30)}
    signatures = [sign(one, RULES) for one in records]
    groups = group_repositories(signatures, found.cluster_of, 0.1)
    assert {groups[f"git:z{fork:02d}"] for fork in range(30)} == {groups["git:original"]}
    assert all(groups[f"git:x{n:02d}"] == f"git:x{n:02d}" for n in range(30))


def test_shingles_depend_on_the_order_of_words_and_on_nothing_else() -> None:
    one = shingles_of("a b c d e f")
    assert len(one) == 2
    assert one.tolist() == shingles_of("A, b;\n\tc d (e) f").tolist()
    assert not set(one.tolist()) & set(shingles_of("f e d c b a").tolist())
    assert len(shingles_of("")) == len(shingles_of("a b")) == 1
