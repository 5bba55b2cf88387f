"""What a licence asks for, and whether a recipe takes it: policy as data.

The categories are those of the index that license-expression ships; which of them are taken is the
recipe's table ``[licences]``. Knows nothing about where a licence was found.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec
from license_expression import ExpressionError, LicenseWithExceptionSymbol, Licensing
from license_expression import get_license_index as licence_index

from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import LicenceClass

OWN = "LicenseRef-own"
"""Stands for code of the recipe's own company that says nothing else."""

PROPRIETARY = "LicenseRef-scancode-proprietary-license"
UNKNOWN = "LicenseRef-scancode-unknown"
"""Stands for a licence, or words about one, that nobody could identify."""

PUBLIC_DOMAIN = "LicenseRef-scancode-public-domain"

CLASSES: Mapping[str, LicenceClass] = MappingProxyType(
    {
        "Permissive": LicenceClass.PERMISSIVE,
        "Public Domain": LicenceClass.PERMISSIVE,
        "Copyleft Limited": LicenceClass.WEAK_COPYLEFT,
        "Copyleft": LicenceClass.COPYLEFT,
        "Proprietary Free": LicenceClass.PROPRIETARY,
        "Commercial": LicenceClass.PROPRIETARY,
        "Free Restricted": LicenceClass.PROPRIETARY,
        "Source-available": LicenceClass.PROPRIETARY,
        # What contributors sign, and promises about patents, let nobody use the code.
        "CLA": LicenceClass.PROPRIETARY,
        "Patent License": LicenceClass.UNKNOWN,
        "Unstated License": LicenceClass.UNKNOWN,
    }
)
"""Categories of the index, and what they are here."""

_STRICTEST_LAST = (
    LicenceClass.OWN,
    LicenceClass.PERMISSIVE,
    LicenceClass.WEAK_COPYLEFT,
    LicenceClass.NONE,
    LicenceClass.UNKNOWN,
    LicenceClass.COPYLEFT,
    LicenceClass.PROPRIETARY,
)
"""Of two licences that both hold the later one counts, of a choice the earlier."""

_REASONS = {
    LicenceClass.WEAK_COPYLEFT: Reason.WEAK_COPYLEFT,
    LicenceClass.COPYLEFT: Reason.COPYLEFT,
    LicenceClass.PROPRIETARY: Reason.PROPRIETARY,
    LicenceClass.NONE: Reason.NO_LICENCE,
    LicenceClass.UNKNOWN: Reason.UNKNOWN_LICENCE,
}


class LicenceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which licences a corpus takes: a recipe's table ``[licences]``."""

    keep: tuple[LicenceClass, ...] = (LicenceClass.PERMISSIVE, LicenceClass.OWN)
    """Classes that are taken."""
    allow: tuple[str, ...] = ()
    """SPDX identifiers that are taken whatever their class, such as ``MPL-2.0`` or
    ``GPL-2.0-only WITH Classpath-exception-2.0``."""
    deny: tuple[str, ...] = ("JSON",)
    """SPDX identifiers that are not taken whatever their class. The index calls JSON's licence
    permissive, but it forbids uses (``for Good, not Evil``)."""
    own_names: tuple[str, ...] = ()
    """Names of the company itself, as in its copyright lines and the sources' `organisation`;
    what names nobody else and has no other licence is its own."""
    header_lines: int = 100
    """Lines at the beginning of a file that are its header. SPDX tags and the usual notices of
    copyleft are looked for in all of it."""
    trust_declared: bool = False
    """Believe what the recipe declares of a repository also where its licence text is unknown."""


class Judgement(msgspec.Struct, frozen=True):
    """What an expression means under a policy."""

    licence_class: LicenceClass
    """Of the whole: the strictest of all that hold, the mildest of a choice."""
    reason: Reason | None
    """Why it is not taken; None if it is."""


class LicenceTable:
    """The index: SPDX identifiers by their spellings, and their classes."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._classes: dict[str, LicenceClass] = {OWN.lower(): LicenceClass.OWN}
        self._exceptions: set[str] = set()
        own_names: dict[str, str] = {}
        rows = sorted(licence_index(), key=lambda row: (row["is_deprecated"], row["license_key"]))
        for row in rows:
            key = row["spdx_license_key"] or f"LicenseRef-scancode-{row['license_key']}"
            self._classes.setdefault(key.lower(), CLASSES[row["category"]])
            if row["is_exception"]:
                self._exceptions.add(key.lower())
            for name in (key, *row["other_spdx_license_keys"]):
                self._keys.setdefault(name.lower(), key)
            # The index's own name gives way where it is SPDX's for another licence.
            own_names[row["license_key"].lower()] = key
        self._keys = own_names | self._keys

    def identifier(self, name: str) -> str:
        """Return the SPDX identifier that `name` is a spelling of, empty if it is none."""
        found = self._keys.get(name.lower(), "")
        return found or self._keys.get(name.lower().removesuffix("+"), "")

    def class_of(self, identifier: str) -> LicenceClass:
        """Return the class of an identifier; of one that is not in the index, unknown."""
        return self._classes.get(identifier.lower(), LicenceClass.UNKNOWN)

    def is_exception(self, identifier: str) -> bool:
        """Say whether `identifier` is what stands behind ``WITH``."""
        return identifier.lower() in self._exceptions


@lru_cache(maxsize=1)
def licence_table() -> LicenceTable:
    """Return the index; read once in each process."""
    return LicenceTable()


@lru_cache(maxsize=1)
def _licensing() -> Any:
    # Without symbols: what may stand in an expression is for `LicenceTable` to say.
    return Licensing([])


@lru_cache(maxsize=4096)
def parse(expression: str) -> Any:
    """Return the tree of an SPDX expression, None for an empty or broken one."""
    try:
        return _licensing().parse(expression)
    except ExpressionError:
        return None


def judge(expression: str, rules: LicenceRules) -> Judgement:
    """Say what `expression` is, and whether a recipe with `rules` takes it.

    An empty expression is no licence, a broken one is an unknown licence.
    """
    tree = parse(expression)
    if tree is None:
        found = LicenceClass.UNKNOWN if expression else LicenceClass.NONE
        return Judgement(found, None if found in rules.keep else _REASONS[found])
    found = _class(tree)
    if _taken(tree, rules):
        return Judgement(found, None)
    kept = found in rules.keep
    denied = Reason.DENIED_LICENCE
    return Judgement(found, denied if kept else _REASONS.get(found, denied))


def identifiers(expression: str) -> tuple[str, ...]:
    """Return the licences in `expression`, those behind ``WITH`` left out, each once, in order."""
    tree = parse(expression)
    if tree is None:
        return ()
    keys = [_key(leaf) for leaf in tree.get_literals()]
    return tuple(dict.fromkeys(keys))


def all_of(expressions: Iterable[str]) -> str:
    """Return the expression that says that all of `expressions` hold; empty ones say nothing."""
    return _joined(expressions, "AND")


def any_of(expressions: Iterable[str]) -> str:
    """Return the expression that says that one may choose among `expressions`."""
    return _joined(expressions, "OR")


def _joined(expressions: Iterable[str], by: str) -> str:
    some = sorted({one for one in expressions if one})
    if len(some) < 2:
        return "".join(some)
    return f" {by} ".join(f"({one})" if _is_compound(one) else one for one in some)


def _is_compound(expression: str) -> bool:
    return " AND " in expression or " OR " in expression


def _key(leaf: Any) -> str:
    symbol = leaf.license_symbol if isinstance(leaf, LicenseWithExceptionSymbol) else leaf
    return str(symbol.key)


def _operator(tree: Any) -> str:
    return str(getattr(tree, "operator", "")).strip()


def _class(tree: Any) -> LicenceClass:
    operator = _operator(tree)
    if operator:
        classes = [_class(part) for part in tree.args]
        choose = max if operator == "AND" else min
        return choose(classes, key=_STRICTEST_LAST.index)
    table = licence_table()
    found = table.class_of(_key(tree))
    if isinstance(tree, LicenseWithExceptionSymbol):
        return _excepted(found, str(tree.exception_symbol.key))
    return found


def _excepted(found: LicenceClass, exception: str) -> LicenceClass:
    """Return the class of a licence with an exception: it may ease copyleft, but never lifts it."""
    table = licence_table()
    if not table.is_exception(exception):
        return max(found, LicenceClass.UNKNOWN, key=_STRICTEST_LAST.index)
    eased = table.class_of(exception)
    if found is LicenceClass.COPYLEFT:
        mild = eased in {LicenceClass.WEAK_COPYLEFT, LicenceClass.PERMISSIVE}
        return LicenceClass.WEAK_COPYLEFT if mild else found
    return max(found, eased, key=_STRICTEST_LAST.index)


def _taken(tree: Any, rules: LicenceRules) -> bool:
    operator = _operator(tree)
    if operator:
        decided = [_taken(part, rules) for part in tree.args]
        return all(decided) if operator == "AND" else any(decided)
    names = {str(tree), _key(tree)}
    if names & set(rules.deny):
        return False
    # Whoever allows a licence with an exception does not allow it without.
    return str(tree) in rules.allow or _class(tree) in rules.keep
