"""Lists that a user or a policy writes: files that are off, models that may be used."""

from collections.abc import Iterable

import pytest

from lsp_server.catalogue.allowed import asks_for_digests, is_allowed
from lsp_server.privacy import off
from lsp_server.privacy.off import OffFiles, is_off

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ([], True),
        (["mine"], True),
        (["other"], False),
        ([f"sha256:{DIGEST}"], True),
        ([f"SHA256:{DIGEST.upper()}"], True),
        (["other", "sha256:" + "0" * 64], False),
        ([DIGEST], False),
    ],
)
def test_a_model_is_allowed_by_name_or_digest(allowed: list[str], expected: bool) -> None:
    assert is_allowed(allowed, "mine", DIGEST) is expected


def test_without_a_digest_only_the_name_counts() -> None:
    assert is_allowed(["mine"], "mine", None)
    assert not is_allowed([f"sha256:{DIGEST}"], "mine", None)
    assert not is_allowed(["sha256:"], "mine", "")


def test_digests_are_worked_out_only_where_some_are_listed() -> None:
    assert asks_for_digests([f"sha256:{DIGEST}"])
    assert not asks_for_digests(["mine", "/opt/adapter.gguf"])


@pytest.mark.parametrize(
    ("path", "patterns", "expected"),
    [
        ("a.py", [], False),
        ("a.py", ["*.py"], True),
        ("deep/down/a.py", ["*.py"], True),
        ("legal/contract.md", ["/legal/"], True),
        ("src/legal/contract.md", ["/legal/"], False),
        ("src/legal/contract.md", ["legal/"], True),
        ("src/a.tf", ["*.tf", "!src/"], True),
        ("keep.py", ["*.py", "!keep.py"], False),
        ("keep.py", ["!keep.py", "*.py"], True),
    ],
)
def test_patterns_are_those_of_a_gitignore(path: str, patterns: list[str], expected: bool) -> None:
    assert is_off(path, patterns) is expected
    assert OffFiles(patterns).among(lambda: [path]) == ({path} if expected else set())


def test_paths_are_not_asked_for_in_vain() -> None:
    def ask() -> list[str]:
        raise AssertionError("nothing is off")

    assert OffFiles(()).among(ask) == frozenset()


def test_a_path_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []

    class Spec:
        def match_files(self, paths: Iterable[str]) -> list[str]:
            judged.extend(paths)
            return [path for path in judged if path.endswith(".x")]

    monkeypatch.setattr(off, "_specs", lambda _: (Spec(),))
    files = OffFiles(["*.x"])
    assert files.among(lambda: ["a.py", "b.x"]) == {"b.x"}
    assert files.among(lambda: ["a.py", "b.x", "c.x"]) == {"b.x", "c.x"}
    assert judged == ["a.py", "b.x", "c.x"]
