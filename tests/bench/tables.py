"""The benchmark's report as Markdown: a document's tables, one after the other."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["CHARTS", "codecs", "figures", "headlines", "kind", "lines", "ratios", "spread"]

Document = Mapping[str, Any]
Level = Mapping[str, Any]

CHARTS = {
    "CPU per call": "cost.svg",
    "Round trip": "delay.svg",
    "Uplink": "uplink.svg",
    "Lateness": "lateness.svg",
}
"""What charts show, and their files."""
_METHOD = Path(__file__).parent / "METHOD.md"
_ROWS: tuple[tuple[str, Callable[[Level], str], str], ...] = (
    ("CPU per call, % of a core", lambda at: f"{at['cpu_per_call']:.3f}", "0.20"),
    (
        "the same on a core that never idles",
        lambda at: f"{at.get('awake_cpu_per_call', math.nan):.3f}",
        "",
    ),
    ("of that in the kernel", lambda at: f"{at['system_share']:.0%}", ""),
    (
        "round trip p50 / p90 / p99 / max, ms",
        lambda at: spread(at["round_trip"]),
        "p50 12, p99 25 at 100",
    ),
    (
        "uplink, datagram in to WebSocket write, ms",
        lambda at: spread(at["uplink"]),
        "p50 1, p99 5 at 100",
    ),
    ("downlink, agent to caller, ms", lambda at: spread(at["downlink"]), ""),
    ("held by the agent, ms", lambda at: spread(at["held"]), ""),
    (
        "beats more than 10 ms late, %",
        lambda at: f"{100 * at.get('behind_share', math.nan):.2f}",
        "1 at 400",
    ),
    ("packets behind their schedule, ms", lambda at: spread(at["behind_schedule"]), ""),
    (
        "worst tick of a call in 5 s, at most ms, p50 / p99",
        lambda at: f"{at['tick_late_p50_ms']:g} / {at['tick_late_p99_ms']:g}",
        "",
    ),
    ("set-up, INVITE to 200, ms", lambda at: spread(at["setup"]), ""),
    ("memory, MB", lambda at: f"{at['resident_mb']:.0f}", "100 + 0.4 a call"),
    ("threads, descriptors", lambda at: f"{at['threads']}, {at['descriptors']}", ""),
    (
        "frames sent, heard back, silent instead",
        lambda at: f"{at['frames_sent']}, {at['frames_heard']}, {at['filled']}",
        "",
    ),
    ("marks broken, strange", lambda at: f"{at['broken']}, {at['strange']}", ""),
    ("the load's own lateness, p99 ms", lambda at: f"{at['caller_late']['p99']:.2f}", "< 2"),
    ("the agent's own lateness, p99 ms", lambda at: f"{at['echo_late']['p99']:.2f}", "< 2"),
    ("CPU of load, agent, %", lambda at: f"{at['caller_cpu']:.0f}, {at['echo_cpu']:.0f}", ""),
    (
        "the same packets in C: load and agent, % of a core a call",
        lambda at: f"{(at['caller_cpu'] + at['echo_cpu']) / at['calls']:.3f}",
        "",
    ),
    (
        "a loop of 100,000 squares in Python just after it, ms",
        lambda at: f"{at.get('pace_ms', math.nan):.1f}",
        "",
    ),
    (
        "windows measured until the host left the core alone",
        lambda at: f"{at.get('windows', 1)}",
        "",
    ),
    (
        "others on the bridge's core, stolen, %",
        lambda at: f"{at['others_cpu']:.1f}, {at['stolen_cpu']:.1f}",
        "",
    ),
)


def lines(document: Document, last: Document | None) -> Iterator[str]:
    """The whole report; `last` is the run to compare it with."""
    yield from ("# What the bridge costs and how long it takes", "")
    yield from figures(document)
    if document.get("profile"):
        yield from _profile(document["profile"], (last or {}).get("profile", {}))
    if last is not None:
        yield from _changes(document, last)
    for title, file in CHARTS.items():
        yield from ("", f"![{title}]({file})")
    yield ""
    yield _METHOD.read_text().rstrip()


def figures(document: Document) -> Iterator[str]:
    """What was measured, where, and what speaks against it."""
    yield f"- machine: {document['machine']}"
    if pace := document.get("pace_ms"):
        yield f"- a loop of 100,000 squares in Python takes {pace:.1f} ms here"
    yield f"- commit: {document['commit']}, {document['when']}"
    yield f"- made by `make bench`, {document['plan']['window_s']:g} s for each column"
    for doubt in document["doubts"]:
        yield f"- **doubtful**: {doubt}"
    for run in document["runs"]:
        yield from _run(run)
    yield ""
    yield from (f"- {ratio}" for ratio in ratios(document))
    if "codecs" in document:
        yield from ("", *codecs(document["codecs"]))
    if "stages" in document:
        yield from _stages(document["stages"])


def _run(run: Mapping[str, Any]) -> Iterator[str]:
    levels = run["levels"]
    secure = "WebSocket and REST over TLS" if run["tls"] else "Plain WebSocket and REST"
    yield from ("", f"## {secure}", "")
    yield "| " + " | ".join(["calls", *(str(at["calls"]) for at in levels), "target"]) + " |"
    yield "|---|" + "---:|" * (len(levels) + 1)
    for name, show, target in _ROWS:
        yield "| " + " | ".join([name, *(show(at) for at in levels), target]) + " |"
    yield ""
    yield (
        f"Idle: {run['idle_mb']:.0f} MB, {run['idle_cpu']:.2f} % of a core. "
        f"Each call adds {run['mb_per_call']:.2f} MB (target 0.4)."
    )
    yield from _manners(run["manners"])
    yield from _turnover("Turnover", run["turnover"], "")
    yield from _turnover("Rush", run["rush"], " (target p50 10, p99 40)")


def _compared(levels: Sequence[Level]) -> tuple[Level, Level]:
    """100 calls, or the fewest where that was not measured, and the most."""
    return next((at for at in levels if at["calls"] == 100), levels[0]), levels[-1]


def _manners(manners: Mapping[str, Any] | None) -> Iterator[str]:
    if manners is None:
        return
    barge_in = manners["barge_in"]
    yield ""
    yield (
        f"Agents that say nothing: {manners['silent_cpu_per_call']:.3f} % of a core a call at "
        f"{manners['calls']} calls."
    )
    yield ""
    yield (
        f"Barge-in, clear sent to last packet with sound: {spread(barge_in)} ms (target p99 20); "
        f"{manners['clears']} clears, {barge_in['count']} of them heard to end."
    )


def _turnover(name: str, turnover: Mapping[str, Any] | None, target: str) -> Iterator[str]:
    if turnover is None:
        return
    yield ""
    yield (
        f"{name}: {turnover['offered']} calls offered at {turnover['rate']} a second, "
        f"{turnover['answered']} answered, {turnover['failed']} failed, "
        f"{turnover['answered_per_s']:.1f} answered a second (fewest in a second: "
        f"{turnover['slowest_second']}), set-up {spread(turnover['setup'])} ms{target}, "
        f"{turnover['retransmissions']} SIP retransmissions."
    )
    steps = ", ".join(f"{step} {at:.1f}" for step, at in turnover["steps"].items())
    yield f"Median ms from INVITE to each step, as the bridge saw it: {steps}."


def codecs(figures: Mapping[str, Any]) -> Iterator[str]:
    """What codecs and encryption cost, as lines."""
    plan, rows = figures["plan"], figures["rows"]
    yield from ("## Codecs and encryption", "")
    yield (
        "Plain WebSocket, the agent at the codec's own rate; "
        f"the cheapest of {plan['rounds']} rounds of {plan['window_s']:g} s."
    )
    yield from ("", "| | calls | CPU per call, % of a core | beside PCMU | target |")
    yield "|---|---:|---:|---:|---|"
    for row in rows:
        beside = "" if row is rows[0] else f"{row['beside']:+.0%}"
        cost = f"{row['cpu_per_call']:.3f}"
        yield f"| {row['name']} | {row['calls']} | {cost} | {beside} | {row['target']} |"


def ratios(document: Document) -> Iterator[str]:
    """What can be compared from machine to machine, as lines."""
    highest = {kind(run): run["levels"][-1] for run in document["runs"]}
    for name, at in highest.items():
        bridge, load = at["cpu_per_call"] * at["calls"], at["caller_cpu"] + at["echo_cpu"]
        yield f"{name}: CPU of the bridge beside that of its load: {bridge / load:.1f}"
    for run in document["runs"]:
        first, last = _compared(run["levels"])
        ratio = last["cpu_per_call"] / first["cpu_per_call"]
        levels = f"{last['calls']} beside {first['calls']}"
        yield f"{kind(run)}: CPU per call at {levels}: {ratio:.2f} (target 1.15)"
    if len(highest) == 2:
        ratio = highest["wss"]["cpu_per_call"] / highest["ws"]["cpu_per_call"]
        yield f"CPU per call, wss beside ws at {highest['ws']['calls']}: {ratio:.2f}"


def _profile(now: Mapping[str, float], before: Mapping[str, float]) -> Iterator[str]:
    """Where the CPU of whole calls goes, beside the run before where that was asked too."""
    yield from ("", "## Where the CPU goes", "")
    yield "100 calls over TLS, sampled by perf: microseconds for 20 ms of a call, both ways."
    yield from ("", "| stage | before | now | share |", "|---|---:|---:|---:|")
    for name, us in now.items():
        former = f"{before[name]:.1f}" if name in before else ""
        yield f"| {name} | {former} | {us:.1f} | {us / sum(now.values()):.0%} |"
    former = f"{sum(before.values()):.1f}" if before else ""
    yield f"| all | {former} | {sum(now.values()):.1f} | |"


def _stages(stages: list[tuple[str, float]]) -> Iterator[str]:
    yield from ("", "## What a packet costs, stage by stage", "")
    yield "CPU of one process, the best round; `all told` is with timers, event loop and kernel."
    yield from ("", "| stage | us |", "|---|---:|")
    for name, microseconds in stages:
        yield f"| {name.strip()} | {microseconds:.2f} |"


def _changes(document: Document, last: Document) -> Iterator[str]:
    before, now = headlines(last), headlines(document)
    yield from ("", f"## Against the run before, {last['commit']}", "")
    yield from ("| | before | now | change |", "|---|---:|---:|---:|")
    for name in now:
        if before.get(name):
            change = (now[name] - before[name]) / before[name]
            yield f"| {name} | {before[name]:.3g} | {now[name]:.3g} | {change:+.0%} |"


def headlines(document: Document) -> dict[str, float]:
    """The figures that one run is compared with another by."""
    found = {"the machine: 100,000 squares, ms": document.get("pace_ms", math.nan)}
    for run in document["runs"]:
        for at in run["levels"]:
            where = f"{kind(run)}, {at['calls']} calls: "
            found[where + "CPU per call, %"] = at["cpu_per_call"]
            found[where + "uplink p99, ms"] = at["uplink"]["p99"]
            found[where + "round trip p50, ms"] = at["round_trip"]["p50"]
            found[where + "round trip p99, ms"] = at["round_trip"]["p99"]
        for name in ("turnover", "rush"):
            if run.get(name):
                found[f"{kind(run)}: set-up p99 in {name}, ms"] = run[name]["setup"]["p99"]
        if run.get("manners"):
            found[f"{kind(run)}: barge-in p99, ms"] = run["manners"]["barge_in"]["p99"]
        found[f"{kind(run)}: MB a call"] = run["mb_per_call"]
    return {name: value for name, value in found.items() if math.isfinite(value)}


def kind(run: Mapping[str, Any]) -> str:
    """What a run's calls went over."""
    return "wss" if run["tls"] else "ws"


def spread(times: Mapping[str, float]) -> str:
    """A distribution in a table."""
    return " / ".join(f"{times[part]:.1f}" for part in ("p50", "p90", "p99", "max"))
