"""Plots as SVG, without a library. Pure."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 360, 60, 20, 20, 50
COLOURS = ("#0b6e4f", "#c03221", "#545e75", "#e09f3e", "#3d5a80")


def curves(
    series: Mapping[str, Sequence[tuple[float, float]]], x_label: str, y_label: str, y_most: float
) -> str:
    """Return an SVG with a line for each series of points, from nought to `y_most`."""
    x_most = max(x for points in series.values() for x, _ in points) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / x_most
        return across, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / y_most

    parts = [*_axes(x_most, y_most, x_label, y_label)]
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in points)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{line}"/>')
        down = TOP + 14 + 16 * number
        parts.append(f'<text x="{LEFT + 12}" y="{down}" fill="{colour}">{escape(name)}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _axes(x_most: float, y_most: float, x_label: str, y_label: str) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="black"/>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{escape(x_label)}</text>",
        f'<text transform="translate(14 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>",
    ]
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = LEFT + (right - LEFT) * part, bottom - (bottom - TOP) * part
        parts.append(
            f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{x_most * part:g}</text>'
        )
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{y_most * part:g}</text>')
    return parts
