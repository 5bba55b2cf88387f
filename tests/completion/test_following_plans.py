"""Inference against typists whose plans are known."""

import re

from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.followed import AT_ONCE
from lsp_server.completion.regions import first_line
from lsp_server.feedback.records import Fate
from lsp_server.types import Position
from tests.completion.typist import URI, Typist

TEXTS = st.text("ab_ .=+1é😀\n", min_size=1, max_size=24).filter(lambda text: text.strip() != "")
ENDINGS = st.sampled_from(["\n", "\r\n"])
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32"])
ACTIONS = st.sampled_from(["accepts", "differs", "deletes", "leaves", "closes"])
ABOVE = st.lists(st.sampled_from(["", "# new\n", "😀\n\n"]), max_size=3)


@given(TEXTS, st.integers(0, 24), ACTIONS, ABOVE, ENDINGS, ENCODINGS)
def test_what_was_done_is_what_is_inferred(
    text: str, count: int, action: str, above: list[str], ending: str, encoding: str
) -> None:
    typist = Typist(f"# 語{ending}x = █;{ending}y = 2{ending}", encoding)
    typist.sees(text)
    typed = text[:count]
    for number, character in enumerate(typed):
        typist.inserts(ending if character == "\n" else character)
        if number < len(above) and above[number]:
            typist.changes((0, 0, above[number].replace("\n", ending)))
    rest = text[len(typed) :]
    if rest:
        act(typist, action, rest, ending)
    row = typist.row
    assert row.fate is expected(text, typed, action)
    accepted = len(rest) if row.fate is Fate.WHOLE else 0
    assert row.accepted == accepted
    assert row.length == len(text)


def act(typist: Typist, action: str, rest: str, ending: str) -> None:
    if action == "accepts":
        typist.inserts(rest.replace("\n", ending))
    elif action == "differs":
        typist.inserts("z")
    elif action == "deletes":
        # All that was typed and one character more.
        begin = typist.text.index("x = ") + 3
        typist.replaces(begin, typist.cursor, "")
    elif action == "leaves":
        typist.following.visited(URI, Position(0, 0))
    else:
        typist.following.closed(URI)


def expected(text: str, typed: str, action: str) -> Fate:
    rest = text[len(typed) :]
    if not rest or (action == "accepts" and len(re.sub("\n *", "\n", rest)) < AT_ONCE):
        return Fate.TYPED
    if action == "accepts":
        return Fate.WHOLE
    if len(typed) >= first_line(text):
        return Fate.TYPED
    return Fate.REJECTED if action in ("differs", "deletes") else Fate.IGNORED
