import gc
import tracemalloc

from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.reading import Pieces
from lsp_server.syntax.tree import parse

TEXT = [f"def function_{number}(argument): return argument\n" for number in range(2000)]


def test_a_parse_leaves_no_text_behind() -> None:
    def parse_some(times: int) -> None:
        for number in range(times):
            assert parse(LANGUAGES["python"], [*TEXT, f"x = {number}\n"]) is not None

    parse_some(2)
    tracemalloc.start()
    try:
        parse_some(1)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        parse_some(10)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Ten texts of 90 KB went through the parser.
    assert after - before < 90_000


def test_pieces_that_nobody_kept_are_left_alone() -> None:
    text = b"some text"
    pieces = Pieces(lambda offset, _point: text[offset:])
    assert pieces(0, (0, 0)) == text
    assert pieces(5, (0, 5)) == b"text"
    assert pieces(9, (0, 9)) == b""
    assert pieces.release() == 0
    assert pieces.release() == 0
