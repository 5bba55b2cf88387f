"""The page about a corpus: one file, no script, nothing from elsewhere.

Plots are inline SVG and follow the reader's light or dark theme. Knows nothing about how the
figures came about.
"""

import html
from collections.abc import Iterator, Mapping, Sequence

from fimbul_models.corpus.accounts import Account, Shares

_ROWS = 20
"""Bars of one plot; what is rarer is summed up."""

_WIDTH, _NAME, _BAR, _GAP = 640, 170, 12, 6

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0;
  --page: #fff; --before: #a9b4c0; --after: #1a7f5a; --bad: #c4432b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --page: #0d1117; --before: #4d5866; --after: #3fb98a; --bad: #f0735a; } }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1rem 4rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; }
.soft { color: var(--soft); font-size: .875rem; } figure { margin: 0; }
figcaption { font-weight: 600; font-size: .95rem; margin: .5rem 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1.5rem; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.before { fill: var(--before); } .after { fill: var(--after); } .bad { fill: var(--bad); }
.scroll { overflow-x: auto; } li { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .45rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 500; }
details { margin: .4rem 0; } summary { cursor: pointer; }
"""

Bars = Sequence[tuple[str, Sequence[float], str]]
"""Name, a value for each colour, and what is said about it."""


def page(account: Account) -> str:
    """Return the whole page."""
    body = "\n".join(_body(account))
    title = html.escape(f"The corpus {account.name}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src'
        " 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


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
    yield _plot("Files left", _funnel(account), ("after",))
    yield from _table(
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
        yield _plot(f"By {aspect}, %", _compared(shares), ("before", "after", "bad"))
    yield "</div>"


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
            yield _plot(title, [(name, (value,), "") for name, value in values.items()], ("after",))
    yield "</div>"
    if account.splits:
        yield "<h2>Sides of the split</h2>"
        columns = list(next(iter(account.splits.values())))
        rows = ((side, *map("{:,}".format, some.values())) for side, some in account.splits.items())
        yield from _table(("side", *columns), rows)
    if account.balance:
        yield "<h2>Balance</h2>"
        columns = list(next(iter(account.balance.values())))
        yield from _table(
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
    yield from _table(
        ("step", "seconds", "most MB held"),
        (
            (name, f"{cost.seconds:.1f}", f"{cost.memory / 1e6:.0f}")
            for name, cost in account.costs.items()
        ),
    )


def _plot(title: str, bars: Bars, colours: Sequence[str]) -> str:
    most = max((value for _, values, _ in bars for value in values), default=0.0) or 1.0
    step = _BAR * len(colours) + _GAP
    height = step * len(bars) + _GAP
    parts = [
        f'<figure><figcaption>{html.escape(title)}</figcaption><svg role="img"'
        f' viewBox="0 0 {_WIDTH} {height}" aria-label="{html.escape(title)}">'
    ]
    across = _WIDTH - _NAME - 70
    for number, (name, values, said) in enumerate(bars):
        top = _GAP + number * step
        middle = top + _BAR * len(colours) / 2 + 4
        parts.append(
            f'<text x="{_NAME - 8}" y="{middle:.1f}" text-anchor="end">'
            f"{html.escape(name if len(name) < 28 else name[:26] + '…')}"
            f"<title>{html.escape(name)}</title></text>"
        )
        for row, (value, colour) in enumerate(zip(values, colours, strict=True)):
            wide = max(1.0 if value else 0.0, across * value / most)
            down = top + row * _BAR
            hover = html.escape(f"{name}: {said}")
            parts.append(
                f'<rect class="{colour}" x="{_NAME}" y="{down}" width="{wide:.1f}"'
                f' height="{_BAR - 2}" rx="2"><title>{hover}</title></rect>'
                f'<text x="{_NAME + wide + 5:.1f}" y="{down + 9}">{_short(value)}</text>'
            )
    parts.append("</svg></figure>")
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield '<div class="scroll"><table><tr>'
    yield "".join(f"<th>{html.escape(head)}</th>" for head in heads) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</table></div>"


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


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
