"""The table of issuers' secrets, `secret_patterns.toml`, and what tells lines without any apart.

Nearly all lines have none of the table's hints, and are passed by after one search. Pure but for
reading the table once.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of secret; the table says what each value means."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    lead: str
    is_random: bool


def _kinds() -> tuple[Kind, ...]:
    text = (resources.files(__package__) / "secret_patterns.toml").read_text(encoding="utf-8")
    return tuple(
        Kind(
            name,
            tuple(row["hints"]),
            re.compile(row["pattern"]),
            row.get("lead", ""),
            row.get("random", False),
        )
        for name, row in tomllib.loads(text).items()
    )


KINDS = _kinds()
"""All kinds, in the order of the table."""


def _tree(texts: list[str]) -> str:
    """Return an expression for any of `texts`, those with the same begin together.

    Python's engine tries alternatives one by one, so a flat list costs five times as much.
    """
    begins: dict[str, list[str]] = {}
    for text in sorted(set(texts)):
        begins.setdefault(text[:1], []).append(text[1:])
    branches = []
    for begin, rests in begins.items():
        whole = "" in rests
        rest = "" if whole else _tree(rests)
        branches.append(re.escape(begin) + rest)
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def hint_pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return the expression that a line in lower case matches if it may hold a secret.

    `words` are looked for besides the hints of the kinds.
    """
    plain = [hint for kind in KINDS if not kind.lead for hint in kind.hints]
    leads = [kind.lead for kind in KINDS if kind.lead]
    return re.compile("|".join([_tree([*plain, *words]), *leads]))
