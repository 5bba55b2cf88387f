"""Code that nobody has written, and indexes of it."""

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fimbul_models.corpus.records import LicenceClass, Record, Role
from fimbul_models.references.drafting import draft_index
from lsp_server.references.tokens import Lexer

_NAMES = [
    f"{verb}_{noun}"
    for verb in ("read", "find", "keep", "drop", "sort", "join", "send", "mark", "open", "make")
    for noun in ("row", "page", "user", "node", "path", "word", "item", "line", "part", "tree")
]


def made_python(seed: int, functions: int = 12) -> str:
    """Return a module with comments, strings and numbers; two seeds share no run."""
    draw = random.Random(seed)
    lines = [f"# Module {seed}", f"import mod_{seed}", ""]
    for number in range(functions):
        names = draw.sample(_NAMES, 6)
        lines += [
            f"def {names[0]}_{seed}({names[1]}, {names[2]}={draw.randrange(1000)}):",
            f"    # {draw.choice(_NAMES)} comes first",
            f"    for {names[3]} in {names[1]}.{draw.choice(_NAMES)}({draw.randrange(99)}):",
            f"        if {names[3]} {draw.choice(['<', '>', '==', '!='])} {names[2]}:",
            f'            yield "{draw.choice(_NAMES)} {seed}", {names[4]}[{names[3]}]',
            "",
            f"        {names[5]} = {draw.choice(_NAMES)}({names[3]}, {names[2]} * {number})",
            f"    return {names[5]} + {draw.choice(_NAMES)}_{draw.randrange(99)}",
            "",
        ]
    return "\n".join(lines)


def record(path: str, text: str, project: str = "folder:theirs", **more: str) -> Record:
    """Return a file of a project under the MIT licence."""
    made = Record(
        source="test",
        repository=project,
        path=path,
        text=text,
        digest="",
        language="python",
        licence="MIT",
        licence_class=LicenceClass.PERMISSIVE,
    )
    return msgspec.convert(msgspec.to_builtins(made) | more, Record)


def legal(path: str, text: str, project: str = "folder:theirs") -> Record:
    """Return a file that tells about licences."""
    return msgspec.structs.replace(record(path, text, project), role=Role.LEGAL)


def write_index(folder: Path, name: str, records: Sequence[Record]) -> Path:
    """Write an index of one project; return its path."""
    path = folder / f"{name}.fimref"
    draft_index(path, name, records, Lexer())
    return path
