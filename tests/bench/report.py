"""The benchmark's report: one JSON file a run, and the latest as Markdown with charts."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import tables
from tests.bench.plot import chart

__all__ = ["doubts", "last_report", "markdown", "write"]

LATE_MS = 2.0
"""A load later than this at p99 says more of itself than of the bridge."""
OTHERS_PERCENT = 5.0
STOLEN_PERCENT = 1.0

Document = Mapping[str, Any]
Level = Mapping[str, Any]


def doubts(document: Document) -> list[str]:
    """Why figures of a run should not be trusted; empty when nothing speaks against them."""
    found = []
    if document["priority"] != "ordinary":
        found.append(f"all processes ran at {document['priority']} priority, which users' do not")
    if not document.get("compiled", True):
        found.append("the packets' path ran as plain Python: `make native` compiles it")
    for run in document["runs"]:
        for at in run["levels"]:
            where = f"{tables.kind(run)} {at['calls']} calls"
            for who, spread in (("load", at["caller_late"]), ("agent", at["echo_late"])):
                if spread["p99"] > LATE_MS:
                    found.append(f"{where}: the {who} was late itself, p99 {spread['p99']:.1f} ms")
            if at["others_cpu"] > OTHERS_PERCENT:
                found.append(f"{where}: others used {at['others_cpu']:.0f} % of the bridge's core")
            if at["stolen_cpu"] > STOLEN_PERCENT:
                found.append(f"{where}: the host took {at['stolen_cpu']:.1f} % of the core away")
    return found


def last_report(folder: Path) -> Document | None:
    """The report of the run before this one."""
    runs = sorted((folder / "runs").glob("*.json"))
    if not runs:
        return None
    document: Document = json.loads(runs[-1].read_text())
    return document


def write(document: Document, folder: Path, last: Document | None) -> None:
    """Keep the run, and make it the report that is shown."""
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    name = f"{document['when'].replace(':', '')[:15]}-{document['commit'].split()[0]}.json"
    (folder / "runs" / name).write_text(json.dumps(document, indent=1) + "\n")
    (folder / "README.md").write_text(markdown(document, last))
    for name, drawn in _charts(document["runs"]).items():
        (folder / name).write_text(drawn)


def markdown(document: Document, last: Document | None) -> str:
    """The report as text."""
    return "\n".join(tables.lines(document, last)) + "\n"


def _charts(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The charts by their files."""

    def drawn(title: str, unit: str, limit: float, **shown: Callable[[Level], float]) -> str:
        lines = {
            f"{tables.kind(run)} {part}".strip(): [(at["calls"], value(at)) for at in run["levels"]]
            for run in runs
            for part, value in shown.items()
        }
        return chart(title, lines, across="calls", upward=unit, limit=limit)

    def part(figure: str, name: str) -> Callable[[Level], float]:
        return lambda at: float(at[figure][name])

    return {
        "cost.svg": drawn(
            "CPU of the bridge per call", "% of a core", 0.20, CPU=lambda at: at["cpu_per_call"]
        ),
        "delay.svg": drawn(
            "Round trip through bridge and echo",
            "ms",
            25,
            p50=part("round_trip", "p50"),
            p99=part("round_trip", "p99"),
        ),
        "uplink.svg": drawn(
            "Uplink, datagram in to WebSocket write",
            "ms",
            5,
            p50=part("uplink", "p50"),
            p99=part("uplink", "p99"),
        ),
        "lateness.svg": drawn(
            "Packets behind their schedule",
            "ms",
            10,
            p50=part("behind_schedule", "p50"),
            p99=part("behind_schedule", "p99"),
        ),
    }
