"""A picture of the call: both waveforms on one time axis, what was said, and the barge-in. SVG."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deploy.demo.script import SAMPLE_RATE

__all__ = ["Caption", "Picture"]

WIDTH, HEIGHT = 1280, 440
LEFT, RIGHT = 76, 24
LANE = 120
"""Height of a waveform's lane."""
CALLER_TOP, AGENT_TOP = 84, 220
AXIS = AGENT_TOP + LANE + 18
CALLER_COLOUR, AGENT_COLOUR, MARK_COLOUR = "#1f6fb2", "#2a8a4a", "#c8322b"
TEXT_COLOUR, FAINT_COLOUR = "#222222", "#9a9a9a"
CHARACTER = 6.4
"""Mean width of a character of the captions."""
LINE = 15
TICK_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Words, and the second of the audio at which they begin."""

    text: str
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is drawn. Times in seconds of the audio."""

    title: str
    caller: NDArray[np.int16]
    agent: NDArray[np.int16]
    caller_captions: Sequence[Caption]
    agent_captions: Sequence[Caption]
    mark_s: float
    dropped_s: float

    def save(self, path: Path) -> None:
        """Write it."""
        path.write_text(self._svg())

    def _svg(self) -> str:
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            _text(LEFT, 26, self.title, size=16),
            *self._axis(),
            *self._lane("caller", self.caller, CALLER_TOP, CALLER_COLOUR),
            *self._lane("agent", self.agent, AGENT_TOP, AGENT_COLOUR),
            *self._captions(self.caller_captions, bottom=CALLER_TOP - 6),
            *self._captions(self.agent_captions, top=AXIS + 38),
            *self._mark(),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    @property
    def _loudest(self) -> int:
        both = np.concatenate([self.caller, self.agent]).astype(np.int32)
        return max(1, int(np.abs(both).max()))

    def _x(self, time_s: float) -> float:
        return LEFT + time_s * (WIDTH - LEFT - RIGHT) * SAMPLE_RATE / len(self.caller)

    def _axis(self) -> list[str]:
        parts = []
        for second in range(0, int(len(self.caller) / SAMPLE_RATE) + 1, TICK_S):
            x = self._x(second)
            parts.append(_line(x, CALLER_TOP, AXIS - 12, "#ececec"))
            parts.append(_text(x, AXIS, f"{second} s", colour=FAINT_COLOUR, anchor="middle"))
        return parts

    def _lane(self, name: str, samples: NDArray[np.int16], top: int, colour: str) -> list[str]:
        middle = top + LANE / 2
        columns = np.array_split(samples.astype(np.int32), WIDTH - LEFT - RIGHT)
        scale = LANE / 2 / self._loudest
        upper = [f"{LEFT + x},{middle - scale * part.max():.1f}" for x, part in enumerate(columns)]
        lower = [f"{LEFT + x},{middle - scale * part.min():.1f}" for x, part in enumerate(columns)]
        points = " ".join(upper + lower[::-1])
        return [
            _text(LEFT - 10, middle + 4, name, colour=colour, anchor="end", size=14),
            f'<polygon points="{points}" fill="{colour}" stroke="{colour}" stroke-width="0.6"/>',
        ]

    def _captions(
        self, captions: Sequence[Caption], *, top: float = 0.0, bottom: float | None = None
    ) -> list[str]:
        """Each text under or over its speech, as wide as there is room up to the next."""
        parts = []
        ends = [self._x(each.start_s) for each in captions[1:]] + [float(WIDTH - 4)]
        for caption, end in zip(captions, ends, strict=True):
            start = self._x(caption.start_s)
            columns = max(12, int((end - start - 12) / CHARACTER))
            lines = textwrap.wrap(caption.text, columns)
            first = top if bottom is None else bottom - LINE * (len(lines) - 1)
            parts += [_text(start, first + LINE * row, line) for row, line in enumerate(lines)]
        return parts

    def _mark(self) -> list[str]:
        x, end = self._x(self.mark_s), self._x(self.mark_s + self.dropped_s)
        end = min(end, WIDTH - RIGHT)
        y = AGENT_TOP + LANE - 4
        return [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{CALLER_TOP - 2}" y2="{AXIS + 14}" '
            f'stroke="{MARK_COLOUR}" stroke-width="1.5" stroke-dasharray="5 3"/>',
            f'<line x1="{x:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}" stroke="{MARK_COLOUR}" '
            'stroke-width="3" stroke-dasharray="2 3" opacity="0.6"/>',
            _text(
                x + 6,
                AXIS + 18,
                f"barge-in: {self.dropped_s:.1f} s of queued speech never played",
                colour=MARK_COLOUR,
            ),
        ]


def _text(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = TEXT_COLOUR,
    anchor: str = "start",
    size: int = 12,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" '
        f'font-size="{size}">{escape(text)}</text>'
    )


def _line(x: float, top: float, bottom: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{colour}"/>'
