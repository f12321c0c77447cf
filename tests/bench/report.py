"""The benchmark's report: one JSON file a run, and the latest as Markdown with charts."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench.plot import chart

__all__ = ["codecs", "doubts", "last_report", "markdown", "write"]

LATE_MS = 5.0
"""A load later than this at p99 says more of itself than of the bridge."""
OTHERS_PERCENT = 5.0
STOLEN_PERCENT = 1.0

Document = Mapping[str, Any]
Level = Mapping[str, Any]

_METHOD = Path(__file__).parent / "METHOD.md"
_ROWS: tuple[tuple[str, Callable[[Level], str], str], ...] = (
    ("CPU per call, % of a core", lambda at: f"{at['cpu_per_call']:.3f}", "0.40 at 100, ws"),
    ("of that in the kernel", lambda at: f"{at['system_share']:.0%}", ""),
    (
        "round trip p50 / p90 / p99 / max, ms",
        lambda at: _spread(at["round_trip"]),
        "p50 20, p99 45",
    ),
    ("uplink, datagram in to WebSocket write, ms", lambda at: _spread(at["uplink"]), ""),
    ("downlink, agent to caller, ms", lambda at: _spread(at["downlink"]), ""),
    ("held by the agent, ms", lambda at: _spread(at["held"]), ""),
    ("packets behind their schedule, ms", lambda at: _spread(at["behind_schedule"]), ""),
    (
        "worst tick of a call in 5 s, at most ms, p50 / p99",
        lambda at: f"{at['tick_late_p50_ms']:g} / {at['tick_late_p99_ms']:g}",
        "",
    ),
    ("set-up, INVITE to 200, ms", lambda at: _spread(at["setup"]), "p99 60"),
    ("memory, MB", lambda at: f"{at['resident_mb']:.0f}", ""),
    ("threads, descriptors", lambda at: f"{at['threads']}, {at['descriptors']}", ""),
    (
        "frames sent, heard back, silent instead",
        lambda at: f"{at['frames_sent']}, {at['frames_heard']}, {at['filled']}",
        "",
    ),
    ("marks broken, strange", lambda at: f"{at['broken']}, {at['strange']}", ""),
    ("the load's own lateness, p99 ms", lambda at: f"{at['caller_late']['p99']:.2f}", "< 5"),
    ("the agent's own lateness, p99 ms", lambda at: f"{at['echo_late']['p99']:.2f}", "< 5"),
    ("CPU of load, agent, %", lambda at: f"{at['caller_cpu']:.0f}, {at['echo_cpu']:.0f}", ""),
    (
        "others on the bridge's core, stolen, %",
        lambda at: f"{at['others_cpu']:.1f}, {at['stolen_cpu']:.1f}",
        "",
    ),
)


def doubts(document: Document) -> list[str]:
    """Why figures of a run should not be trusted; empty when nothing speaks against them."""
    found = []
    if document["priority"] != "ordinary":
        found.append(f"all processes ran at {document['priority']} priority, which users' do not")
    for run in document["runs"]:
        for at in run["levels"]:
            where = f"{_kind(run)} {at['calls']} calls"
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
    (folder / "cost.svg").write_text(
        chart(
            "CPU of the bridge per call",
            {_kind(run): _line(run, lambda at: at["cpu_per_call"]) for run in document["runs"]},
            across="calls",
            upward="% of a core",
            limit=0.40,
        )
    )
    (folder / "delay.svg").write_text(
        chart(
            "Round trip through bridge and echo",
            {
                f"{_kind(run)} {part}": _line(run, _round_trip(part))
                for run in document["runs"]
                for part in ("p50", "p99")
            },
            across="calls",
            upward="ms",
            limit=45,
        )
    )


def markdown(document: Document, last: Document | None) -> str:
    """The report as text."""
    return "\n".join(_lines(document, last)) + "\n"


def _lines(document: Document, last: Document | None) -> Iterator[str]:
    yield from ("# What the bridge costs and how long it takes", "")
    yield f"- machine: {document['machine']}"
    yield f"- commit: {document['commit']}, {document['when']}"
    yield f"- made by `make bench`, {document['plan']['window_s']:g} s for each column"
    for doubt in document["doubts"]:
        yield f"- **doubtful**: {doubt}"
    for run in document["runs"]:
        yield from _run(run)
    if "codecs" in document:
        yield from ("", *codecs(document["codecs"]))
    if "stages" in document:
        yield from _stages(document["stages"])
    if last is not None:
        yield from _changes(document, last)
    yield from ("", "![CPU per call](cost.svg)", "", "![Round trip](delay.svg)", "")
    yield _METHOD.read_text().rstrip()


def _run(run: Mapping[str, Any]) -> Iterator[str]:
    levels, turnover = run["levels"], run["turnover"]
    secure = "WebSocket and REST over TLS" if run["tls"] else "Plain WebSocket and REST"
    yield from ("", f"## {secure}", "")
    yield "| " + " | ".join(["calls", *(str(at["calls"]) for at in levels), "target"]) + " |"
    yield "|---|" + "---:|" * (len(levels) + 1)
    for name, show, target in _ROWS:
        yield "| " + " | ".join([name, *(show(at) for at in levels), target]) + " |"
    yield ""
    yield (
        f"Idle: {run['idle_mb']:.0f} MB (target 120), {run['idle_cpu']:.2f} % of a core. "
        f"Each call adds {run['mb_per_call']:.2f} MB (target 0.6)."
    )
    yield ""
    yield (
        f"Turnover: {turnover['offered']} calls offered at {turnover['rate']} a second, "
        f"{turnover['answered']} answered, {turnover['failed']} failed, "
        f"{turnover['answered_per_s']:.1f} answered a second (fewest in a second: "
        f"{turnover['slowest_second']}), set-up {_spread(turnover['setup'])} ms, "
        f"{turnover['retransmissions']} SIP retransmissions."
    )
    steps = ", ".join(f"{step} {at:.1f}" for step, at in turnover["steps"].items())
    yield f"Median ms from INVITE to each step, as the bridge saw it: {steps}."


def codecs(figures: Mapping[str, Any]) -> Iterator[str]:
    """What codecs and encryption cost, as lines."""
    plan, rows = figures["plan"], figures["rows"]
    yield from ("## Codecs and encryption", "")
    yield (
        f"{plan['calls']} calls each, plain WebSocket, the agent at the codec's own rate; "
        f"the cheapest of {plan['rounds']} rounds of {plan['window_s']:g} s."
    )
    yield from ("", "| | CPU per call, % of a core | beside PCMU | target |", "|---|---:|---:|---|")
    for row in rows:
        beside = "" if row is rows[0] else f"{row['beside']:+.0%}"
        yield f"| {row['name']} | {row['cpu_per_call']:.3f} | {beside} | {row['target']} |"


def _stages(stages: list[tuple[str, float]]) -> Iterator[str]:
    yield from ("", "## What a packet costs, stage by stage", "")
    yield "CPU of one process, the best round; `all told` is with timers, event loop and kernel."
    yield from ("", "| stage | us |", "|---|---:|")
    for name, microseconds in stages:
        yield f"| {name.strip()} | {microseconds:.2f} |"


def _changes(document: Document, last: Document) -> Iterator[str]:
    before, now = _headlines(last), _headlines(document)
    yield from ("", f"## Against the run before, {last['commit']}", "")
    yield from ("| | before | now | change |", "|---|---:|---:|---:|")
    for name in now:
        if before.get(name):
            change = (now[name] - before[name]) / before[name]
            yield f"| {name} | {before[name]:.3g} | {now[name]:.3g} | {change:+.0%} |"


def _headlines(document: Document) -> dict[str, float]:
    figures: dict[str, float] = {}
    for run in document["runs"]:
        for at in run["levels"]:
            where = f"{_kind(run)}, {at['calls']} calls: "
            figures[where + "CPU per call, %"] = at["cpu_per_call"]
            figures[where + "round trip p50, ms"] = at["round_trip"]["p50"]
            figures[where + "round trip p99, ms"] = at["round_trip"]["p99"]
        figures[f"{_kind(run)}: set-up p99 in turnover, ms"] = run["turnover"]["setup"]["p99"]
        figures[f"{_kind(run)}: MB a call"] = run["mb_per_call"]
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _kind(run: Mapping[str, Any]) -> str:
    return "wss" if run["tls"] else "ws"


def _line(run: Mapping[str, Any], value: Callable[[Level], float]) -> list[tuple[float, float]]:
    return [(at["calls"], value(at)) for at in run["levels"]]


def _round_trip(part: str) -> Callable[[Level], float]:
    def value(at: Level) -> float:
        delay: float = at["round_trip"][part]
        return delay

    return value


def _spread(spread: Mapping[str, float]) -> str:
    return " / ".join(f"{spread[part]:.1f}" for part in ("p50", "p90", "p99", "max"))
