"""What was measured, as Markdown tables."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tests.impair.drift import Drift
from tests.impair.judge import Verdict
from tests.impair.targets import Finding

__all__ = ["drift_table", "finding_table", "verdict_table"]

T = TypeVar("T")
Columns = Sequence[tuple[str, Callable[[T], str]]]

_VERDICT: Columns[Verdict] = (
    ("network", lambda of: str(of.network)),
    ("packets lost by it", lambda of: _share(of.network_lost, of.sent)),
    ("given up", lambda of: f"{of.lost}"),
    ("late", lambda of: f"{of.late}"),
    ("concealed", lambda of: f"{of.concealed}"),
    ("silence", lambda of: f"{of.filled}"),
    ("PESQ, silence put in", lambda of: f"{of.opinion_silenced:.2f}"),
    ("PESQ, as heard", lambda of: f"{of.opinion:.2f}" + (" exact" if of.exact else "")),
    ("delay added p50 / p95, ms", lambda of: f"{of.delay_ms(50):.1f} / {of.delay_ms(95):.1f}"),
)
_DRIFT: Columns[Drift] = (
    ("way", lambda of: of.way),
    ("clock", lambda of: f"{of.ppm:+g} ppm"),
    ("frames", lambda of: f"{of.frames}"),
    ("dropped", lambda of: f"{of.dropped}"),
    ("silence put in", lambda of: f"{of.silent}"),
    (
        "delay first / last minute, ms",
        lambda of: f"{of.delay_first_ms:.1f} / {of.delay_last_ms:.1f}",
    ),
)
_FINDING: Columns[Finding] = (
    ("codec", lambda of: of.encoding),
    ("network", lambda of: str(of.network)),
    ("figure", lambda of: of.what),
    ("target", lambda of: of.target),
    ("measured", lambda of: of.measured),
    ("", lambda of: "met" if of.met else "MISSED"),
)


def verdict_table(verdicts: Iterable[Verdict]) -> str:
    return _table(_VERDICT, verdicts)


def drift_table(drifts: Iterable[Drift]) -> str:
    return _table(_DRIFT, drifts)


def finding_table(findings: Iterable[Finding]) -> str:
    return _table(_FINDING, findings)


def _table(columns: Columns[T], rows: Iterable[T]) -> str:
    cells = [[name for name, _ in columns]]
    cells += [[cell(row) for _, cell in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.1%})"
