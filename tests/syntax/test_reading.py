import gc
import importlib
import sys
import tracemalloc
from pathlib import Path

import pytest

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


def test_a_parse_leaves_no_object_behind() -> None:
    # The last piece of this one is a single byte.
    lines = [f"def f{number}(a): return a\n" for number in range(300)]

    def parse_some(times: int) -> None:
        for _ in range(times):
            assert parse(LANGUAGES["python"], lines) is not None

    parse_some(50)
    gc.collect()
    before = sys.getallocatedblocks()
    parse_some(500)
    gc.collect()
    assert sys.getallocatedblocks() - before < 250


def test_pieces_that_nobody_kept_are_left_alone() -> None:
    text = b"some text"
    pieces = Pieces(lambda offset, _point: text[offset:])
    assert pieces(0, (0, 0)) == text
    assert pieces(5, (0, 5)) == b"text"
    assert pieces(9, (0, 9)) == b""
    assert pieces.release() == 0
    assert pieces.release() == 0


def test_each_byte_beyond_ascii_is_a_letter_where_only_ascii_may_be_seen() -> None:
    text = "a=é𝒳\n".encode()
    pieces = Pieces(lambda offset, _point: text[offset:], ascii_only=True)
    assert pieces(0, (0, 0)) == b"a=______\n"
    assert pieces(3, (0, 3)) == b"_____\n"
    assert pieces.release() == 0


@pytest.mark.parametrize("digits", ["", "0"])
def test_a_brace_before_the_last_code_point_there_is(digits: str) -> None:
    # This ended the process, most of the time.
    lines = [f"echo {{{digits}\U0010ffff}}\n", "é() { echo 'é'; }\n", "later() { :; }\n"]
    tree = parse(LANGUAGES["bash"], lines)
    assert tree is not None
    assert "later" in [one.name for one in tree.outline().definitions]
    assert "é" in [one.name for one in tree.outline().definitions]


@pytest.mark.skipif(sys.platform != "linux", reason="the C library names its table otherwise")
@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_scanners_that_ask_about_single_bytes_are_known(name: str) -> None:
    language = LANGUAGES[name]
    file = importlib.import_module(f"{language.module}._binding").__file__
    assert file is not None
    assert (b"__ctype_b_loc" in Path(file).read_bytes()) == language.ascii_scanner
