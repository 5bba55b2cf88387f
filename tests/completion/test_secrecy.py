"""Documents as the stages see them, while they are edited; and which are not used at all."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.secret_values import SECRETS
from lsp_server.completion.secrecy import Secrecy, file_of
from lsp_server.config.options import PrivacyOptions
from lsp_server.privacy.secrets import redact
from lsp_server.types import Document, Rejection, RejectionReason

CHANCE = random.Random(11)
LINES = [f"line_{number} = {number}\n" for number in range(40)]


def document(lines: list[str], version: int = 1, **more: str) -> Document:
    return Document("file:///w/a.py", "python", version, (*lines, ""), **more)


def piece() -> list[str]:
    """Lines that an edit puts in: code, secrets, and private keys or parts of them."""
    kind = CHANCE.choice(SECRETS)
    rows = kind.value(CHANCE).split("\n")
    text = [f'password = "{row}"\n' for row in rows] if len(rows) == 1 else [f"{r}\n" for r in rows]
    return CHANCE.choice([text, text[: len(text) // 2], ["x = 1\n"], []])


@pytest.mark.parametrize("seed", range(8))
def test_edits_lead_to_the_same_as_looking_anew(seed: int) -> None:
    CHANCE.seed(seed)
    secrecy, lines = Secrecy(), list(LINES)
    for version in range(40):
        at = CHANCE.randrange(len(lines) + 1)
        lines[at : at + CHANCE.randrange(4)] = piece()
        now = document(lines, version)
        shown = secrecy.document(now)
        assert shown.lines == redact(now.lines)
        assert secrecy.document(shown).lines == shown.lines
        # What may come to be is asked about in between, and changes nothing.
        tried = replace(shown, lines=(*shown.lines[:at], *piece(), *shown.lines[at:]))
        assert secrecy.document(tried).lines == redact(tried.lines)
        assert secrecy.document(now).lines == shown.lines


def test_a_document_without_secrets_stays_itself() -> None:
    found = document(LINES)
    assert Secrecy().document(found) is found


def test_values_are_counted_and_known_again() -> None:
    secrecy = Secrecy()
    value = "".join(CHANCE.choices("abcdefgh01234567XYZ", k=30))
    secrecy.document(document([f'api_key = "{value}"\n']))
    assert secrecy.replaced.total() == 1
    assert secrecy.reveals("x = ", f'"{value}"')
    assert not Secrecy().reveals("x = ", f'"{value}"')


def test_values_are_counted_as_they_stand_however_often_they_are_typed() -> None:
    secrecy = Secrecy()
    value = "".join(CHANCE.choices("abcdefgh01234567XYZ", k=30))
    for length in range(len(value)):
        secrecy.document(document([f'api_key = "{value[:length]}"\n', "x = 1\n"], length))
    assert secrecy.replaced.total() == 1
    secrecy.document(document(["x = 2\n", f'api_key = "{value}"\n', f'token = "{value}"\n'], 40))
    assert secrecy.replaced.total() == 2
    other = document([f'password = "{value}"\n'])
    secrecy.document(replace(other, uri="file:///w/b.py"))
    secrecy.forget("file:///w/b.py")
    assert secrecy.replaced.total() == 3
    secrecy.document(document(["x = 2\n"], 41))
    assert secrecy.replaced.total() == 1


async def reason(secrecy: Secrecy, folder: Path, path: str) -> RejectionReason | None:
    uri = (folder / path).as_uri()
    found = Document(uri, "python", 1, ("",), path, str(folder))
    outcome = await secrecy.withheld(found)
    assert outcome is None or isinstance(outcome, Rejection)
    return None if outcome is None else outcome.reason


async def test_files_are_withheld_by_name_and_by_rule(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("build/\n*.log\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".fimbulignore").write_text("private.py\n")
    secrecy = Secrecy()
    assert await reason(secrecy, tmp_path, "a.py") is None
    assert await reason(secrecy, tmp_path, "sub/other.py") is None
    for path in ("build/a.py", "sub/x.log", "build/deep/er/a.py"):
        assert await reason(secrecy, tmp_path, path) is RejectionReason.IGNORED_FILE
    assert await reason(secrecy, tmp_path, "sub/private.py") is RejectionReason.EXCLUDED_FILE
    for path in (".env", "sub/id_rsa", ".aws/credentials", "infra/a.tfstate"):
        assert await reason(secrecy, tmp_path, path) is RejectionReason.SECRET_FILE


async def test_rules_that_change_are_read_anew(tmp_path: Path) -> None:
    secrecy = Secrecy()
    assert await reason(secrecy, tmp_path, "a.py") is None
    rules = tmp_path / ".fimbulignore"
    rules.write_text("a.py\n")
    secrecy.files_changed([str(tmp_path / "b.py")])
    assert await reason(secrecy, tmp_path, "a.py") is None
    secrecy.files_changed([str(rules)])
    assert await reason(secrecy, tmp_path, "a.py") is RejectionReason.EXCLUDED_FILE


async def test_only_what_git_alone_ignores_may_get_suggestions(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("build/\n*.log\n")
    (tmp_path / ".fimbulignore").write_text("build/private.py\n")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / ".fimbulignore").write_text("keys.py\n")
    secrecy, wanted = Secrecy(), PrivacyOptions(suggest_in_ignored=True)
    for path, refused in (
        ("a.py", None),
        ("build/a.py", None),
        ("x.log", None),
        ("build/private.py", RejectionReason.EXCLUDED_FILE),
        ("build/keys.py", RejectionReason.EXCLUDED_FILE),
        ("build/.env", RejectionReason.SECRET_FILE),
    ):
        found = Document((tmp_path / path).as_uri(), "python", 1, ("",), path, str(tmp_path))
        outcome = await secrecy.refused(found, wanted)
        assert (outcome.reason if outcome else None) is refused, path
        # They are withheld from everything else all the same, and unless somebody asks for it.
        assert (await secrecy.withheld(found) is None) == (path == "a.py")
        assert (await secrecy.refused(found, PrivacyOptions()) is None) == (path == "a.py")


async def test_a_link_to_a_secret_file_is_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / "settings.txt").symlink_to(tmp_path / ".env")
    assert await reason(Secrecy(), tmp_path, "settings.txt") is RejectionReason.SECRET_FILE


async def test_a_file_outside_of_all_folders_is_judged_too(tmp_path: Path) -> None:
    for name, expected in ((".netrc", RejectionReason.SECRET_FILE), ("a.py", None)):
        found = Document((tmp_path / name).as_uri(), "python", 1, ("",))
        outcome = await Secrecy().withheld(found)
        assert (outcome.reason if outcome else None) is expected


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "vscode-notebook-cell:/w/a.ipynb#x", "a"])
def test_what_is_no_file_has_no_name(uri: str) -> None:
    assert file_of(Document(uri, "python", 1, ("",))) is None


def test_a_name_with_spaces_and_a_drive_is_understood() -> None:
    found = file_of(Document("file:///c%3A/a%20b/x.py", "python", 1, ("",)))
    assert found == (Path("c:/a b"), "x.py")
