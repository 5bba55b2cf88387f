"""What an editor excludes, as patterns that the rest of fimbul understands."""

from typing import Any

import pytest

from lsp_server.privacy.editor_globs import MOST, ignore_patterns
from lsp_server.privacy.off import is_off


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("**/.git", ".git/config", True),
        ("**/node_modules", "web/node_modules/a/b.js", True),
        ("**/node_modules", "web/node_module.js", False),
        ("build", "build/a.py", True),
        ("build", "src/build/a.py", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/deep/a.py", False),
        ("gen/**", "gen/deep/a.py", True),
        ("**/*.{js,map}", "web/a.map", True),
        ("**/*.{js,map}", "web/a.ts", False),
        ("{a,b/{c,d}}.py", "b/d.py", True),
        ("{a,b/{c,d}}.py", "c.py", False),
        ("**/x{,y}.py", "x.py", True),
        ("broken{", "broken{", True),
        ("!keep.py", "keep.py", False),
        ("!keep.py", "!keep.py", True),
        ("#a.py", "#a.py", True),
        ("a b ", "a b ", True),
        ("a b ", "a b", False),
        ("./a.py", "a.py", True),
        ("**/a.[ch]", "src/a.c", True),
    ],
)
def test_patterns_mean_what_they_mean_in_the_editor(
    pattern: str, path: str, excluded: bool
) -> None:
    assert is_off(path, ignore_patterns([pattern])) is excluded


@pytest.mark.parametrize(
    "sent", [None, 3, "a.py", True, [None, 3, "", "/", "a\nb"], {"a": False}, {"a": {"when": "b"}}]
)
def test_what_is_no_exclusion_excludes_nothing(sent: Any) -> None:
    assert ignore_patterns(sent) == ()


def test_an_object_excludes_what_is_true() -> None:
    assert ignore_patterns({"**/a": True, "**/b": False, "**/c": 1}) == ("**/a",)


def test_a_bomb_of_braces_is_cut() -> None:
    assert len(ignore_patterns(["{a,b}" * 40])) == MOST
