import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbul_models.evaluation.tokens import LANGUAGES, TokenKind, scan
from lsp_server.text import split_lines


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", "a.b('#')  # c", "a . b ( S'#' ) C# c"),
        ("python", "rb'x' f\"{a}\" '''a\n'b'''", "Srb'x' Sf\"{a}\" S'''a\n'b'''"),
        ("python", "x = 'open\ny", "x = S'open y"),
        ("javascript", "a?.b // c\n`x ${y}`", "a ?. b C// c S`x ${y}`"),
        ("javascript", "x = /a'b/g; y / 2 / z", "x = S/a'b/g ; y / 2 / z"),
        ("typescript", "/* a\n*/ x => $y", "C/* a\n*/ x => $y"),
        ("go", "s := `a\n\\` + 'x'", "s := S`a\n\\` + S'x'"),
        (
            "rust",
            'fn f<\'a>(x: &\'a str) { r#"a"b"# }',
            'fn f < S\'a > ( x : & S\'a str ) { Sr#"a"b"# }',
        ),
        ("rust", "a::b('x')", "a :: b ( S'x' )"),
        ("java", 'x = """a\n"b""";', 'x = S"""a\n"b""" ;'),
        ("c", "#define A \\\n  b\na->b", "D#define A \\\n  b a -> b"),
    ],
)
def test_tokens(language: str, text: str, expected: str) -> None:
    marks = {TokenKind.STRING: "S", TokenKind.COMMENT: "C", TokenKind.DIRECTIVE: "D"}
    found = [marks.get(token.kind, "") + token.text for token in scan(text, language)]
    assert " ".join(found) == expected


@given(
    st.sampled_from(sorted(LANGUAGES)), st.text("ab1 .(){}[]'\"`/*#\\\n\r\té𝔸$<>:=-", max_size=60)
)
def test_any_text_is_scanned_in_order_and_in_place(language: str, text: str) -> None:
    lines = split_lines(text)
    last = (0, 0)
    for token in scan(text, language):
        rest = lines[token.line][token.column :] + "".join(lines[token.line + 1 :])
        assert rest.startswith(token.text)
        assert (token.line, token.column) >= last
        last = (token.line, token.column + 1)
