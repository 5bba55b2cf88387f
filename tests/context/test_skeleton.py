"""The skeleton of a file around a window, as text."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.config.options import ContextOptions
from lsp_server.context.skeleton import skeleton_of, skeleton_texts
from lsp_server.context.window import Window, context_of, place_window
from lsp_server.syntax.outline import Definition, DefinitionKind, Import, Outline
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position

PYTHON = '''\
"""A module."""

import os
from typing import (
    Any,
)

LIMIT = 3


@decorated
def helper(
    a: int,
) -> int:
    return a


class Client(Base):
    """A client."""

    timeout: int = 3

    def get(self, url: str) -> bytes:
        return b""

    def post(
        self, url: str
    ) -> bytes:
        first = 1
        second = 2
        third = 3

    def close(self) -> None:
        pass


def main() -> None:
    Client()
'''
CLASS, FUNCTION, METHOD = DefinitionKind.CLASS, DefinitionKind.FUNCTION, DefinitionKind.METHOD
FIELD, VARIABLE = DefinitionKind.FIELD, DefinitionKind.VARIABLE


def definition(
    kind: DefinitionKind, container: str, first: int, end: int, body: int, signature: str
) -> Definition:
    return Definition("name", kind, container, first, end, signature, body_line=body)


PYTHON_OUTLINE = Outline(
    definitions=(
        definition(VARIABLE, "", 7, 8, 8, "LIMIT = 3"),
        definition(FUNCTION, "", 10, 15, 14, "def helper(a: int,) -> int"),
        definition(CLASS, "", 17, 34, 18, "class Client(Base)"),
        definition(FIELD, "Client", 20, 21, 21, "timeout: int = 3"),
        definition(METHOD, "Client", 22, 24, 23, "def get(self, url: str) -> bytes"),
        definition(METHOD, "Client", 25, 31, 28, "def post(self, url: str) -> bytes"),
        definition(METHOD, "Client", 32, 34, 33, "def close(self) -> None"),
        definition(FUNCTION, "", 36, 38, 37, "def main() -> None"),
    ),
    imports=(Import("os", (), 2, 3), Import("typing", (), 3, 6)),
)
GO = """\
package shop

import "fmt"

type Cart struct
{
\titems []Item
}

func (c *Cart) Add(item Item) {
\tc.items = append(c.items, item)
}

func (c *Cart) Total() int {
\ttotal := 0
\tfor _, item := range c.items {
\t\ttotal += item.Price
\t}
\treturn total
}

func main() {
\tfmt.Println(1)
}
"""
GO_OUTLINE = Outline(
    definitions=(
        definition(CLASS, "", 4, 8, 5, "type Cart struct"),
        definition(FIELD, "Cart", 6, 7, 7, "items []Item"),
        definition(METHOD, "Cart", 9, 12, 9, "func (c *Cart) Add(item Item)"),
        definition(METHOD, "Cart", 13, 20, 13, "func (c *Cart) Total() int"),
        definition(FUNCTION, "", 21, 24, 21, "func main()"),
    ),
    imports=(Import("fmt", (), 2, 3),),
)


def count(text: str) -> int:
    return len(re.findall(r"\w+|\W", text))


def window(text: str, first: int, end: int) -> Window:
    lines = tuple(split_lines(text))
    document = Document("file:///a.py", "python", 1, lines, "a.py")
    line = min(first + 1, len(lines) - 1)
    return Window(document, Position(line, 0), first, first, lines[line + 1 : end], line + 1)


def skeleton(
    seen: Window, outline: Outline, budget: int = 1000, mark: tuple[str, str] = ("# ", "")
) -> str:
    counts = {text: count(text) for text in skeleton_texts(seen, outline, mark)}
    text, tokens = skeleton_of(seen, outline, mark, budget, counts.__getitem__)
    assert count(text) <= tokens <= budget
    return text


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        pytest.param(
            29,
            """\
import os
from typing import (
    Any,
)
LIMIT = 3
def helper(a: int,) -> int: ...
def main() -> None: ...
class Client(Base):
    timeout: int = 3
    def get(self, url: str) -> bytes: ...
    def close(self) -> None: ...
    def post(
        self, url: str
    ) -> bytes:
        ...
""",
            id="in a method",
        ),
        pytest.param(
            26,
            """\
import os
from typing import (
    Any,
)
LIMIT = 3
def helper(a: int,) -> int: ...
def main() -> None: ...
class Client(Base):
    timeout: int = 3
    def get(self, url: str) -> bytes: ...
    def close(self) -> None: ...
    def post(
""",
            id="in a header",
        ),
        pytest.param(
            25,
            """\
import os
from typing import (
    Any,
)
LIMIT = 3
def helper(a: int,) -> int: ...
def main() -> None: ...
class Client(Base):
    timeout: int = 3
    def get(self, url: str) -> bytes: ...
    def close(self) -> None: ...
""",
            id="between methods",
        ),
        pytest.param(
            16,
            """\
import os
from typing import (
    Any,
)
LIMIT = 3
def helper(a: int,) -> int: ...
def main() -> None: ...
""",
            id="above a class",
        ),
        pytest.param(4, "import os\n", id="in the imports"),
        pytest.param(1, "", id="above everything"),
    ],
)
def test_python(first: int, expected: str) -> None:
    end = first + 3 if first > 4 else 38
    assert skeleton(window(PYTHON, first, end), PYTHON_OUTLINE) == expected


def test_what_the_window_shows_is_not_repeated() -> None:
    text = skeleton(window(PYTHON, 29, 38), PYTHON_OUTLINE)
    assert "def post" in text
    assert "def close" not in text
    assert "def main" not in text


def test_braces() -> None:
    text = skeleton(window(GO, 16, 18), GO_OUTLINE, mark=("// ", ""))
    assert text == (
        'import "fmt"\ntype Cart struct { ... }\nfunc (c *Cart) Add(item Item) { ... }\n'
        "func main() { ... }\nfunc (c *Cart) Total() int {\n\t\t// ...\n"
    )


def test_a_brace_on_its_own_line_belongs_to_the_header() -> None:
    text = skeleton(window(GO, 7, 9), GO_OUTLINE, mark=("// ", ""))
    assert "type Cart struct\n{\n\titems []Item\n" in text


@pytest.mark.parametrize(
    ("budget", "lines"),
    [
        (0, []),
        (9, ["class Client(Base):"]),
        (40, ["    def post(", "        self, url: str", "    ) -> bytes:"]),
        (50, ["import os", "class Client(Base):", "    def post(", "        self, url: str",
              "    ) -> bytes:"]),
        (59, ["class Client(Base):", "    def post(", "        self, url: str",
              "    ) -> bytes:", "        ..."]),
    ],
)  # fmt: skip
def test_headers_come_first_then_imports(budget: int, lines: list[str]) -> None:
    text = skeleton(window(PYTHON, 29, 31), PYTHON_OUTLINE, budget)
    assert text == "".join(f"{line}\n" for line in lines)


def test_members_come_before_other_definitions_the_near_ones_first() -> None:
    everything = skeleton(window(PYTHON, 29, 31), PYTHON_OUTLINE)
    text = skeleton(window(PYTHON, 29, 31), PYTHON_OUTLINE, count(everything) - 30)
    assert "def close" in text
    assert "def get" in text
    assert "def helper" not in text


def test_it_stands_above_the_window() -> None:
    seen = window(PYTHON, 29, 31)
    text = skeleton(seen, PYTHON_OUTLINE)
    context = context_of(seen.with_skeleton(text, count(text)))
    assert context.older + context.recent == text + "        second = 2\n"
    assert not replace(seen, wants_skeleton=True).with_skeleton("", 0).wants_skeleton


def test_it_stays_until_the_window_jumps() -> None:
    options = ContextOptions(400, 0)
    lines = "".join(f"x{number} = {number}\n" for number in range(200))
    previous, jumps = None, 0
    for extra in range(100):
        text = f"{lines}{'y = 1' + chr(10)}" * 1 + "y = 1\n" * extra
        rows = tuple(split_lines(text))
        document = Document("file:///a.py", "python", 1, rows)
        asked = CompletionRequest(document, Position(len(rows) - 1, 0))
        found = place_window(asked, options, count, previous, skeleton_tokens=100)
        if found.wants_skeleton:
            jumps += 1
            found = found.with_skeleton(f"# {found.first}\n", 5)
        assert context_of(found).older.startswith(f"# {found.first}\n")
        assert count(context_of(found).prefix) <= 400
        previous = found
    assert 2 <= jumps <= 5


LINE = st.integers(-3, 60)
DEFINITIONS = st.builds(
    Definition,
    name=st.just("n"),
    kind=st.sampled_from(DefinitionKind),
    container=st.sampled_from(["", "A", "A.b"]),
    first_line=LINE,
    end_line=LINE,
    signature=st.text(st.sampled_from("ab (){:\n"), max_size=20),
    body_line=LINE,
)
IMPORTS = st.builds(Import, st.just("m"), st.just(()), LINE, LINE)
OUTLINES = st.builds(
    Outline, st.lists(DEFINITIONS, max_size=12).map(tuple), st.lists(IMPORTS, max_size=4).map(tuple)
)


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("ab {:}()\n\r\t😀"), max_size=200),
    st.integers(0, 60),
    st.integers(0, 60),
    OUTLINES,
    st.integers(0, 100),
)
def test_any_outline(text: str, first: int, end: int, outline: Outline, budget: int) -> None:
    seen = window(text, min(first, len(split_lines(text)) - 1), end)
    made = skeleton(seen, outline, budget)
    assert made == skeleton(seen, outline, budget)
    assert made == "" or made.endswith(("\n", "\r"))
