import json
from pathlib import Path

import pytest

from lsp_server.cli.main import main
from lsp_server.cli.session import read_place
from lsp_server.errors import FimbulError
from lsp_server.types import Position
from tests.server.editor import write_script


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_text("x = 1\ny = é😀\n\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("place", "position"),
    [
        ("1:5", Position(0, 4)),
        ("1", Position(0, 5)),
        ("2:7", Position(1, 6)),
        ("3", Position(2, 0)),
        ("4:1", Position(3, 0)),
    ],
)
def test_places_count_from_one(place: str, position: Position, file: Path) -> None:
    request = read_place(f"{file}:{place}")
    assert request.position == position
    assert request.document.language == "python"


@pytest.mark.parametrize("place", ["0", "5", "1:0", "1:7", "99:1"])
def test_places_that_do_not_exist_are_named(place: str, file: Path) -> None:
    with pytest.raises(FimbulError, match=r"has no line"):
        read_place(f"{file}:{place}")


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfe\x00", "not text in UTF-8"), (None, "cannot be read")]
)
def test_files_that_cannot_be_read(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "b.py"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FimbulError, match=said):
        read_place(f"{path}:1")


def test_a_suggestion_is_drawn_into_the_file(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = write_script(tmp_path, {"after": "x =", "answer": " 42 +"})
    status = main(["complete", f"{file}:1:4", "--engine", "scripted", "--script", str(script)])
    shown = capsys.readouterr().out
    assert status == 0
    assert "x =├ 42 +┤ 1" in shown
    assert "context" in shown
    assert "prefill" in shown


def test_nothing_says_why_and_shows_in_the_status(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = write_script(tmp_path, {"answer": ""})
    arguments = ["complete", f"{file}:3", "--engine", "scripted", "--script", str(script)]
    assert main(arguments) == 2
    assert "The model had nothing to add here." in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["reason"] == "empty"


def test_options_can_be_set(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["complete", f"{file}:1", "--engine", "scripted"]
    assert main([*base, "--set", "completion.enable=false"]) == 2
    assert "switched off" in capsys.readouterr().out
    assert main([*base, "--set", "nonsense"]) == 1
    assert "OPTION=VALUE" in capsys.readouterr().err
    assert main([*base, "--set", "completion.max_tokens=many"]) == 0
    assert "completion.max_tokens is 'many'" in capsys.readouterr().err


@pytest.mark.engine
def test_without_a_model_it_says_what_to_do(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complete", f"{file}:1"]) == 1
    assert "fimbul models pull" in capsys.readouterr().err


def test_a_body_is_completed_up_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.py"
    file.write_text("def f(x):\n    \n\n\ny = f(1)\n")
    script = write_script(tmp_path, {"answer": "if x:\n        return 1\n    return 2\ny = 1\n"})
    place = ["complete", f"{file}:2:5", "--engine", "scripted", "--script", str(script)]
    assert main([*place, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["surface"] == "function"
    assert found["text"] == "if x:\n        return 1\n    return 2"
    assert main(place) == 0
    shown = capsys.readouterr().out
    assert "    2      ├if x:\n               return 1\n           return 2┤\n" in shown
    assert main([*place, "--set", "completion.surfaces=['line']", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "if x:"
