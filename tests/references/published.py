"""Small indexes for tests, built as large ones are, and code that stands in them."""

from pathlib import Path

from fimbul_models.corpus.records import LicenceClass, Record
from fimbul_models.references.drafting import draft_index
from lsp_server.references.tokens import Lexer

HEADER = "def merge_intervals(intervals, gap=0):\n"
"""Above `BODY` in the indexed file."""

BODY = """\
    if gap < 0:
        raise ValueError("a gap is never negative: %r" % gap)
    ordered = sorted(intervals, key=lambda pair: (pair[0], -pair[1]))
    merged = []
    for begin, end in ordered:
        if merged and begin - gap <= merged[-1][1]:
            previous = merged.pop()
            merged.append((previous[0], max(previous[1], end)))
        elif end >= begin:
            merged.append((begin, end))
        else:
            logger.warning("dropped %s..%s since it is empty", begin, end)
    lengths = [stop - start for start, stop in merged]
    return merged, sum(lengths), max(lengths, default=0)
"""
"""More than 130 tokens that nobody else has written."""

OTHER = """\
    total = Decimal("0")
    for position, entry in enumerate(ledger.entries, start=1):
        if entry.currency != ledger.currency:
            rate = rates.lookup(entry.currency, ledger.currency, on=entry.booked)
            amount = (entry.amount * rate).quantize(CENT, rounding=ROUND_HALF_EVEN)
        else:
            amount = entry.amount
        total += amount if entry.side == "credit" else -amount
        if total < ledger.floor and not entry.is_forced:
            raise Overdrawn(position, entry.reference, total, ledger.floor)
    journal.write("%s closed at %s" % (ledger.name, total))
    return total, position, journal.digest()
"""
"""As many of another kind."""


def record(project: str, text: str, licence: str, licence_class: str, path: str) -> Record:
    return Record(
        source="made",
        repository=project,
        revision="1.0",
        path=path,
        text=text,
        digest="0" * 64,
        language="python",
        licence=licence,
        licence_class=LicenceClass(licence_class),
    )


def build(
    folder: Path,
    name: str = "public",
    *,
    project: str = "wheel:intervals",
    licence: str = "MIT",
    licence_class: str = "permissive",
    text: str = HEADER + BODY,
) -> Path:
    """Build the index `name` of one file in `folder`; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.fimref"
    made = record(project, text, licence, licence_class, "intervals/core.py")
    assert draft_index(path, name, [made], Lexer()) == 1
    return path
