"""How a document's language is recognised, and how a comment is written in it."""

import pytest

from lsp_server.syntax.grammars import grammar, query
from lsp_server.syntax.languages import LANGUAGES, comment_of, language_for, language_of_path


@pytest.mark.parametrize(
    ("identifier", "path", "name"),
    [
        ("python", "", "python"),
        ("typescriptreact", "a.ts", "tsx"),
        ("javascriptreact", "", "javascript"),
        ("shellscript", "", "bash"),
        ("csharp", "", "csharp"),
        ("", "src/App.TSX", "tsx"),
        ("plaintext", "C:\\shop\\basket.rs", "rust"),
        ("", "Gemfile", "ruby"),
        ("", "a/.bashrc", "bash"),
        ("", "a.h", "c"),
        ("cobol", "a.cob", None),
        ("", "", None),
    ],
)
def test_language(identifier: str, path: str, name: str | None) -> None:
    language = language_for(identifier, path)
    assert (language.name if language else None) == name


@pytest.mark.parametrize(
    ("identifier", "path", "marks"),
    [
        ("python", "", ("# ", "")),
        ("html", "", ("<!-- ", " -->")),
        ("css", "", ("/* ", " */")),
        ("lua", "", ("-- ", "")),
        ("haskell", "", ("-- ", "")),
        ("ocaml", "a.ml", ("(* ", " *)")),
        ("", "main.go", ("// ", "")),
        ("", "", ("# ", "")),
    ],
)
def test_comment(identifier: str, path: str, marks: tuple[str, str]) -> None:
    assert comment_of(identifier, path) == marks


def test_no_ending_or_identifier_belongs_to_two() -> None:
    for words in (
        [ending for row in LANGUAGES.values() for ending in row.endings],
        [word for row in LANGUAGES.values() for word in (row.name, *row.identifiers)],
        [file for row in LANGUAGES.values() for file in row.files],
    ):
        assert len(words) == len(set(words))


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_grammar_and_queries_load(name: str) -> None:
    assert grammar(name)
    assert query(name, "outline")
    assert query(name, "places")
    assert language_of_path(f"a{LANGUAGES[name].endings[0]}") is LANGUAGES[name]
