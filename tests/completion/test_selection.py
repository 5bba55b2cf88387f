"""An item that is selected in the editor's completion menu, as if it had been inserted."""

import pytest

from lsp_server.completion.outcomes import inserted, with_selection
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position, SelectedCompletion


@pytest.mark.parametrize(
    ("marked", "start", "end", "text", "result"),
    [
        ("x.ap█\ny\n", 2, 4, "append", "x.append█\ny\n"),
        # It replaces the whole word, as VS Code may do.
        ("x.ap█pl()\ny\n", 2, 6, "append", "x.append█()\ny\n"),
        ("x.ap█", 2, 4, "append", "x.append█"),
        ("fo█\r\ny\r\n", 0, 2, "for a in b:\n    c", "for a in b:\n    c█\r\ny\r\n"),
        ("  fo█", 2, 4, "for a in b:\n", "  for a in b:\n█"),
    ],
)
def test_it_stands_there_already(marked: str, start: int, end: int, text: str, result: str) -> None:
    before, _, after = marked.partition("█")
    document = Document("file:///a.py", "python", 1, tuple(split_lines(before + after)))
    row = before.count("\n")
    cursor = Position(row, len(before) - before.rfind("\n") - 1)
    chosen = SelectedCompletion(Position(row, start), Position(row, end), text)
    request = CompletionRequest(document, cursor, selected=chosen)
    asked = with_selection(request)
    left, _, right = result.partition("█")
    assert asked.document.lines == tuple(split_lines(left + right))
    above = split_lines(left)
    assert asked.position == Position(len(above) - 1, len(above[-1]))
    assert inserted(request, "(1)") == (f"{text}(1)", chosen.start, chosen.end)


def test_without_an_item_nothing_changes() -> None:
    document = Document("file:///a.py", "python", 1, ("x",))
    request = CompletionRequest(document, Position(0, 1))
    assert with_selection(request) is request
