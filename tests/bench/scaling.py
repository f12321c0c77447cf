"""The plan of docs/scaling.md: what many calls take, computed from figures that were measured.

Everything between the page's two marks is written by this program, from the newest run in
docs/bench/runs and docs/bench/edge.json:

    python -m tests.bench.scaling
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

__all__ = ["Measured", "main", "page", "plan"]

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "scaling.md"
BEGIN, END = (
    "<!-- computed: python -m tests.bench.scaling -->\n",
    "<!-- end of what is computed -->\n",
)

CALLS = (500, 2000, 10_000)
TALK_S = 180
"""How long a call lasts, on average."""
BUSY = 0.70
"""Of a core, for calls that go on. Admission closes at 85 %; the rest is for setting calls up."""
DRAIN_S = 30
"""A port pair stays bound so long after its call."""
PING_S = 2
"""Between two OPTIONS of the edge to a bridge."""

# Bytes around a payload. Ethernet counts preamble, checksum and gap, as a link's rate does.
ETHERNET, IP_UDP, RTP = 38, 28, 12
IP_TCP, TLS, WEBSOCKET = 52, 22, 8
MTU = 1448
"""Most bytes of a TCP segment (1500 with IPv4, TCP and its time stamps)."""
FRAMES_S = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """A codec, and the agent's audio beside it."""

    name: str
    payload: int
    """Bytes of 20 ms."""
    agent_hz: int


CODECS = (
    Codec(name="G.711", payload=160, agent_hz=8000),
    Codec(name="G.722", payload=160, agent_hz=16_000),
    Codec(name="Opus 28 kbit/s, agent at 16 kHz", payload=70, agent_hz=16_000),
    Codec(name="Opus 28 kbit/s, agent at 48 kHz", payload=70, agent_hz=48_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the plan rests on."""

    source: str
    calls: int
    """At once, when it was measured."""
    cpu_percent: float
    """Of a core, for a call, over TLS."""
    idle_mb: float
    call_mb: float
    descriptors: float
    """Of a call."""
    edge_cpu_ms: float
    """Kamailio's, for a call from INVITE to BYE."""
    edge_messages: int
    """SIP messages that the edge receives and sends for a call."""

    @classmethod
    def read(cls, name: str = "") -> "Measured":
        """The newest run, or the one of that name."""
        runs = DOCS / "bench" / "runs"
        path = runs / name if name else sorted(runs.glob("*.json"))[-1]
        run: dict[str, Any] = json.loads(path.read_text())
        edge = json.loads((DOCS / "bench" / "edge.json").read_text())
        tls = next(each for each in run["runs"] if each["tls"])
        low, high = tls["levels"][0], tls["levels"][-1]
        added = high["calls"] - low["calls"]
        return cls(
            source=path.name,
            calls=high["calls"],
            cpu_percent=high["cpu_per_call"],
            idle_mb=tls["idle_mb"],
            call_mb=(high["resident_mb"] - tls["idle_mb"]) / high["calls"],
            descriptors=(high["descriptors"] - low["descriptors"]) / added,
            edge_cpu_ms=edge["cpu_ms_per_call"],
            edge_messages=edge["messages_per_call"],
        )


def page(measured: Measured) -> str:
    """What stands between the marks."""
    return "\n".join([*_basis(measured), "", *plan(measured), "", *_bandwidth(), ""])


def _basis(measured: Measured) -> Iterator[str]:
    yield f"Measured, in [{measured.source}](bench/runs/{measured.source}), over TLS, G.711,"
    yield f"{measured.calls} calls at once: **{measured.cpu_percent:.2f} % of a core** a call,"
    yield f"{measured.idle_mb:.0f} MB and {measured.call_mb:.2f} MB a call,"
    yield f"{measured.descriptors:.1f} descriptors a call."
    yield "Kamailio, in [edge.json](bench/edge.json):"
    yield f"{measured.edge_cpu_ms:.2f} ms of a core and {measured.edge_messages} messages a call."


def plan(measured: Measured) -> Iterator[str]:
    """The table, one column for each number of calls at once."""
    columns = [_column(measured, calls) for calls in CALLS]
    yield "| calls at once | " + " | ".join(f"{calls:,}" for calls in CALLS) + " |"
    yield "|---|" + "---:|" * len(CALLS)
    for name in columns[0]:
        yield f"| {name} | " + " | ".join(column[name] for column in columns) + " |"


def _column(measured: Measured, calls: int) -> dict[str, str]:
    each = int(100 * BUSY / measured.cpu_percent)
    bridges = ceil(calls / each)
    rate = calls / TALK_S
    ports = 2 * ceil(each * (1 + DRAIN_S / TALK_S))
    messages = rate * measured.edge_messages + 2 * bridges / PING_S
    return {
        "calls a bridge (a process, a core)": f"{each}",
        "bridges, one of them to spare": f"{bridges + 1}",
        "memory of all, GB": _round((bridges * measured.idle_mb + calls * measured.call_mb) / 1000),
        "media ports of each bridge": f"{ports:,}",
        "descriptors of each bridge": f"{ceil(each * measured.descriptors) + 100:,}",
        f"calls begun a second (each {TALK_S} s)": _round(rate),
        "the same a minute": f"{60 * rate:,.0f}",
        "SIP messages a second at the edge": f"{messages:,.0f}",
        "Kamailio, % of a core": _round(rate * measured.edge_cpu_ms / 10),
        "RTP, G.711, packets a second each way": f"{calls * FRAMES_S:,}",
        "RTP, G.711, Mbit/s each way": f"{calls * _rtp_bits(CODECS[0]) / 1e6:,.0f}",
        "WebSocket, G.711, Mbit/s each way": f"{calls * _agent_bits(CODECS[0]) / 1e6:,.0f}",
        "recording, WAV of 8 kHz, GB an hour": f"{calls * 32_000 * 3600 / 1e9:,.0f}",
        "journal, 2 kB a call, MB an hour": f"{rate * 3600 * 2000 / 1e6:,.0f}",
    }


def _bandwidth() -> Iterator[str]:
    yield "| one call, each way | RTP, kbit/s | WebSocket, kbit/s |"
    yield "|---|---:|---:|"
    for codec in CODECS:
        rtp, agent = _rtp_bits(codec) / 1000, _agent_bits(codec) / 1000
        yield f"| {codec.name} | {rtp:.0f} | {agent:.0f} |"


def _rtp_bits(codec: Codec) -> int:
    return 8 * FRAMES_S * (codec.payload + RTP + IP_UDP + ETHERNET)


def _agent_bits(codec: Codec) -> int:
    """A message for each 20 ms of 16-bit samples, in a TLS record, in TCP segments."""
    record = 2 * codec.agent_hz // FRAMES_S + WEBSOCKET + TLS
    return 8 * FRAMES_S * (record + ceil(record / MTU) * (IP_TCP + ETHERNET))


def _round(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def main() -> None:
    """Write the page anew."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{page(Measured.read())}{END}{after}")


if __name__ == "__main__":
    main()
