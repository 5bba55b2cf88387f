"""Words of source text: what an identifier is cut into, in any script."""

import regex
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.words import identifiers, words, words_of

TEXT = st.text(alphabet="abXYZ_$ 09.\n()İßéЖж日ª", max_size=30)
_PLAIN_IDENTIFIER = regex.compile(r"[\p{L}_$][\p{L}\p{N}_$]*")


def test_parts_follow_the_whole() -> None:
    found = list(words("parseHttpHeader(HTTPServer, max_line_count, $x9)"))
    assert found == [
        *("parsehttpheader", "parse", "http", "header"),
        *("httpserver", "http", "server"),
        *("max_line_count", "max", "line", "count"),
        "$x9",
    ]


def test_short_parts_are_no_words() -> None:
    assert words_of("is_a_file") == ("is_a_file", "file")


@given(TEXT)
def test_identifiers_are_the_same_in_ascii_and_beside_other_scripts(text: str) -> None:
    assert list(identifiers(text)) == _PLAIN_IDENTIFIER.findall(text)
    beside = list(words(text + "\n日本"))
    assert beside == [*words(text), "日本"]


@given(TEXT)
def test_words_of_a_text_are_those_of_its_identifiers(text: str) -> None:
    assert list(words(text)) == [word for one in identifiers(text) for word in words_of(one)]
