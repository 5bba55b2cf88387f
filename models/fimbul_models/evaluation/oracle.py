"""The best that context can do: put the definition an item asks for where the model sees it.

Text in, text out; knows nothing about servers or prompts.
"""

import msgspec

from fimbul_models.evaluation.items import Item
from lsp_server.syntax.languages import comment_of
from lsp_server.text import split_lines, strip_ending


def with_definition(item: Item) -> Item:
    """Return `item` with its definition as a comment above the cursor's line.

    An item that names no definition stays as it is.
    """
    if not item.definition:
        return item
    *above, line = split_lines(item.prefix)
    indent = line[: len(line) - len(line.lstrip())]
    ending = above[-1][len(strip_ending(above[-1])) :] if above else "\n"
    marks = comment_of(item.language, item.path)
    rows = [item.definition_path, *map(strip_ending, split_lines(item.definition.rstrip()))]
    block = "".join(f"{indent}{_comment(row, marks)}{ending}" for row in rows if row.strip())
    return msgspec.structs.replace(item, prefix="".join(above) + block + line)


def _comment(row: str, marks: tuple[str, str]) -> str:
    begin, end = marks
    if end.strip():
        # A comment that a line closes early would make code of what follows.
        row = row.replace(end.strip(), "")
    return f"{begin}{row}{end}".rstrip()
