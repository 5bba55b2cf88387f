"""Tokens: what is one, what is none, and that a part of a text has those of the whole."""

import time

import pytest

from lsp_server.references.tokens import IDENTIFIER, Lexer, hashes_of


def tokens(text: str, language: str) -> list[str]:
    return [text[begin:end] for begin, end in Lexer().spans(text, language)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", "a = f(b)  # why\n# more\nc", "a = f ( b ) c"),
        ("python", "x = 'it # is' + \"#\"", "x = 'it # is' + \"#\""),
        ("python", '"""Say.\n\nMore # not this\n"""', '""" Say . More """'),
        ("python", "don't = 1\nnext", "don 't = 1 next"),
        ("c", "int a; // why\n/* no\n * no */ b /* c", "int a ; b"),
        ("javascript", "f(`a ${b} // c`)\nd", "f ( ` a $ { b } d"),
        ("javascript", "u = 'http://x/*'; v", "u = 'http://x/*' ; v"),
        ("lua", "a --[[ b\n c ]] d -- e\nf", "a d f"),
        ("ruby", "a\n=begin\nb\n=end\nc #{d}", "a c"),
        ("ruby", "a = b#{c", "a = b # { c"),
        ("bash", "echo $# # a\nb", "echo $ # b"),
        ("sql", "SELECT a -- b\nFROM c /* d */", "SELECT a FROM c"),
        ("html", "<p> <!-- a\n b --> c", "< p > c"),
        ("rust", "fn a<'b>(c: &'b str) {}", "fn a < ' b > ( c : & ' b str ) { }"),
        ("haskell", "a -- b\nc", "a c"),
        ("ocaml", "a (* b\n c *) d", "a d"),
        ("python", "=======\n..... .. >>", "======= ..... . . > >"),
    ],
)
def test_comments_and_white_space_are_no_tokens(language: str, text: str, expected: str) -> None:
    found = tokens(text, language)
    assert " ".join(found) == expected
    assert Lexer().read(text, language).hashes.tolist() == hashes_of(found).tolist()


def test_identifiers_are_told_from_keywords_and_marks() -> None:
    hashes = Lexer().read("return name + _x1 if 12 else 'b'", "python").hashes
    names = [bool(value & IDENTIFIER) for value in hashes.tolist()]
    assert names == [False, True, False, True, False, False, False, False]


def test_lines_count_those_within_comments() -> None:
    text = "a\n\n/* x\n y */ b\n// z\r\nc d"
    assert Lexer().read(text, "c").lines.tolist() == [1, 4, 6, 6]


def test_a_part_of_a_text_has_its_tokens() -> None:
    # Where a part begins within a string of several lines, what was in it seems to be outside.
    text = (
        'def f():\n    """Do it.\n\n    Don\'t.\n    """\n    return "a", g("""b\n# c\n""")\n' * 5
    )
    lexer = Lexer()
    spans = lexer.spans(text, "python")
    hashes = lexer.read(text, "python").hashes.tolist()
    for first in range(len(spans) - 20):
        part = text[spans[first][0] : spans[first + 19][1]]
        assert lexer.read(part, "python").hashes.tolist() == hashes[first : first + 20]


@pytest.mark.parametrize("text", ['"\\"' * 60_000, "/*" * 120_000, "'" * 240_000, "-" * 240_000])
@pytest.mark.parametrize("language", ["python", "c", "haskell"])
def test_no_text_makes_it_slow(text: str, language: str) -> None:
    # Quadratic work over such a text takes minutes; what is asserted is the processor's time.
    began = time.process_time()
    Lexer().read(text, language)
    assert time.process_time() - began < 20


def test_halves_of_surrogate_pairs_are_tokens_like_others() -> None:
    assert len(Lexer().read("a \ud800 b", "python").hashes) == 3
