"""Pages for people: one file, no script, nothing from elsewhere.

Plots are inline SVG and follow the reader's light or dark theme. Knows nothing about what is shown.
"""

import html
from collections.abc import Iterable, Iterator, Sequence

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


def document(title: str, body: str) -> str:
    """Return the whole page with that title; `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src'
        " 'unsafe-inline'\">\n"
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style></head>\n<body>\n{body}\n"
        "</body></html>\n"
    )


def plot(title: str, bars: Bars, colours: Sequence[str]) -> str:
    """Return bars from 0 to the right; `colours` are those of each bar's values."""
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


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield '<div class="scroll"><table><tr>'
    yield "".join(f"<th>{html.escape(head)}</th>" for head in heads) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</table></div>"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"
