"""What a run tells: sums that add up, and a page that needs nothing from elsewhere."""

import re
from html.parser import HTMLParser

import msgspec

from fimbul_models.corpus.accounts import (
    Account,
    Composition,
    account_costs,
    account_drops,
    cluster_sizes,
)
from fimbul_models.corpus.page import as_text, page
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Counts, Drop
from fimbul_models.corpus.steps import Cost
from tests.corpus.toys import record


def account() -> Account:
    spread, used = Composition(), Composition()
    for number in range(30):
        one = record(f"npm:r{number // 3}", f"{number}.py", "x = 1\n")
        one = msgspec.structs.replace(one, language=f"language{number % 25}")
        spread.take(one)
        if number % 2:
            used.take(one)
    drops = [Drop(f"npm:<b>\n{n}.py", "q", Reason.GENERATED, "by <x>", "", 7) for n in range(20)]
    return Account(
        name="a <name>",
        seed=1,
        engine="serial",
        processes=1,
        repositories=10,
        digest="0123456789abcdef",
        funnel=[Counts("gather", 50, 30, 500, 300, {"generated": 20})],
        dropped=account_drops(drops),
        before=spread.shares,
        after=used.shares,
        clusters={1: 10, 2: 3},
        redacted={"e-mail": 2},
        splits={"train": {"files": 10, "examples": 20}},
        examples={"line-end": 5},
        strictness={"permissive": 0.5},
        costs=account_costs(
            [Cost("sifted", "a", 2.0, 10, {"quality": 1.5}, {"quality": 9})] * 2,
        ),
    )


def test_drops_are_summed_up_by_reason_with_examples_from_all_over() -> None:
    dropped = account().dropped["generated"]
    assert (dropped.files, dropped.bytes, dropped.sentence) == (20, 140, Reason.GENERATED.sentence)
    assert len(dropped.examples) <= 8
    assert dropped.examples[0] == "npm:<b> 0.py (by <x>)"
    assert dropped.examples[-1] == "npm:<b> 18.py (by <x>)"


def test_a_language_counts_its_repositories_once() -> None:
    shares = account().before["language"]
    assert sum(share.files for share in shares.values()) == 30
    origins = account().before["origin"]["npm"]
    assert (origins.files, origins.repositories) == (30, 10)


def test_costs_are_summed_and_memory_is_the_most() -> None:
    costs = account().costs
    assert (costs["sifted"].seconds, costs["sifted: quality"].seconds) == (4.0, 3.0)
    assert costs["sifted: quality"].memory == 9


def test_clusters_are_counted_by_size() -> None:
    assert cluster_sizes({"a": "a", "b": "a", "c": "c", "d": "d"}) == {1: 2, 2: 1}


class _Balanced(HTMLParser):
    """Follows which elements are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_shows_what_is_there() -> None:
    text = page(account())
    parser = _Balanced()
    parser.feed(text)
    assert not parser.open
    assert "script" not in parser.seen
    assert not re.search(r"(src|href)=", text)
    assert "a &lt;name&gt;" in text
    assert "npm:&lt;b&gt;" in text
    assert "5 others" in text
    for word in ("e-mail", "line-end", "train", "A program wrote it."):
        assert word in text


def test_a_corpus_of_nothing_has_a_page() -> None:
    empty = Account(name="none", seed=0, engine="serial", processes=1, repositories=0)
    assert "The corpus none" in page(empty)
    assert list(as_text(empty))


def test_the_terminal_is_told_the_funnel() -> None:
    lines = list(as_text(account()))
    assert lines[1].split() == ["gather", "50", "30", "0.0", "0.0", "generated", "20"]
