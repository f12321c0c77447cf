"""Metrics of the running service, in the names of the fixed face.

Nothing here is on the media path: counters are read at each scrape (`bridge.counters`), what is a
distribution is observed once a call or once a sampling interval.
"""

import asyncio
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest

from bridge.call import Call
from bridge.counters import Counters, Source
from bridge.one_way import OneWayAudio
from bridge.views.legs import quality_of

__all__ = ["Metrics"]

_SETUP = (0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
_TURN = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_JITTER = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
_DEPTH = (0.0, 0.02, 0.06, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
_LATE = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_MOS = (1.5, 2.0, 2.5, 3.0, 3.25, 3.5, 3.75, 4.0, 4.2, 4.3, 4.5)
_TOOL = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)
_RTT = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


class Metrics:
    """The `bridge_` metrics of one service and the `process_` ones, in a registry of their own."""

    def __init__(self, source: Source) -> None:
        self.registry = CollectorRegistry()
        self.setup = self._histogram("setup_seconds", "INVITE to answer", _SETUP)
        self.turn = self._histogram(
            "turn_latency_seconds", "End of caller speech to agent's first frame", _TURN
        )
        self._jitter = self._histogram("rtp_jitter_seconds", "Interarrival jitter", _JITTER)
        self._depth = self._histogram("playout_depth_seconds", "Agent speech queued", _DEPTH)
        self._late = self._histogram("tick_late_seconds", "Worst lateness of a send tick", _LATE)
        self._rtt = self._histogram("ultravox_rtt_seconds", "Ping round trip to the agent", _RTT)
        self._mos = self._histogram("mos", "Estimated listening quality of what callers say", _MOS)
        self.tool = self._histogram("tool_seconds", "Invocation of a tool to its answer", _TOOL)
        self._one_way = OneWayAudio()
        self.registry.register(Counters(source, self._one_way))
        ProcessCollector(registry=self.registry)  # CPU, memory, files

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def sample(self, calls: Collection[Call]) -> None:
        """Observe the distributions of live calls; of each of them now and then."""
        self._one_way.look(calls, asyncio.get_running_loop().time())
        for call in calls:
            for party in call.parties:
                if party is call.first or party.alive:
                    stats = party.stream.stats
                    self._jitter.observe(stats.jitter)
                    self._depth.observe(party.stream.depth)
                    self._late.observe(stats.tick_late_max)
                    stats.tick_late_max = 0.0
            if call.talk.session is not None and call.talk.session.rtt is not None:
                self._rtt.observe(call.talk.session.rtt)

    def call_ended(self, call: Call) -> None:
        """Observe what is known once a call is over."""
        for talk in call.talks:
            for latency in talk.turns.latencies:
                self.turn.observe(latency)
        if (answered := call.chronicle.timings.get("answered")) is not None:
            self.setup.observe(answered)
        for party in call.parties:
            quality = quality_of(party)
            if quality is not None and quality.uplink is not None:
                self._mos.observe(quality.uplink)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"bridge_{name}", text, buckets=buckets, registry=self.registry)
