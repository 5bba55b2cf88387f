"""What is least sure or was corrected is chosen, and nothing twice."""

import json
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fimbul_models.corpus.active import (
    FEEDBACK,
    WHOLE_FILE,
    ActiveRules,
    Candidate,
    Likelihood,
    choose,
    corrections,
    located,
    read_corrections,
    read_likelihoods,
    unlike_first,
    unsure_files,
    unsure_places,
)
from fimbul_models.corpus.keeping import RECORDS, write_rows
from fimbul_models.errors import RecipeError
from fimbul_models.main import main
from lsp_server.feedback.records import Fate, Known, Suggestion, Texts
from lsp_server.feedback.store import open_store
from tests.corpus.toys import record


def text(seed: int, count: int = 80) -> str:
    chance = random.Random(seed)
    return " ".join(f"name{chance.randrange(1000)}" for _ in range(count))


def unsure(number: int, likelihood: float, repository: str = "", says: str = "") -> Candidate:
    repository = repository or f"git:{number}"
    return Candidate(
        key=f"{repository}\n{number}.py",
        repository=repository,
        language="python",
        text=says or text(number),
        likelihood=likelihood,
    )


def correction(number: int, changed: float) -> Candidate:
    return Candidate(
        key=f"{FEEDBACK}\n{number}",
        repository=FEEDBACK,
        language="python",
        text=text(1000 + number),
        corrected=changed,
        fate="rejected",
    )


def keys(chosen: list[Candidate]) -> list[str]:
    return [one.key.replace("\n", " ") for one in chosen]


def test_the_least_likely_are_chosen_first_whatever_their_order() -> None:
    candidates = [unsure(number, -0.1 * number) for number in range(30)]
    random.Random(1).shuffle(candidates)
    chosen = choose(candidates, ActiveRules(count=3))
    assert keys(chosen) == ["git:29 29.py", "git:28 28.py", "git:27 27.py"]


def test_length_does_not_make_a_place_unsure() -> None:
    one = record("git:a", "a.py", text(1, 400))
    likelihoods = [
        Likelihood(one.key, (-0.2,) * 40, offset=10),
        Likelihood(one.key, (-1.0, -2.0), offset=2000),
        Likelihood(one.key, (-3.0,) * 65, offset=1000),
        Likelihood(one.key, (-3.0,), offset=len(one.text) + 1),
        Likelihood("git:b\nb.py", (-3.0,), offset=0),
    ]
    rules = ActiveRules()
    places = list(unsure_places([one], likelihoods, rules))
    assert [(place.offset, place.likelihood) for place in choose(places, rules)] == [
        (2000, -1.5),
        (10, pytest.approx(-0.2)),
    ]


def test_what_says_nearly_the_same_is_chosen_once() -> None:
    same = text(1)
    candidates = [unsure(1, -3, says=same), unsure(2, -2, says=same + " more"), unsure(3, -1)]
    assert keys(choose(candidates, ActiveRules())) == ["git:1 1.py", "git:3 3.py"]
    assert keys(choose(candidates, ActiveRules(), labelled=[same])) == ["git:3 3.py"]


def test_one_repository_has_only_its_share() -> None:
    candidates = [unsure(number, -5, "git:large") for number in range(10)]
    candidates += [unsure(20 + number, -1) for number in range(3)]
    chosen = choose(candidates, ActiveRules(per_repository=4))
    assert [one.repository for one in chosen].count("git:large") == 4
    assert len(chosen) == 7
    assert len(choose(candidates, ActiveRules(per_repository=0))) == 13


def test_corrections_come_first_up_to_their_share() -> None:
    corrected = [correction(number, (number + 1) / 10) for number in range(8)]
    candidates = [*corrected, *(unsure(number, -1) for number in range(3))]
    chosen = choose(candidates, ActiveRules(count=8, corrected=0.5))
    assert [one.corrected for one in chosen[:4]] == [0.8, 0.7, 0.6, 0.5]
    assert [one.corrected for one in chosen[4:]] == [0, 0, 0, 0.4]
    assert len(choose(corrected, ActiveRules(count=8, corrected=0.5))) == 8


def test_files_are_judged_by_their_likeliest_class() -> None:
    records = [record("git:a", f"{number}.py", text(number)) for number in range(3)]
    chances = np.array([[0.9, 0.1], [0.5, 0.5], [0.3, 0.7]])
    chosen = choose(unsure_files(records, chances), ActiveRules())
    assert keys(chosen) == ["git:a 1.py", "git:a 2.py", "git:a 0.py"]


def suggestion(number: int, fate: Fate) -> Suggestion:
    return Suggestion(
        id=number, at=number, language="python", surface="line", model="m", trigger="automatic",
        latency=1.0, length=10, lines=1, chance=0.5, was_part=False, was_kept=False, stood=1.0,
        shown_known=Known.REPORTED, fate=fate, fate_known=Known.REPORTED, accepted=0, typed=0,
    )  # fmt: skip


def test_only_kept_texts_that_were_changed_are_corrections(tmp_path: Path) -> None:
    file = tmp_path / "feedback.sqlite"
    assert read_corrections(file) == []
    store, _ = open_store(file)
    store.write(
        [
            suggestion(1, Fate.REJECTED),
            Texts(1, "return one + other", "return one * other"),
            suggestion(2, Fate.WHOLE),
            Texts(2, "print(value)", "print(value)"),
            suggestion(3, Fate.LINE),
            Texts(3, "total = 1", "count = 2"),
            suggestion(4, Fate.IGNORED),
            Texts(4, "a", "b"),
            suggestion(5, Fate.REJECTED),
            Texts(5, "deleted", "  \n"),
            # The user had not opted in then.
            suggestion(6, Fate.REJECTED),
        ],
        max_bytes=10**9,
    )
    store.close()
    found = read_corrections(file)
    assert [(one.key, one.fate, one.suggested) for one in found] == [
        (f"{FEEDBACK}\n1", "rejected", "return one + other"),
        (f"{FEEDBACK}\n3", "line", "total = 1"),
    ]
    assert found[0].corrected == 0.25


def test_a_correction_is_found_where_it_stands_and_only_if_that_is_sure() -> None:
    stands = "result = compute_everything(once)"
    corrected = [
        msgspec.structs.replace(correction(1, 0.5), text=stands + "\n"),
        msgspec.structs.replace(correction(2, 0.5), text="x = 1"),
        msgspec.structs.replace(correction(3, 0.5), text="the_same_text_in_two_files()"),
        msgspec.structs.replace(correction(4, 0.5), text="this_stands_twice_in_one_file()"),
        msgspec.structs.replace(correction(5, 0.5), text=stands, language="rust"),
    ]
    twice = "this_stands_twice_in_one_file()\n" * 2
    records = [
        record("git:a", "a.py", f"x = 1\n{stands}\nthe_same_text_in_two_files()\n"),
        record("git:b", "b.py", f"the_same_text_in_two_files()\n{twice}"),
    ]
    found = located(corrected, records)
    assert (found[0].key, found[0].repository, found[0].offset) == ("git:a\na.py", "git:a", 6)
    assert found[1:] == corrected[1:]


def test_new_things_come_first_in_a_review() -> None:
    same = text(1)
    texts = (same, same + " x", text(2), text(3))
    records = [record(f"git:{n}", "a.py", one) for n, one in enumerate(texts)]
    assert unlike_first([0, 1, 2, 3], records, [], ActiveRules()) == [0, 2, 3, 1]
    assert unlike_first([3, 2, 1, 0], records, [same], ActiveRules()) == [3, 2, 1, 0]
    assert unlike_first([0, 2, 3, 1], records, [same], ActiveRules(count=1)) == [2, 0, 3, 1]


def test_the_command_writes_what_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stands = "result = compute_everything(once)"
    records = [record("git:a", f"{n}.py", f"{text(n)}\n{stands}{n}\n") for n in range(4)]
    write_rows(tmp_path / "records" / "a.parquet", RECORDS, records)
    likelihoods = tmp_path / "likelihoods.jsonl"
    likelihoods.write_bytes(
        b"\n".join(
            msgspec.json.encode(Likelihood(one.key, (-1.0 - n,))) for n, one in enumerate(records)
        )
    )
    feedback = tmp_path / "feedback.sqlite"
    store, _ = open_store(feedback)
    store.write(
        [
            suggestion(1, Fate.REJECTED),
            Texts(1, "result = 1", f"{stands}2"),
            suggestion(2, Fate.REJECTED),
            Texts(2, "one()", "other()"),
        ],
        max_bytes=10**9,
    )
    store.close()
    output = tmp_path / "chosen.jsonl"
    arguments = ["choose", "--records", str(tmp_path / "records"), "--output", str(output)]
    assert main(arguments) == 1
    assert "--likelihoods" in capsys.readouterr().err
    assert main([*arguments, "--count", "0", "--feedback", str(feedback)]) == 1
    assert not output.exists()
    given = ["--likelihoods", str(likelihoods), "--feedback", str(feedback), "--count", "4"]
    assert main([*arguments, *given]) == 0
    assert "4 of 6 were chosen, 2 of them corrections" in capsys.readouterr().out
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert {(line["key"], line["offset"]) for line in lines[:2]} == {
        ("git:a\n2.py", len(text(2)) + 1),
        (f"{FEEDBACK}\n2", WHOLE_FILE),
    }
    assert [line["key"] for line in lines[2:]] == ["git:a\n3.py", "git:a\n1.py"]
    assert sum("became" in line for line in lines) == 1


def test_rows_without_texts_are_no_corrections() -> None:
    assert corrections([{"id": 1, "fate": "rejected", "language": "python"}], {}) == []


def test_likelihoods_are_read_or_their_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "likelihoods.jsonl"
    file.write_text('{"key": "git:a\\na.py", "logprobs": [-1, -0.5], "offset": 7}\n')
    (one,) = read_likelihoods(file)
    assert (one.by_token, one.offset) == (-0.75, 7)
    for line in (
        '{"key": "a", "logprobs": []}',
        '{"key": "a", "logprobs": [0.5]}',
        "[",
        '{"a": 1}',
    ):
        file.write_text(json.dumps({"key": "a", "logprobs": [-1.0]}) + "\n" + line)
        with pytest.raises(RecipeError, match="line 2"):
            read_likelihoods(file)
    with pytest.raises(RecipeError, match="cannot be read"):
        read_likelihoods(tmp_path / "none")
    assert Likelihood("a", (-1.0,)).offset == WHOLE_FILE


@pytest.mark.parametrize("wrong", [{"count": 0}, {"corrected": 2}, {"similarity": 0}])
def test_rules_without_meaning_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"(has|have) to be"):
        ActiveRules(**wrong)  # type: ignore[arg-type]
