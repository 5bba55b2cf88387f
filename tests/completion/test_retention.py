"""Accepted texts are looked for again; texts are kept only for those who want it."""

from lsp_server.feedback.records import Fate
from lsp_server.feedback.similarity import share_left
from lsp_server.types import Position
from tests.completion.typist import URI, Typist


def test_an_accepted_text_is_looked_for_at_five_times() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items, names)")
    typist.inserts("total(items, names)")
    typist.clock.passes(20)
    typist.changes((0, 0, "# one\n# two\n"))
    typist.clock.passes(20)
    at = typist.text.index("names")
    typist.changes((at, at + 5, "others"))
    typist.clock.passes(100)
    begin = typist.text.index("x = ")
    typist.changes((begin, len(typist.text) - 1, "pass"))
    typist.clock.passes(1000)
    found = {one.after: round(share_left(one.text, one.window), 2) for one in typist.samples}
    assert found == {15: 1.0, 30: 1.0, 120: 0.83, 300: 0.0, 600: 0.0}
    assert {one.id for one in typist.samples} == {typist.row.id}


def test_what_is_looked_at_before_the_end_is_written_behind_it() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items, names)")
    typist.inserts("total")
    typist.clock.passes(20)
    assert not typist.events
    typist.types("z")
    assert [type(event).__name__ for event in typist.events] == ["Suggestion", "Sample"]


def test_a_closed_document_is_looked_at_no_more() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)")
    typist.inserts("total(items)")
    typist.clock.passes(16)
    typist.following.closed(URI)
    typist.clock.passes(1000)
    assert [one.after for one in typist.samples] == [15]


# Texts


def test_no_text_is_recorded_unless_the_user_wants_it() -> None:
    typist = Typist("x = █\n")
    typist.sees("total(items)")
    typist.inserts("total(items)")
    typist.clock.passes(1000)
    assert not typist.texts


def test_texts_are_recorded_with_what_stood_there_in_the_end() -> None:
    typist = Typist("x = █  # why\n")
    typist.following.keep_text = True
    typist.sees("total(items)")
    typist.inserts("total(items)")
    typist.types("[0]")
    typist.clock.passes(601)
    typist.following.visited(URI, Position(0, 0))
    typist.sees("rejected()", request=typist.request(at=4))
    typist.replaces(4, 4, "other()")
    typist.clock.passes(10)
    typist.following.closed(URI)
    assert [(one.suggested, one.became) for one in typist.texts] == [
        ("total(items)", "total(items)[0]"),
        ("rejected()", "other()"),
    ]


def test_texts_of_secret_files_are_never_recorded() -> None:
    typist = Typist("KEY=█\n", path=".env")
    typist.following.keep_text = True
    typist.sees("abcdefgh")
    typist.inserts("abcdefgh")
    typist.clock.passes(1000)
    typist.following.close()
    assert not typist.texts
    assert typist.row.fate is Fate.WHOLE
