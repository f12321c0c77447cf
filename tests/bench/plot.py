"""Line charts as SVG text, plain enough to read in a diff."""

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["chart"]

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 36, 44
_COLOURS = ("#1f6fb4", "#d1662b", "#3c8d40", "#8a4fa3")
_STEPS = 6
"""Steps of the upward axis, at most."""

Point = tuple[float, float]


def chart(
    title: str, lines: Mapping[str, Sequence[Point]], *, across: str, upward: str, limit: float
) -> str:
    """Lines by name over one pair of axes from 0; `limit` is drawn dashed, a target."""
    points = [point for line in lines.values() for point in line]
    right = max((x for x, _ in points), default=1.0)
    step = _round_step(max([limit, *(y for _, y in points)]))
    top = step * _STEPS

    def place(point: Point) -> str:
        x = LEFT + point[0] / right * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - point[1] / top * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        _text(LEFT, 20, title, size=14),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, across, anchor="middle"),
        _text(LEFT, TOP - 4, upward, size=11),
    ]
    for number in range(_STEPS + 1):
        value = step * number
        y = float(place((0, value)).partition(",")[2])
        parts.append(_line(f"{LEFT},{y:.1f} {WIDTH - RIGHT},{y:.1f}", "#dddddd"))
        parts.append(_text(LEFT - 6, y + 4, f"{value:.3g}", anchor="end"))
    for x in sorted({x for x, _ in points}):
        at = float(place((x, 0)).partition(",")[0])
        parts.append(_text(at, HEIGHT - BOTTOM + 16, f"{x:g}", anchor="middle"))
    parts.append(_line(f"{place((0, limit))} {place((right, limit))}", "#b00020", dashed=True))
    parts.append(_text(WIDTH - RIGHT + 8, TOP + 4, f"- - target {limit:g}", colour="#b00020"))
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(_line(" ".join(map(place, line)), colour, width=2))
        parts.append(_text(WIDTH - RIGHT + 8, TOP + 22 + 18 * number, name, colour=colour))
    return "\n".join([*parts, "</svg>", ""])


def _round_step(top: float) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten of which `_STEPS` reach `top`."""
    power = 10.0 ** math.floor(math.log10(top / _STEPS))
    return next(power * part for part in (1, 2, 2.5, 5, 10) if power * part * _STEPS >= top)


def _line(points: str, colour: str, *, width: float = 1, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    colour: str = "#333333",
    size: int = 12,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
        f'font-size="{size}">{escape(text)}</text>'
    )
