"""The page about a corpus: one file, no script, nothing from elsewhere.

Knows nothing about how the figures came about.
"""

import html
from collections.abc import Iterator, Mapping, Sequence

from fimbul_models.corpus.accounts import Account, Shares
from fimbul_models.webpage import Bars, document, plot, table

_ROWS = 20
"""Bars of one plot; what is rarer is summed up."""


def page(account: Account) -> str:
    """Return the whole page."""
    body = "\n".join(_body(account))
    return document(f"The corpus {account.name}", body)


def _body(account: Account) -> Iterator[str]:
    last = account.funnel[-1] if account.funnel else None
    first = account.funnel[0] if account.funnel else None
    yield f"<h1>The corpus {html.escape(account.name)}</h1>"
    if first and last:
        yield (
            f'<p class="soft">{account.repositories:,} repositories, {first.files_in:,} files, of'
            f" which {last.files_out:,} are used ({_megabytes(last.bytes_out)} of"
            f" {_megabytes(first.bytes_in)}); seed {account.seed}; digest"
            f" <code>{html.escape(account.digest[:16] or 'none')}</code></p>"
        )
    yield "<h2>What each stage leaves</h2>"
    yield plot("Files left", _funnel(account), ("after",))
    yield from table(
        ("stage", "files in", "files out", "MB in", "MB out", "dropped for"),
        (
            (
                count.stage,
                f"{count.files_in:,}",
                f"{count.files_out:,}",
                f"{count.bytes_in / 1e6:.1f}",
                f"{count.bytes_out / 1e6:.1f}",
                ", ".join(f"{why} {many:,}" for why, many in sorted(count.reasons.items())) or "-",
            )
            for count in account.funnel
        ),
    )
    yield from _shares(account)
    yield from _sides(account)
    yield from _drops(account)
    yield from _costs(account)


def _funnel(account: Account) -> Bars:
    if not account.funnel:
        return ()
    bars = [("found", (float(account.funnel[0].files_in),), "files")]
    return [*bars, *((one.stage, (float(one.files_out),), "files left") for one in account.funnel)]


def _shares(account: Account) -> Iterator[str]:
    yield "<h2>Of what it is made</h2>"
    yield (
        '<p class="soft">Shares of the files: grey as gathered, green as used, red in the test'
        " split.</p>"
    )
    yield '<div class="plots">'
    for aspect in account.after:
        sides = [account.before, account.after, account.evaluation]
        shares = [side.get(aspect, {}) for side in sides]
        yield plot(f"By {aspect}, %", _compared(shares), ("before", "after", "bad"))
    yield "</div>"
    yield from _languages(account)


def _languages(account: Account) -> Iterator[str]:
    if not account.languages:
        return
    yield "<h2>Languages over repositories</h2>"
    yield (
        '<p class="soft">Of what was gathered. First: most of the repository is written in it;'
        " behind: its bytes in repositories where another language is first.</p>"
    )
    yield from table(
        ("language", "files", "MB", "in repositories", "first", "behind %"),
        (
            (
                share.language or "(none)",
                f"{share.files:,}",
                f"{share.size / 1e6:.1f}",
                f"{share.repositories:,}",
                f"{share.first:,}",
                f"{100 * share.behind / max(1, share.size):.0f}",
            )
            for share in account.languages
        ),
    )


def _compared(sides: Sequence[Shares]) -> Bars:
    names = sorted(sides[0].keys() | sides[1].keys() | sides[2].keys())
    totals = [sum(share.files for share in side.values()) or 1 for side in sides]

    def percent(name: str) -> list[float]:
        found = (side.get(name) for side in sides)
        return [
            100 * share.files / most if share else 0.0
            for share, most in zip(found, totals, strict=True)
        ]

    ranked = sorted(names, key=lambda name: (-max(percent(name)), name))
    bars = [(name, percent(name), _said(name, sides)) for name in ranked[:_ROWS]]
    if rest := ranked[_ROWS:]:
        sums = [sum(column) for column in zip(*map(percent, rest), strict=True)]
        bars.append((f"{len(rest)} others", sums, ""))
    return bars


def _said(name: str, sides: Sequence[Shares]) -> str:
    return "; ".join(
        f"{what} {share.files:,} files of {share.repositories:,} repositories"
        for what, side in zip(("gathered", "used", "test"), sides, strict=True)
        if (share := side.get(name))
    )


def _sides(account: Account) -> Iterator[str]:
    kept = {name: 100 * share for name, share in account.strictness.items()}
    plots: dict[str, Mapping[str, float]] = {
        "Share of the bytes that each strictness about licences keeps, %": kept,
        "Clusters of duplicates, by files in them": {
            str(size): many for size, many in account.clusters.items()
        },
        "Spans redacted": account.redacted,
        "Examples, by kind": account.examples,
    }
    yield '<div class="plots">'
    for title, values in plots.items():
        if values:
            yield plot(title, [(name, (value,), "") for name, value in values.items()], ("after",))
    yield "</div>"
    if account.splits:
        yield "<h2>Sides of the split</h2>"
        columns = list(next(iter(account.splits.values())))
        rows = ((side, *map("{:,}".format, some.values())) for side, some in account.splits.items())
        yield from table(("side", *columns), rows)
    if account.balance:
        yield "<h2>Balance</h2>"
        columns = list(next(iter(account.balance.values())))
        yield from table(
            ("", *columns),
            ((name, *(f"{v:.4g}" for v in one.values())) for name, one in account.balance.items()),
        )


def _drops(account: Account) -> Iterator[str]:
    if account.dropped:
        yield "<h2>What was dropped, and examples</h2>"
    for reason, one in account.dropped.items():
        yield (
            f"<details><summary>{html.escape(reason)}: {one.files:,} files,"
            f" {_megabytes(one.bytes)}. {html.escape(one.sentence)}</summary><ul>"
        )
        yield from (f"<li><code>{html.escape(example)}</code></li>" for example in one.examples)
        yield "</ul></details>"


def _costs(account: Account) -> Iterator[str]:
    if not account.costs:
        return
    yield "<h2>What it cost</h2>"
    yield (
        f'<p class="soft">Seconds of all processes together; {account.engine},'
        f" {account.processes} at once; {account.seconds:.0f} s by the clock.</p>"
    )
    yield from table(
        ("step", "seconds", "most MB held"),
        (
            (name, f"{cost.seconds:.1f}", f"{cost.memory / 1e6:.0f}")
            for name, cost in account.costs.items()
        ),
    )


def as_text(account: Account) -> Iterator[str]:
    """Yield the funnel and what it cost, as lines for a terminal."""
    form = "{:<22} {:>10} {:>10} {:>10} {:>10}  {}"
    yield form.format("stage", "files in", "out", "MB in", "out", "dropped")
    for one in account.funnel:
        why = ", ".join(f"{reason} {many:,}" for reason, many in _most(one.reasons))
        yield form.format(
            one.stage,
            f"{one.files_in:,}",
            f"{one.files_out:,}",
            f"{one.bytes_in / 1e6:.1f}",
            f"{one.bytes_out / 1e6:.1f}",
            why,
        ).rstrip()
    for name, cost in account.costs.items():
        yield f"{name}: {cost.seconds:.1f} s, at most {cost.memory / 1e6:.0f} MB"


def _most(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
