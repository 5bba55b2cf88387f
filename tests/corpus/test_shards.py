"""Examples in files, and the card that tells about them."""

import json
from pathlib import Path

import msgspec
import pyarrow.parquet
import pytest

from fimbul_models.corpus.accounts import Dropped
from fimbul_models.corpus.card import About, Tally, card_json, card_markdown, card_of
from fimbul_models.corpus.counting import Vocabulary
from fimbul_models.corpus.fim import Example, FimRules
from fimbul_models.corpus.records import Counts
from fimbul_models.corpus.shards import ShardRules, digest_of, read_shards, write_shards
from fimbul_models.errors import SourceError
from lsp_server.types import Segment


def example(number: int, split: str = "train", **more: object) -> Example:
    values = {
        "repository": f"npm:package-{number // 10}",
        "revision": "1.0",
        "path": f"src/{number}.js",
        "number": 0,
        "digest": f"{number:064x}",
        "date": f"20{10 + number % 10}-01-01",
        "language": "javascript" if number % 3 else "python",
        "role": "code",
        "licence": "MIT",
        "licence_class": "permissive",
        "split": split,
        "kind": "line" if number % 2 else "body",
        "surface": "line",
        "order": "psm",
        "context": "found",
        "sources": ("imports", "similar"),
        "prompt": (Segment("<|fim_prefix|>", special=True), Segment(f"let ö{number} =\n")),
        "completion": f" {number};\n",
        "healed": 0,
        "ends": True,
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "labels": {"server": "yes"},
        **more,
    }
    return msgspec.convert(values, Example)


EXAMPLES = [example(number, ("train", "test", "")[number % 3]) for number in range(700)]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, EXAMPLES, ShardRules())
    assert [shard.name for shard in shards] == ["test-00000.parquet", "train-00000.parquet"]
    assert list(read_shards(tmp_path, "test")) == [one for one in EXAMPLES if one.split == "test"]
    assert list(read_shards(tmp_path, "train")) == [one for one in EXAMPLES if one.split != "test"]
    assert sum(shard.examples for shard in shards) == len(EXAMPLES)
    assert list(read_shards(tmp_path, "validation")) == []


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    write_shards(tmp_path, EXAMPLES[:3], ShardRules())
    (row,) = pyarrow.parquet.read_table(tmp_path / "test-00000.parquet").to_pylist()
    assert row["completion"] == " 1;\n"
    assert json.loads(row["prompt"]) == [
        {"special": True, "text": "<|fim_prefix|>"},
        {"special": False, "text": "let ö1 =\n"},
    ]
    assert json.loads(row["sources"]) == ["imports", "similar"]


def test_rows_limit_a_file(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, EXAMPLES, ShardRules(rows=300))
    assert [(shard.name, shard.examples) for shard in shards] == [
        ("test-00000.parquet", 233),
        ("train-00000.parquet", 300),
        ("train-00001.parquet", 167),
    ]
    assert [one.path for one in read_shards(tmp_path, "train")] == [
        one.path for one in EXAMPLES if one.split != "test"
    ]


def test_bytes_limit_a_file(tmp_path: Path) -> None:
    large = [example(number, completion="x" * 1000) for number in range(20)]
    shards = write_shards(tmp_path, large, ShardRules(bytes=5000))
    assert [shard.examples for shard in shards] == [5, 5, 5, 5]


def test_the_same_examples_make_the_same_bytes(tmp_path: Path) -> None:
    first = write_shards(tmp_path / "a", EXAMPLES, ShardRules(rows=300))
    second = write_shards(tmp_path / "b", iter(EXAMPLES), ShardRules(rows=300))
    assert first == second
    assert digest_of(first) == digest_of(reversed(second))
    for shard in first:
        path = tmp_path / "a" / shard.name
        assert path.read_bytes() == (tmp_path / "b" / shard.name).read_bytes()
        assert path.stat().st_size == shard.size
    other = write_shards(tmp_path / "c", EXAMPLES[1:], ShardRules(rows=300))
    assert digest_of(other) != digest_of(first)


def test_files_of_an_earlier_run_are_removed_and_others_left(tmp_path: Path) -> None:
    write_shards(tmp_path, EXAMPLES, ShardRules(rows=100))
    (tmp_path / "card.json").write_text("{}")
    (tmp_path / "mine.parquet").write_text("")
    write_shards(tmp_path, EXAMPLES[:3], ShardRules())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "card.json", "mine.parquet", "test-00000.parquet", "train-00000.parquet",
    ]  # fmt: skip


def test_an_error_on_the_way_leaves_nothing_half_written(tmp_path: Path) -> None:
    def broken() -> object:
        yield from EXAMPLES[:600]
        raise RuntimeError("the examples end here")

    with pytest.raises(RuntimeError, match="end here"):
        write_shards(tmp_path, broken(), ShardRules())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="file"):
        write_shards(tmp_path / "file", EXAMPLES, ShardRules())


def test_limits_that_cannot_be_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="1 or more"):
        msgspec.convert({"rows": 0}, ShardRules)


def about() -> About:
    return About(
        name="toys | two",
        description="Only for tests.",
        seed=7,
        settings={"fim": {"family": "qwen2.5-coder"}},
        funnel=[Counts("gather", 10, 8, 1000, 800, {"not-text": 2})],
        dropped={"not-text": Dropped("The file is no UTF-8 text.", 2, 200)},
    )


def test_the_card_counts_what_is_there(tmp_path: Path) -> None:
    tally = Tally()
    shards = write_shards(tmp_path, map(tally.take, EXAMPLES), ShardRules())
    card = card_of(about(), FimRules(), Vocabulary(None, "some model", "abc"), tally, shards)
    assert card.total.examples == 700
    assert card.total.completion_tokens == 2100
    assert card.repositories == 70
    for values in card.amounts.values():
        assert sum(one.examples for one in values.values()) == 700
    assert card.amounts["split"]["test"].examples == 233
    assert card.amounts["language"]["javascript"].examples == 466
    assert card.sources == {"imports": 700, "similar": 700}
    assert card.digest == digest_of(shards)
    assert card.tools["pyarrow"] == pyarrow.__version__
    assert "tree-sitter-python" in card.tools


def test_cards_are_readable_and_the_same_each_time(tmp_path: Path) -> None:
    def made(folder: str) -> tuple[str, str]:
        tally = Tally()
        shards = write_shards(tmp_path / folder, map(tally.take, EXAMPLES), ShardRules())
        card = card_of(about(), FimRules(), Vocabulary(), tally, shards)
        return card_json(card), card_markdown(card)

    as_json, as_markdown = made("a")
    assert (as_json, as_markdown) == made("b")
    assert json.loads(as_json)["total"]["examples"] == 700
    assert as_markdown.startswith("# toys \\| two\n\nOnly for tests.\n")
    assert "700 examples of 70 repositories: 7,000 tokens of prompts" in as_markdown
    assert "| line | 350 | 50.0% | 4,550 | 40.0% |" in as_markdown
    assert "| not-text | The file is no UTF-8 text. | 2 | 200 |" in as_markdown
    assert "| gather | 10 | 8 | 80.0% | 1,000 | 800 |" in as_markdown
    assert "permissive" in as_markdown


def test_a_card_of_nothing_can_be_made(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, [], ShardRules())
    card = card_of(About(name="none", seed=1), FimRules(), Vocabulary(), Tally(), shards)
    assert "0 examples of 0 repositories" in card_markdown(card)
