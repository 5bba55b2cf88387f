"""The page that `fimbul stats --html` writes: one file, no script, nothing from elsewhere.

Plots are inline SVG; colours follow the reader's light or dark theme. Knows nothing about where
the rows come from.
"""

import html
from collections.abc import Iterator, Sequence

from lsp_server.feedback.figures import Figures, Row, by_day, day_of, figures_of, grouped
from lsp_server.feedback.records import Fate

_LATENCIES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Upper bounds of the bars of the latency plot, in milliseconds."""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 200, 44, 28, 12

_EXPLANATIONS = {
    Fate.WHOLE: "accepted whole",
    Fate.LINE: "accepted to the end of a line",
    Fate.WORD: "accepted by the word",
    Fate.TYPED: "typed by hand",
    Fate.REJECTED: "rejected (wrong)",
    Fate.IGNORED: "ignored",
    Fate.WITHDRAWN: "taken back by fimbul",
    Fate.UNSEEN: "gone before it could be seen",
}

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0;
  --page: #ffffff; --card: #f6f8fa; --good: #1a7f5a; --bad: #c4432b; --calm: #3b6fb6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --page: #0d1117; --card: #161b22;
    --good: #3fb98a; --bad: #f0735a; --calm: #6ea3ec; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1rem 4rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; }
p { margin: .3rem 0; max-width: 46rem; } .soft { color: var(--soft); font-size: .875rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .75rem 1rem; }
.card b { display: block; font-size: 1.6rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: .95rem; margin-bottom: .25rem; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.axis { stroke: var(--line); } .good { fill: var(--good); } .bad { fill: var(--bad); }
.calm { fill: var(--calm); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .45rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 500; }
"""


def page(rows: Sequence[Row], groups: Sequence[str]) -> str:
    """Return the whole page."""
    body = "\n".join(_body(rows, groups) if rows else _empty())
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src'
        " 'unsafe-inline'\">\n"
        f"<title>What became of suggestions</title>\n<style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _empty() -> Iterator[str]:
    yield "<h1>What became of suggestions</h1>"
    yield "<p>Nothing is known yet: no suggestion was shown in this time.</p>"


def _body(rows: Sequence[Row], groups: Sequence[str]) -> Iterator[str]:
    figures = figures_of(rows)
    days = f"{day_of(rows[0])} to {day_of(rows[-1])}"
    yield "<h1>What became of suggestions</h1>"
    yield f'<p class="soft">{days}, on this machine only</p>'
    yield from _cards(figures)
    yield '<div class="plots">'
    yield from _plots(rows, figures)
    yield "</div>"
    yield "<h2>What became of them, and how that is known</h2>"
    yield from _fates(figures)
    for name in groups:
        yield f"<h2>By {html.escape(name)}</h2>"
        yield from _groups(name, rows)
    yield "<h2>What the words mean</h2>"
    yield (
        "<p><b>Shown</b>: stood for a quarter of a second or longer, or was used. <b>Wrong</b>:"
        " shown and rejected, that is sent away, or something else was written there. <b>Kept</b>:"
        " at least half of the words were still there. <b>Reported</b>: the editor said so."
        " <b>Inferred</b>:"
        " seen in later edits, or in their absence.</p>"
    )


def _cards(figures: Figures) -> Iterator[str]:
    kept = {one.seconds: one for one in figures.kept}[120]
    yield '<div class="cards">'
    for value, what, known in (
        (str(figures.shown), "shown", f"{figures.shown_reported} reported, the others inferred"),
        (
            _percent(figures.acceptance_rate),
            "accepted",
            f"{figures.accepted} of them; {figures.accepted_reported} reported",
        ),
        (
            _percent(figures.wrong_rate),
            "wrong",
            f"{figures.wrong} of them; {_wrong_reported(figures)} reported",
        ),
        (_percent(kept.kept), "kept after 2 minutes", f"{kept.looked_at} looked at, inferred"),
        (
            f"{figures.accepted_characters:,}",
            "characters accepted",
            f"{figures.typed_characters:,} typed as shown",
        ),
        (
            _milliseconds(figures.latency_p50),
            "median latency",
            f"{_milliseconds(figures.latency_p95)} at the 95th percentile",
        ),
    ):
        yield f'<div class="card"><b>{value}</b>{what}<div class="soft">{known}</div></div>'
    yield "</div>"


def _plots(rows: Sequence[Row], figures: Figures) -> Iterator[str]:
    days = [(day, figures_of(some)) for day, some in by_day(rows).items()][-60:]
    yield _bars(
        "Accepted of the shown, by day, %",
        [(day[5:], _hundredfold(one.acceptance_rate), f"{one.shown} shown") for day, one in days],
        "good",
        100,
    )
    yield _bars(
        "Wrong of the shown, by day, %",
        [(day[5:], _hundredfold(one.wrong_rate), f"{one.shown} shown") for day, one in days],
        "bad",
        100,
    )
    yield _bars(
        "Accepted texts still there, %",
        [
            (f"{kept.seconds} s", _hundredfold(kept.kept), f"{kept.looked_at} looked at")
            for kept in figures.kept
        ],
        "good",
        100,
    )
    yield _bars("Latency, suggestions by milliseconds", _latencies(rows), "calm", None)


def _latencies(rows: Sequence[Row]) -> list[tuple[str, float | None, str]]:
    bars: list[tuple[str, float | None, str]] = []
    low = 0.0
    for high in (*map(float, _LATENCIES), float("inf")):
        count = sum(low <= row["latency"] < high for row in rows)
        label = f"<{high:.0f}" if high != float("inf") else f"≥{low:.0f}"
        bars.append((label, float(count), "suggestions"))
        low = high
    return bars


def _bars(
    title: str, bars: Sequence[tuple[str, float | None, str]], colour: str, top: float | None
) -> str:
    """Return a plot of labelled bars; a value of None is a gap."""
    highest = top or max((value or 0.0 for _, value, _ in bars), default=0.0) or 1.0
    across, up = _WIDTH - _LEFT, _HEIGHT - _BOTTOM - _TOP
    step = across / max(1, len(bars))
    every = -(-len(bars) // 10)
    parts = [
        f'<figure><figcaption>{html.escape(title)}</figcaption><svg role="img"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-label="{html.escape(title)}">'
    ]
    for share in (0.0, 0.5, 1.0):
        y = _TOP + up * (1 - share)
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        label = f"{highest * share:.0f}"
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for number, (label, value, detail) in enumerate(bars):
        x = _LEFT + number * step
        if value is not None:
            high = up * min(1.0, value / highest)
            what = html.escape(f"{label}: {value:.0f} ({detail})")
            parts.append(
                f'<rect class="{colour}" x="{x + step * 0.15:.1f}" y="{_TOP + up - high:.1f}"'
                f' width="{min(step * 0.7, 48):.1f}" height="{high:.1f}" rx="2">'
                f"<title>{what}</title></rect>"
            )
        if number % every == 0:
            middle = x + step * 0.15 + min(step * 0.7, 48) / 2
            parts.append(
                f'<text x="{middle:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">'
                f"{html.escape(label)}</text>"
            )
    parts.append("</svg></figure>")
    return "\n".join(parts)


def _fates(figures: Figures) -> Iterator[str]:
    yield '<div class="scroll"><table><tr><th>fate</th><th>suggestions</th><th>reported</th>'
    yield "<th>inferred</th></tr>"
    for fate, explanation in _EXPLANATIONS.items():
        count, reported = figures.fates[fate.value], figures.fates_reported[fate.value]
        yield _row(explanation, count, reported, count - reported)
    yield "</table></div>"


def _groups(name: str, rows: Sequence[Row]) -> Iterator[str]:
    first = ("shown", "accepted", "wrong", "characters accepted")
    heads = (*first, "kept 15 s", "kept 120 s", "kept 600 s", "p50", "p95")
    yield f'<div class="scroll"><table><tr><th>{html.escape(name)}</th>'
    yield "".join(f"<th>{head}</th>" for head in heads) + "</tr>"
    for key, some in grouped(rows, name).items():
        figures = figures_of(some)
        kept = {one.seconds: one.kept for one in figures.kept}
        yield _row(
            key,
            figures.shown,
            _percent(figures.acceptance_rate),
            _percent(figures.wrong_rate),
            figures.accepted_characters,
            *(_percent(kept[seconds]) for seconds in (15, 120, 600)),
            _milliseconds(figures.latency_p50),
            _milliseconds(figures.latency_p95),
        )
    yield "</table></div>"


def _row(*cells: object) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>"


def _wrong_reported(figures: Figures) -> int:
    return figures.fates_reported[Fate.REJECTED.value]


def _hundredfold(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _milliseconds(time_ms: float | None) -> str:
    return "-" if time_ms is None else f"{time_ms:.0f} ms"
