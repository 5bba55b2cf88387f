from lsp_server.context.history import History, changed_range
from lsp_server.text import split_lines
from lsp_server.types import Document, Position


def document(text: str, uri: str = "file:///a.py") -> Document:
    return Document(uri, "python", 1, tuple(split_lines(text)), uri.rpartition("/")[2])


TEN = "".join(f"line {number}\n" for number in range(10))
HUNDRED = "".join(f"line {number}\n" for number in range(100))


def test_typing_in_one_place_is_one_edit() -> None:
    history = History()
    history.opened(document(TEN))
    for typed in ("new", "newer", "newest\n"):
        history.changed(document(TEN.replace("line 4\n", f"{typed}\n")))
    (edit,) = history.past("").edits
    assert (edit.first_line, edit.before, edit.after) == (4, ("line 4\n",), ("newest\n", "\n"))


def test_edits_far_apart_are_two_and_the_latest_comes_first() -> None:
    history = History()
    history.opened(document(HUNDRED))
    once = HUNDRED.replace("line 4\n", "four\n")
    history.changed(document(once))
    history.changed(document(once.replace("line 90\n", "ninety\n")))
    assert [edit.after for edit in history.past("").edits] == [("ninety\n",), ("four\n",)]


def test_what_is_undone_is_no_edit() -> None:
    history = History()
    history.opened(document(TEN))
    history.changed(document(TEN.replace("line 4", "four")))
    history.changed(document(TEN))
    assert not history.past("").edits


def test_an_edit_survives_its_document() -> None:
    history = History()
    history.opened(document(TEN))
    history.changed(document(TEN.replace("line 4", "four")))
    history.closed("file:///a.py")
    history.closed("file:///a.py")
    assert [edit.after for edit in history.past("").edits] == [("four\n",)]


def test_small_steps_are_one_visit() -> None:
    history = History()
    for line in (0, 5, 12, 80):
        history.visited(document(HUNDRED), Position(line, 0))
    history.visited(document(TEN, "file:///b.py"), Position(3, 0))
    assert [(visit.path, visit.line) for visit in history.past("").visits] == [
        ("b.py", 3),
        ("a.py", 80),
        ("a.py", 12),
    ]


def test_only_so_much_is_remembered() -> None:
    history = History()
    for number in range(200):
        history.opened(document(TEN, f"file:///{number}.py"))
        history.changed(document(TEN.replace("line 4", "four"), f"file:///{number}.py"))
        history.visited(document(TEN, f"file:///{number}.py"), Position(0, 0))
        history.closed(f"file:///{number}.py")
    past = history.past("")
    assert len(past.edits) == 16
    assert len(past.visits) == 32


def test_changed_range() -> None:
    assert changed_range("abcd", "abXcd") == (2, 2, 3)
    assert changed_range("aaaa", "aaa") == (3, 4, 3)
    assert changed_range("", "ab") == (0, 0, 2)
    assert changed_range("ab", "ab") == (2, 2, 2)


def test_folders_do_not_see_each_other() -> None:
    history = History()
    for folder in ("/one", "/two"):
        lines = tuple(split_lines(TEN))
        opened = Document(f"file://{folder}/a.py", "python", 1, lines, "a.py", folder)
        history.opened(opened)
        history.visited(opened, Position(2, 0))
        changed = (*lines[:3], f"{folder}\n", *lines[4:])
        history.changed(Document(opened.uri, "python", 2, changed, "a.py", folder))
    past = history.past("/two")
    assert [edit.after for edit in past.edits] == [("/two\n",)]
    assert [visit.uri for visit in past.visits] == ["file:///two/a.py"]
