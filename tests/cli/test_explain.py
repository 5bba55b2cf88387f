"""What `fimbul explain` prints; the engine is scripted, the repository is real."""

import json
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli.main import main
from tests.server.editor import write_script

STORE = (
    "class Store:\n"
    '    """Keeps what was put in."""\n'
    "\n"
    "    def fetch_it(self, name: str, fallback: int = 0) -> int:\n"
    "        return fallback\n"
    "\n" + "\n" * 12 + "    def put_it(self, name: str) -> None:\n"
    "        pass\n"
)
CART = (
    "from shop.store import Store\n"
    "\n"
    "\n"
    "class Cart:\n"
    "    def total(self, store: Store) -> int:\n"
    "        return store.\n"
    "\n"
    "    def clear(self) -> None:\n"
    "        pass\n"
)
PLACE = "6:22"
"""Behind ``store.``."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "market"
    files = {
        ".git/HEAD": "ref: refs/heads/main\n",
        "shop/__init__.py": "",
        "shop/store.py": STORE,
        "shop/cart.py": CART,
        "shop/basket.py": CART.replace("Cart", "Basket").replace("store.", "store.put_it('a')"),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def explain(file: Path, *more: str, place: str = PLACE) -> int:
    return main(["explain", f"{file}:{place}", "--engine", "scripted", *more])


WITH_HINT = ("--set", "context.hint_tokens=40")


def as_json(
    capsys: pytest.CaptureFixture[str], file: Path, *more: str, place: str = PLACE
) -> dict[str, Any]:
    assert explain(file, "--json", *more, place=place) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def prompt_of(found: dict[str, Any]) -> str:
    return "".join(segment["text"] for segment in found["prompt"] if not segment["special"])


def test_the_text_shows_place_candidates_and_prompt(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(repository / "shop/cart.py", *WITH_HINT) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[:3] == [
        "shop/cart.py:6:22, python, in code",
        "inside Cart > total",
        "index: 4 files, 1 left out (1 tool-folder)",
    ]
    (summary,) = (line for line in lines if line.endswith("tokens") and "candidates" in line)
    assert "taken" in summary
    assert "of 320 tokens" in summary
    assert any(line.startswith("taken: shop/store.py:1 (") for line in lines)
    assert "left of the dot" in shown
    (above,) = (line for line in lines if line.startswith("above the current line: "))
    assert "Store: " in above
    assert "fetch_it" in above
    prompt = shown.partition("the prompt for scripted, ")[2]
    assert "⟨<|repo_name|>⟩market\n" in prompt
    assert "⟨<|file_sep|>⟩shop/store.py\n" in prompt
    assert "⟨<|file_sep|>⟩shop/cart.py\n" in prompt
    assert "the answer has to begin with '.' (token healing)" in prompt


def test_the_json_holds_all_that_the_text_shows(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = as_json(capsys, repository / "shop/cart.py")
    assert found["place"] == "shop/cart.py:6:22"
    assert found["model"] == "scripted"
    assert (found["language"], found["in"]) == ("python", "code")
    assert found["enclosing"] == ["Cart", "total"]
    assert found["index"] == "4 files, 1 left out (1 tool-folder)"
    assert found["budget"] == 320
    taken = [row for row in found["candidates"] if row["verdict"] == "taken"]
    assert found["spent"] == sum(row["tokens"] for row in taken) <= found["budget"]
    best = found["candidates"][0]
    assert (best["path"], best["verdict"], best["source"]) == ("shop/store.py", "taken", "members")
    assert {"members", "imports"} <= set(best["sources"])
    assert best["why"] == "left of the dot"
    assert (best["first_line"], best["end_line"]) == (1, 20)
    assert "def fetch_it(self, name: str, fallback: int = 0) -> int" in best["text"]
    scores = [row["score"] for row in found["candidates"] if row["verdict"] != "switched-off"]
    assert scores == sorted(scores, reverse=True)


def test_the_prompt_is_what_the_model_would_get(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = as_json(capsys, repository / "shop/cart.py", *WITH_HINT)
    text = prompt_of(found)
    assert found["hint"]
    for row in found["candidates"]:
        assert row["verdict"] != "taken" or row["text"] in text
    assert found["hint"].strip() in text
    assert (text + found["healed"]).endswith("        return store.")
    assert all(segment["tokens"] == 1 for segment in found["prompt"] if segment["special"])
    assert all(segment["tokens"] > 0 for segment in found["prompt"])


def test_every_verdict_is_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = as_json(capsys, repository / "shop/cart.py", "--set", "context.snippet_tokens=1")
    assert {row["verdict"] for row in small["candidates"]} >= {"no-room"}
    assert small["spent"] == 0
    one = as_json(capsys, repository / "shop/cart.py", "--set", "context.sources=['twin']")
    assert {row["verdict"] for row in one["candidates"]} == {"switched-off"}


def test_without_sources_candidates_are_shown_and_not_taken(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    off = ("--set", "context.sources=[]")
    found = as_json(capsys, repository / "shop/cart.py", *off)
    assert found["candidates"]
    assert {row["verdict"] for row in found["candidates"]} == {"switched-off"}
    assert "class Store" not in prompt_of(found)
    assert explain(repository / "shop/cart.py", *off) == 0
    assert "source switched off: shop/store.py:1" in capsys.readouterr().out


def test_the_answer_does_not_leak_from_the_file_itself(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = as_json(capsys, repository / "shop/cart.py", place="5:5")
    assert all(row["path"] != "shop/cart.py" for row in found["candidates"])


def test_the_same_place_gives_the_same_bytes(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = as_json(capsys, repository / "shop/cart.py")
    assert as_json(capsys, repository / "shop/cart.py") == first


def test_a_file_in_no_folder_has_only_its_own_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "alone.klingon"
    file.write_text("yI\nbIjatlh 'e' yImev\n")
    found = as_json(capsys, file, place="2")
    assert found["index"] == "none, since the file lies in no workspace folder"
    assert (found["language"], found["candidates"], found["hint"]) == ("", [], "")
    assert prompt_of(found) + found["healed"] == "yI\nbIjatlh 'e' yImev"
    assert explain(file, place="2") == 0
    shown = capsys.readouterr().out
    assert "no grammar" in shown
    assert "above the current line: nothing" in shown


def test_a_folder_can_be_given(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = str(repository / "shop")
    found = as_json(capsys, repository / "shop/cart.py", "--folder", inner)
    assert found["place"] == "cart.py:6:22"
    assert found["index"] == "4 files"
    assert "shop" in prompt_of(found)


def test_an_index_can_be_left_out(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, repository / "shop/cart.py", "--set", "context.index=false")
    assert found["index"] == "none (context.index is off)"
    assert found["candidates"] == []


def test_a_workspace_file_restricts(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / ".fimbul.toml").write_text("[context]\nsnippet_tokens = 7\n")
    assert as_json(capsys, repository / "shop/cart.py")["budget"] == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{root}/shop/cart.py",), "is not FILE:LINE or FILE:LINE:COLUMN"),
        (("{root}/shop/cart.py:99:1",), "has no line 99"),
        (("{root}/shop/cart.py:1:99",), "has no line 1, column 99"),
        (("{root}/shop/none.py:1:1",), "cannot be read"),
        (("{root}/binary.py:1:1",), "is not text in UTF-8"),
        (("{root}/shop/cart.py:1:1", "--folder", "{root}/other"), "does not lie in the folder"),
        (("{root}/shop/cart.py:1:1", "--set", "nonsense"), "OPTION=VALUE"),
    ],
)
def test_errors_say_what_is_wrong(
    arguments: tuple[str, ...],
    said: str,
    repository: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (repository / "other").mkdir()
    (repository / "binary.py").write_bytes(b"\xff\xfe\x00")
    given = [argument.format(root=repository) for argument in arguments]
    assert main(["explain", *given, "--engine", "scripted"]) == 1
    shown = capsys.readouterr()
    assert said in shown.err
    assert not shown.out


def test_a_broken_script_is_named(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = write_script(tmp_path, {"nonsense": 1})
    assert explain(repository / "shop/cart.py", "--script", str(script)) == 1
    assert str(script) in capsys.readouterr().err


@pytest.mark.engine
def test_without_a_model_it_says_what_to_do(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", f"{repository}/shop/cart.py:{PLACE}"]) == 1
    assert "fimbul models pull" in capsys.readouterr().err


def test_it_says_what_was_replaced(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = "tr0ub4" + "dor&3"
    file = repository / "shop" / "cart.py"
    file.write_text(CART + f'password = "{value}"\n')
    shown = as_json(capsys, file)
    assert shown["replaced"] == {"named": 1}
    assert value not in json.dumps(shown["prompt"])
    assert explain(file) == 0
    assert "that were replaced: 1 (1 named)" in capsys.readouterr().out


def test_a_file_that_is_not_looked_into_is_not_shown(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / ".env").write_text("A=1\n")
    assert explain(repository / ".env", place="1:1") != 0
    assert "holds passwords or keys" in capsys.readouterr().err
