import pytest

from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.oracle import with_definition

DEFINITION = "def area(w, h):\n\n    return w * h\n"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (
            "import b\n    x = b.",
            "import b\n    # pack/b.py\n    # def area(w, h):\n    #     return w * h\n    x = b.",
        ),
        (
            "a\r\n\tx",
            "a\r\n\t# pack/b.py\r\n\t# def area(w, h):\r\n\t#     return w * h\r\n\tx",
        ),
        ("b.", "# pack/b.py\n# def area(w, h):\n#     return w * h\nb."),
    ],
)
def test_the_definition_stands_above_the_line(prefix: str, expected: str) -> None:
    item = Item("t", "python", "a.py", prefix, "\n", "area(1, 2)", "cross/after-dot")
    assert with_definition(item) == item
    full = Item(
        **{field: getattr(item, field) for field in item.__struct_fields__[:7]},
        definition=DEFINITION,
        definition_path="pack/b.py",
    )
    found = with_definition(full)
    assert found.prefix == expected
    assert (found.suffix, found.answer, found.task_id) == ("\n", "area(1, 2)", "t")


def test_comments_are_those_of_the_language_and_end_where_they_should() -> None:
    item = Item(
        "t", "css", "a.css", "b {\n  ", "\n}", "x", "cross/other",
        definition=".c { /* red */ }", definition_path="b.css",
    )  # fmt: skip
    lines = with_definition(item).prefix.splitlines()
    assert lines[1:] == ["  /* b.css */", "  /* .c { /* red  } */", "  "]
