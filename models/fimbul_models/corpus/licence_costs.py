"""What strictness about licences costs: how much each policy would keep of what came.

Counts kept records and drops of the licence stage, whatever its own policy was. Knows nothing about
how licences were found.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Counts, Drop, LicenceClass, Record, Role

STAGE = "licences"
ITSELF = "permissive, said in the file itself"
POLICIES: Mapping[str, frozenset[LicenceClass]] = MappingProxyType(
    {
        "permissive": frozenset({LicenceClass.PERMISSIVE, LicenceClass.OWN}),
        "and no licence at all": frozenset({LicenceClass.NONE}),
        "and weak copyleft": frozenset({LicenceClass.WEAK_COPYLEFT}),
        "and copyleft": frozenset({LicenceClass.COPYLEFT}),
        "everything": frozenset({LicenceClass.UNKNOWN, LicenceClass.PROPRIETARY}),
    }
)
"""Policies, the strictest first, and what each takes more than the one before; the second is what
The Stack v2 did."""

_CLASSES: Mapping[Reason, LicenceClass] = MappingProxyType(
    {
        Reason.WEAK_COPYLEFT: LicenceClass.WEAK_COPYLEFT,
        Reason.COPYLEFT: LicenceClass.COPYLEFT,
        Reason.PROPRIETARY: LicenceClass.PROPRIETARY,
        Reason.NO_LICENCE: LicenceClass.NONE,
        Reason.UNKNOWN_LICENCE: LicenceClass.UNKNOWN,
        # Who denies a licence finds it as bad as a proprietary one.
        Reason.DENIED_LICENCE: LicenceClass.PROPRIETARY,
    }
)


class Kept(msgspec.Struct):
    """How much one policy would keep."""

    files: int = 0
    bytes: int = 0
    file_share: float = 0.0
    """Of all files that came, between 0 and 1."""
    byte_share: float = 0.0


def strictness(came: Iterable[Record | Drop]) -> dict[str, Kept]:
    """Return what each policy would keep of `came`, the results of the licence stage.

    Files that only tell a licence, and drops of other reasons, are left out. A policy holds what
    every stricter one holds, so the figures grow.
    """
    classes = {one: Kept() for one in LicenceClass}
    itself = Kept()
    for one in came:
        found = _class_of(one)
        if found is None:
            continue
        counts = [classes[found]]
        said = isinstance(one, Record) and "(header" in one.licence_from
        if said and found in POLICIES["permissive"]:
            counts.append(itself)
        for count in counts:
            count.files += 1
            count.bytes += one.size
    return _summed(itself, classes)


def strictness_of_run(funnel: Iterable[Counts], drops: Iterable[Drop]) -> dict[str, float]:
    """Return the share of bytes that the rules of a run keep, and that milder ones would.

    Each policy takes what the ones before take, so the figures grow. Bytes are counted as they come
    out of the licence stage, whatever later stages do with them.
    """
    sizes = dict.fromkeys(LicenceClass, 0)
    kept = sum(count.bytes_out for count in funnel if count.stage == STAGE)
    for drop in drops:
        if drop.reason is Reason.LICENCE_FILE:
            kept -= drop.size
        elif drop.stage == STAGE and (found := _class_of(drop)):
            sizes[found] += drop.size
    whole = kept + sum(sizes.values())
    shares = {"as the recipe says": kept}
    for policy, taken in POLICIES.items():
        if policy != "permissive":
            kept += sum(sizes[one] for one in taken)
            shares[policy] = kept
    return {policy: size / whole if whole else 0.0 for policy, size in shares.items()}


def _class_of(one: Record | Drop) -> LicenceClass | None:
    if isinstance(one, Drop):
        return _CLASSES.get(one.reason)
    return None if one.role is Role.LEGAL else one.licence_class


def _summed(itself: Kept, classes: Mapping[LicenceClass, Kept]) -> dict[str, Kept]:
    files = sum(count.files for count in classes.values())
    size = sum(count.bytes for count in classes.values())
    found = {ITSELF: itself}
    sums = Kept()
    for policy, taken in POLICIES.items():
        sums = Kept(
            sums.files + sum(classes[one].files for one in taken),
            sums.bytes + sum(classes[one].bytes for one in taken),
        )
        found[policy] = sums
    for count in found.values():
        count.file_share = count.files / files if files else 0.0
        count.byte_share = count.bytes / size if size else 0.0
    return found
