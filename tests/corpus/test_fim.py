"""Examples: prompts as the server builds them, completions that join them to what follows."""

import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from fimbul_models.corpus.counting import Vocabulary, counting, vocabulary_of
from fimbul_models.corpus.fim import Cutting, Example, FimRules, examples_in
from fimbul_models.corpus.neighbours import name_of, neighbours_of
from fimbul_models.corpus.records import Drop, Record, Role
from lsp_server.completion.answering import build_prompt
from lsp_server.config.options import Settings
from lsp_server.errors import ModelError
from lsp_server.inference.vocabulary_worker import estimate_tokens
from lsp_server.prompt.formats import FORMATS
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position

CIRCLE = '''\
"""Circles."""


class Circle:
    """All points of one distance."""

    def __init__(self, radius: float) -> None:
        self.radius = radius

    def scaled(self, factor: float) -> "Circle":
        """Return a larger or smaller circle."""
        larger = self.radius * factor
        return Circle(larger)
'''

DRAWING = '''\
"""Draws circles."""

from circle import Circle


def draw(count: int) -> list[Circle]:
    """Return circles that grow."""
    first = Circle(1.0)
    found = [first]
    for number in range(count):
        larger = first.scaled(2.0 ** number)
        found.append(larger)
    return found
'''


def record(path: str, text: str, language: str = "python", **more: object) -> Record:
    values: dict[str, object] = {
        "source": "toys",
        "repository": "folder:shapes",
        "path": path,
        "text": text,
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "language": language,
        **more,
    }
    return msgspec.convert(values, Record)


ROOT = Path(__file__).parents[2]

SHAPES = [record("circle.py", CIRCLE), record("drawing.py", DRAWING)]


def rules(**more: object) -> FimRules:
    values = {"bytes_per_example": 10, "most_per_file": 30, "without_suffix": 0.0, **more}
    return msgspec.convert(values, FimRules)


def examples(records: Sequence[Record] = SHAPES, seed: int = 1, **more: object) -> list[Example]:
    return examples_in(Cutting(rules(**more), seed)(records))


def parts(example: Example) -> dict[str, str]:
    """Return what stands behind each special token of a prompt."""
    found: dict[str, str] = {}
    token = ""
    for piece in example.prompt:
        if piece.special:
            token = piece.text
            found[token] = ""
        else:
            found[token] = found.get(token, "") + piece.text
    return found


def document_of(example: Example) -> str:
    """Return the text that prompt and completion make together."""
    own = parts(example)
    prefix, suffix, middle = (own[f"<|fim_{name}|>"] for name in ("prefix", "suffix", "middle"))
    return prefix + middle + example.completion + suffix


@pytest.mark.parametrize("order", ["psm", "suffix-first", "spm", "growing-middle", "auto"])
@pytest.mark.parametrize("kind", ["line", "body", "node", "aligned", "characters"])
def test_prompt_and_completion_make_the_file(kind: str, order: str) -> None:
    made = examples(shares={kind: 1.0}, orders={order: 1.0})
    assert len(made) >= 3
    texts = {one.path: one.text for one in SHAPES}
    for one in made:
        assert document_of(one) == texts[one.path]
        assert one.ends
        assert one.kind == kind


def test_what_was_taken_back_begins_the_completion() -> None:
    made = [one for one in examples(shares={"line": 1.0}) if one.healed]
    assert made
    for one in made:
        before = parts(one)["<|fim_prefix|>"] + parts(one)["<|fim_middle|>"]
        place = len(before) + one.healed
        text = {record.path: record.text for record in SHAPES}[one.path]
        assert text[:place] == before + one.completion[: one.healed]


def test_prompts_are_those_of_the_server() -> None:
    """Of a document that stands alone, the server's own function says the same."""
    alone = [record("circle.py", CIRCLE)]
    made = examples(alone, shares={"line": 1.0}, orders={"auto": 1.0})
    assert len(made) > 5
    for one in made:
        text = document_of(one)
        before = parts(one)["<|fim_prefix|>"] + parts(one)["<|fim_middle|>"]
        before += one.completion[: one.healed]
        rest = text[len(before) :]
        line, ending, below = rest.partition("\n")
        lines = split_lines(before)
        request = CompletionRequest(
            Document(
                "file:///circle.py",
                "python",
                1,
                tuple(split_lines(before + ending + below)),
                "circle.py",
            ),
            Position(len(lines) - 1, len(lines[-1])),
        )
        prompt = build_prompt(request, Settings(), FORMATS["qwen2.5-coder"], estimate_tokens)
        assert prompt.segments == one.prompt
        assert prompt.healed + line + ending == one.completion


def test_the_rest_of_the_line_is_shown_or_asked_for() -> None:
    made = examples(shares={"characters": 1.0, "node": 1.0})
    assert {one.surface for one in made} >= {"line", "middle"}
    for one in made:
        if one.surface == "middle":
            # What is shown right of the cursor is no part of the answer.
            assert parts(one)["<|fim_suffix|>"]
        else:
            assert one.completion.endswith("\n") or not parts(one)["<|fim_suffix|>"]


def test_bodies_are_what_the_server_calls_them() -> None:
    surfaces = {one.surface for one in examples(shares={"body": 1.0})}
    assert surfaces == {"block", "function"}


def test_other_files_are_shown_and_withheld_in_the_stated_share() -> None:
    # A file that fills no budget gives every example that is asked for.
    made = [
        one
        for seed in range(6)
        for one in examples(seed=seed, shares={"line": 1.0}, without_context=0.25)
    ]
    of_drawing = [one for one in made if one.path == "drawing.py"]
    counts = Counter(one.context for one in of_drawing)
    share = counts["withheld"] / len(of_drawing)
    assert 0.15 < share < 0.35
    found = [one for one in of_drawing if one.context == "found"]
    assert found
    for one in found:
        assert one.sources
        shown = "".join(piece.text for piece in one.prompt)
        assert "circle.py\n" in shown
        assert "<|file_sep|>" in shown
    assert all(not one.sources for one in of_drawing if one.context != "found")
    assert examples(without_context=1.0)
    assert {one.context for one in examples(without_context=1.0, shares={"line": 1})} == {
        "withheld"
    }


def test_a_file_never_sees_itself() -> None:
    for one in examples(shares={"line": 1.0}, without_context=0.0):
        if one.context == "found":
            names = [
                piece.text.partition("\n")[0]
                for piece, before in zip(one.prompt[1:], one.prompt, strict=False)
                if before.special and before.text == "<|file_sep|>"
            ]
            assert names.count(one.path) == 1  # Its own name, in front of the prefix.


def test_sides_of_the_split_do_not_see_each_other() -> None:
    split = [
        msgspec.structs.replace(SHAPES[0], split="test"),
        msgspec.structs.replace(SHAPES[1], split="train"),
    ]
    made = examples(split, shares={"line": 1.0}, without_context=0.0)
    assert {one.split for one in made} == {"test", "train"}
    assert {one.context for one in made} == {"nothing"}


def test_the_suffix_is_left_out_in_the_stated_share() -> None:
    made = [
        one
        for seed in range(6)
        for one in examples(seed=seed, shares={"line": 1.0}, without_suffix=0.3)
    ]
    without = [one for one in made if not parts(one)["<|fim_suffix|>"]]
    assert 0.2 < len(without) / len(made) < 0.45
    assert all(one.ends for one in without)


def test_shares_of_kinds_and_orders_come_out_as_stated() -> None:
    shares = {"line": 0.5, "plain": 0.25, "characters": 0.25}
    made = [one for seed in range(12) for one in examples(seed=seed, shares=shares)]
    counts = Counter(one.kind for one in made)
    # Middles that come a second time are left out, of lines more than of others.
    assert 0.35 < counts["line"] / len(made) < 0.6
    assert 0.15 < counts["plain"] / len(made) < 0.4
    assert 0.15 < counts["characters"] / len(made) < 0.4
    orders = Counter(one.order for one in made if one.kind != "plain")
    assert set(orders) == {"psm", "suffix-first"}
    assert 0.4 < orders["psm"] / orders.total() < 0.6


def test_plain_text_is_whole_lines_below_the_files_name() -> None:
    long = "".join(f"value_{number} = {number}\n" for number in range(400))
    made = examples([record("long.py", long)], shares={"plain": 1.0})
    lines = set(split_lines(long))
    for one in made:
        assert [piece.text for piece in one.prompt] == ["<|file_sep|>", "long.py\n"]
        assert all(line in lines for line in split_lines(one.completion))
        assert one.ends == long.endswith(one.completion)
        assert one.completion_tokens <= 768 + 192 + 160
    assert {one.ends for one in made} == {True, False}
    (short,) = examples([record("s.py", "x = 1\n")], shares={"plain": 1.0}, most_per_file=1)
    assert short.completion == "x = 1\n"
    assert short.ends


def test_budgets_hold() -> None:
    long = CIRCLE * 20
    budgets = {
        "prefix_tokens": 100, "suffix_tokens": 40, "snippet_tokens": 80,
        "line_tokens": 12, "middle_tokens": 30,
    }  # fmt: skip
    made = examples([record("long.py", long), *SHAPES], shares={
        "line": 1.0, "body": 1.0, "node": 1.0, "characters": 1.0,
    }, **budgets)  # fmt: skip
    assert len(made) > 30
    for one in made:
        own = parts(one)
        prefix = own["<|fim_prefix|>"] + own["<|fim_middle|>"]
        # The cursor's line is shown whatever it costs, and text may be taken back.
        assert estimate_tokens(prefix) <= 100 + 30
        assert estimate_tokens(own["<|fim_suffix|>"]) <= 40 + 30
        assert one.prompt_tokens <= 100 + 40 + 80 + 90
        assert one.completion_tokens <= 30 + 30


def test_the_same_seed_gives_the_same_examples_whatever_else_there_is() -> None:
    assert examples(seed=3) == examples(seed=3)
    assert examples(seed=3) != examples(seed=4)
    drawing = [one for one in examples(seed=3, without_context=1.0) if one.path == "drawing.py"]
    alone = examples([SHAPES[1]], seed=3, without_context=1.0)
    assert [msgspec.structs.replace(one, number=one.number) for one in alone] == drawing


def test_another_process_cuts_the_same() -> None:
    """Nothing depends on the order of sets, which differs from process to process."""
    script = (
        "from tests.corpus.test_fim import examples\n"
        "import hashlib, msgspec\n"
        "print(hashlib.sha256(msgspec.json.encode(examples(seed=3))).hexdigest())"
    )
    digests = {hashlib.sha256(msgspec.json.encode(examples(seed=3))).hexdigest() + "\n"}
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_a_file_that_repeats_gives_more_and_never_the_same_twice() -> None:
    once = examples([SHAPES[0]], most_per_file=3, shares={"characters": 1.0})
    often = examples(
        [msgspec.structs.replace(SHAPES[0], repeats=4)], most_per_file=3, shares={"characters": 1.0}
    )
    assert len(once) <= 3 < len(often) <= 12
    assert len({one.completion + str(one.prompt) for one in often}) == len(often)


def test_a_file_without_a_place_is_dropped_with_a_reason() -> None:
    made = Cutting(rules(shares={"line": 1.0}), 1)([record("empty.py", "}\n"), *SHAPES])
    (drop,) = [one for one in made if isinstance(one, Drop)]
    assert (drop.key, drop.stage, drop.reason.value) == (
        "folder:shapes\nempty.py", "fim", "no-place",
    )  # fmt: skip
    assert made[0] == drop
    assert Cutting(rules(), 1)([]) == []


def test_provenance_comes_along() -> None:
    one = record(
        "a.py", CIRCLE, revision="1.2", date="2026-01-02", licence="MIT",
        licence_class="permissive", split="test", role=Role.TEST, labels={"server": "no"},
    )  # fmt: skip
    made = examples([one])
    assert made
    for example in made:
        assert (example.revision, example.date, example.licence) == ("1.2", "2026-01-02", "MIT")
        assert (example.split, example.role, example.digest) == ("test", "test", one.digest)
        assert example.labels == {"server": "no"}
        assert example.licence_class == "permissive"


def test_special_tokens_in_a_file_stay_text() -> None:
    text = "mark = '<|fim_middle|>'\nother = mark + '<|file_sep|>'\nlast = other\n"
    for one in examples([record("marks.py", text)], shares={"line": 1.0}):
        special = [piece.text for piece in one.prompt if piece.special]
        assert special.count("<|fim_middle|>") == 1


def test_a_value_that_the_server_hides_is_not_taught() -> None:
    # Made up, in the form of an issuer's keys.
    key = "ghp_" + "".join(
        random.Random(5).choices("abcdefghijkmnpqrstuvwxyzABCDEFG0123456789", k=36)
    )
    text = f'import os\n\ntoken = "{key}"\nname = os.getcwd()\nvalue = name + "/x"\n'
    made = examples([record("keys.py", text)], shares={"line": 1.0, "characters": 1.0})
    assert made
    for one in made:
        assert key[4:20] not in one.completion + "".join(piece.text for piece in one.prompt)


@pytest.mark.parametrize("family", [name for name in FORMATS if name != "none"])
def test_every_format_of_the_server_can_be_taught(family: str) -> None:
    made = examples(family=family)
    assert {piece.text for one in made for piece in one.prompt if piece.special} >= {
        FORMATS[family].prefix, FORMATS[family].suffix, FORMATS[family].middle,
    }  # fmt: skip


def test_a_model_that_cannot_fill_in_gets_plain_text_only() -> None:
    made = examples(family="none", shares={"plain": 1.0})
    assert made
    assert all(one.prompt == () for one in made)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"family": "nobody"}, "family: 'nobody'"),
        ({"shares": {"lines": 1.0}}, "shares: 'lines'"),
        ({"shares": {}}, "shares have to be"),
        ({"shares": {"line": -1.0, "plain": 2.0}}, "shares have to be"),
        ({"orders": {"pms": 1.0}}, "orders: 'pms'"),
        ({"without_context": 1.5}, "without_context"),
        ({"most_per_file": 0}, "most_per_file"),
        ({"family": "none"}, "only share may be plain"),
        ({"tokens": 1}, "tokens"),
    ],
)
def test_rules_that_cannot_be_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(wrong, FimRules)


async def test_tokens_are_counted_by_the_engines_worker(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")
    async with counting(Vocabulary(model, "scripted", backend="scripted")) as count:
        assert dict(await count(["a b", "", "a b"])) == {"a b": 3, "": 0}
    async with counting(Vocabulary()) as count:
        assert dict(await count(["abcd"])) == {"abcd": 2}


def test_examples_by_the_worker_are_counted_by_it(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")
    vocabulary = Vocabulary(model, "scripted", backend="scripted")
    made = examples_in(Cutting(rules(most_per_file=3), 1, vocabulary)(SHAPES))
    assert made
    assert all(one.completion_tokens >= len(one.completion.split()) for one in made)


def test_a_vocabulary_that_is_not_here_is_an_error() -> None:
    with pytest.raises(ModelError):
        vocabulary_of("no-such-model")
    assert vocabulary_of("").path is None


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("npm:@scope/left-pad", "left-pad"),
        ("git:host/owner/name.git", "name"),
        ("folder:shapes", "shapes"),
        ("plain", "plain"),
        ("folder:", "folder:"),
    ],
)
def test_names_of_repositories(repository: str, name: str) -> None:
    assert name_of(repository) == name


def test_neighbours_answer_as_the_servers_index() -> None:
    with neighbours_of("folder:shapes", [*SHAPES, record(".env", "KEY=1\n", "shell")]) as found:
        assert found.name == "shapes"
        assert found.paths() == ("circle.py", "drawing.py")
        (definition,) = found.definitions_named(["scaled"])
        assert definition.path == "circle.py"
        lines = found.lines("circle.py")
        assert lines is not None
        assert "".join(lines) == CIRCLE
        assert found.lines(".env") is None
        folder = Path(found.folder)
        assert found.repository(str(folder)) is found
        assert found.repository("/elsewhere") is None
    assert not folder.parent.exists()


def test_an_unfinished_word_may_be_left_to_be_gone_on_from() -> None:
    healed = examples(shares={"line": 1.0}, orders={"growing-middle": 1.0})
    unhealed = examples(shares={"line": 1.0}, orders={"growing-middle": 1.0}, unhealed=1.0)
    assert any(one.healed for one in healed)
    assert not any(one.healed for one in unhealed)
    texts = {one.path: one.text for one in SHAPES}
    assert all(document_of(one) == texts[one.path] for one in unhealed)
    # The prompt ends inside a word somewhere, and the completion goes on with it.
    assert any(
        one.prompt[-1].text[-1:].isalnum() and one.completion[:1].isalnum() for one in unhealed
    )


USING = """\
from circle import Circle


def use() -> None:
    first = Circle(1.0)
""" + "".join(f"    first.scaled({number}.0)\n" for number in range(30))


def test_a_late_comment_names_what_may_come_where_other_files_say_so() -> None:
    def comments(late: float, without_context: float) -> list[str]:
        made = examples(
            [SHAPES[0], record("using.py", USING)],
            shares={"line": 1.0},
            orders={"growing-middle": 1.0},
            late=late,
            without_context=without_context,
        )
        lines = [line for one in made for line in split_lines(one.prompt[-1].text)]
        return [line for line in lines if line.lstrip().startswith("#")]

    assert not comments(late=0.0, without_context=0.0)
    assert any("scaled" in line for line in comments(late=1.0, without_context=0.0))
    assert not comments(late=1.0, without_context=1.0)
