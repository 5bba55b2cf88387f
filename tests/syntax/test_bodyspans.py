"""Bodies are whole lines between what opens and what closes them."""

import textwrap

import pytest

from lsp_server.syntax.bodyspans import BODY_QUERY
from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.tree import parse
from lsp_server.text import split_lines


def bodies(language: str, text: str) -> list[tuple[str, str]]:
    """Return the kind and the lines, stripped and joined, of each body."""
    lines = split_lines(textwrap.dedent(text))
    tree = parse(LANGUAGES[language], lines)
    assert tree is not None
    return [
        (
            body.kind.value,
            " / ".join(line.strip() for line in lines[body.first_line : body.end_line]),
        )
        for body in tree.bodies()
    ]


def test_python() -> None:
    text = '''\
        class A:
            def f(
                self,
            ) -> int:
                """Say
                something."""

                for x in y:  # A comment.

                    # Another one.
                    g(x)
                else:
                    h()

                return 1

            def one(self): return 2
        with a as b:
            try:
                pass
            finally:
                c()
        '''
    assert bodies("python", text) == [
        (
            "function",
            "for x in y:  # A comment. /  / # Another one. / g(x) / else: / h() /  / return 1",
        ),
        ("loop", "# Another one. / g(x)"),
        ("branch", "h()"),
        ("other", "try: / pass / finally: / c()"),
        ("other", "pass"),
        ("other", "c()"),
    ]


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        (
            "go",
            "func f() {\n\tfor x {\n\t\tg()\n\t}\n\tif x {\n\t\ty()\n\t} else {\n\t\tz()\n\t}\n}\n",
            ["function", "loop", "branch", "branch"],
        ),
        (
            "rust",
            "fn f() {\n  if x {\n    1\n  } else {\n    2\n  };\n  loop {\n    g();\n  }\n}\n",
            ["function", "branch", "branch", "loop"],
        ),
        (
            "java",
            "class A {\n A() {\n  b();\n }\n void f() {\n  while (x) {\n   g();\n  }\n }\n}\n",
            ["function", "function", "loop"],
        ),
        (
            "c",
            "int f(void) {\n  do {\n    g();\n  } while (1);\n  for (;;) {\n    h();\n  }\n}\n",
            ["function", "loop", "loop"],
        ),
        (
            "typescript",
            "class A {\n f(): A {\n  try {\n   g()\n  } catch (e) {\n   h()\n  }\n }\n}\n",
            ["function", "other", "other"],
        ),
        (
            "javascript",
            "const a = () => {\n  b()\n}\nfor (const x of y) {\n  z()\n}\n",
            ["loop"],  # What has no name has no signature that says what it does.
        ),
    ],
)
def test_braces(language: str, text: str, found: list[str]) -> None:
    assert [kind for kind, _ in bodies(language, text)] == found


def test_braces_that_share_their_lines_with_the_body_hold_none() -> None:
    assert bodies("go", "func f() { g() }\nfunc h() {\n\ti() }\n") == []
    assert bodies("go", "func f() {\n}\n") == []


def test_a_block_that_is_not_closed_is_none() -> None:
    assert bodies("go", "func f() {\n\tg()\n") == []


@pytest.mark.parametrize("language", BODY_QUERY)
def test_every_query_fits_its_grammar(language: str) -> None:
    tree = parse(LANGUAGES[language], ["\n"])
    assert tree is not None
    assert tree.bodies() == ()


def test_other_languages_have_no_bodies() -> None:
    tree = parse(LANGUAGES["lua"], ["if x then\n", "  y()\n", "end\n"])
    assert tree is not None
    assert tree.bodies() == ()


@pytest.mark.parametrize(
    ("text", "errors"), [("x = 1\n", 0), ("x = (1\n", 1), ("x = )\ny = 1\nz = ]\n", 2)]
)
def test_errors_are_counted(text: str, errors: int) -> None:
    tree = parse(LANGUAGES["python"], split_lines(text))
    assert tree is not None
    assert tree.errors == errors
