"""Metrics: read from the running service at each scrape, in the names of the fixed face.

Counters are plain integers on the objects that count; nothing here is on the media path. What is
a distribution is observed once a call or once a sampling interval.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bridge.admission import Admission, State
from bridge.call import Call
from bridge.journal import Journal
from bridge.one_way import OneWayAudio
from bridge.papers.legs import quality_of
from bridge.recording.recordings import Recordings
from bridge.shared.limits import Answer, SharedLimits
from bridge.tools.results import Kind
from bridge.tools.usage import Usage
from bridge.totals import Totals
from bridge.webhooks import Couriers
from sip import Registration, RegistrationState, StackStats

__all__ = ["SAMPLE_INTERVAL_S", "Metrics", "Source"]

SAMPLE_INTERVAL_S = 5.0
"""How often the distributions of live calls are sampled."""

_SETUP = (0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
_TURN = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_JITTER = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
_DEPTH = (0.0, 0.02, 0.06, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
_LATE = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_MOS = (1.5, 2.0, 2.5, 3.0, 3.25, 3.5, 3.75, 4.0, 4.2, 4.3, 4.5)
_TOOL = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)
_RTT = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


class Source(Protocol):
    """What the metrics read: the running service."""

    @property
    def totals(self) -> Totals:
        """Counters of the calls that are over."""

    @property
    def calls(self) -> Mapping[str, Call]:
        """The calls that are alive, by id."""

    @property
    def max_calls(self) -> int:
        """Calls that it takes at once."""

    @property
    def draining(self) -> bool:
        """Whether it takes no new calls any more."""

    @property
    def admission(self) -> Admission:
        """How the process fares, and whether calls are let in."""

    @property
    def registrations(self) -> Mapping[str, Registration]:
        """The trunks' registrations, by trunk."""

    @property
    def ultravox_requests(self) -> Mapping[str, int]:
        """Requests to Ultravox's REST API, by status."""

    @property
    def journal(self) -> Journal:
        """What is kept of calls."""

    @property
    def recordings(self) -> Recordings:
        """Recordings that are over, by how they came out."""

    @property
    def couriers(self) -> Couriers:
        """What delivers to webhooks."""

    @property
    def shared(self) -> SharedLimits:
        """What is limited over several bridges."""

    @property
    def sip_stats(self) -> StackStats:
        """Counters of the SIP side."""

    @property
    def tool_usage(self) -> Usage:
        """What became of the tools that agents used."""


class Metrics(Collector):
    """The `bridge_` metrics of one service and the `process_` ones, in a registry of their own."""

    def __init__(self, source: Source) -> None:
        self._source = source
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
        self.registry.register(self)
        ProcessCollector(registry=self.registry)  # CPU, memory, files

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def sample(self, calls: Collection[Call]) -> None:
        """Observe the distributions of live calls; to be called every `SAMPLE_INTERVAL_S`."""
        self._one_way.look(calls, asyncio.get_running_loop().time())
        for call in calls:
            for party in call.parties:
                if party is call.first or party.alive:
                    self._jitter.observe(party.stream.stats.jitter)
                    self._depth.observe(party.stream.depth)
                    self._late.observe(party.stream.stats.tick_late_max)
            if call.session is not None and call.session.rtt is not None:
                self._rtt.observe(call.session.rtt)

    def call_ended(self, call: Call) -> None:
        """Observe what is known once a call is over."""
        for talk in call.talks:
            for latency in talk.turns.latencies:
                self.turn.observe(latency)
        if (answered := call.timings.get("answered")) is not None:
            self.setup.observe(answered)
        for party in call.parties:
            quality = quality_of(party)
            if quality is not None and quality.uplink is not None:
                self._mos.observe(quality.uplink)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Read every counter and state now."""
        source = self._source
        yield GaugeMetricFamily("bridge_calls_active", "Calls alive", value=len(source.calls))
        yield GaugeMetricFamily("bridge_calls_limit", "Calls at once", value=source.max_calls)
        legs = sum(call.parties.places for call in source.calls.values())
        text = "Places of sip.max_calls taken: calls, and their further legs"
        yield GaugeMetricFamily("bridge_legs_active", text, value=legs)
        draining = GaugeMetricFamily("bridge_draining", "1 while it leaves", value=source.draining)
        yield draining
        tasks = len(asyncio.all_tasks())
        yield GaugeMetricFamily("bridge_tasks", "Tasks of the event loop", value=tasks)
        yield from self._admission()
        yield self._ended_calls()
        yield from self._webhooks()
        yield from self._shared()
        yield self._attempts()
        yield from self._wire()
        registered = GaugeMetricFamily(
            "bridge_trunk_registered", "1 while registered", labels=["trunk"]
        )
        for trunk, registration in source.registrations.items():
            if registration.state is RegistrationState.NONE:
                continue
            up = registration.state is RegistrationState.REGISTERED
            registered.add_metric([trunk], float(up))
        yield registered
        requests = CounterMetricFamily(
            "bridge_ultravox_requests", "Requests to Ultravox's API", labels=["status"]
        )
        for status, count in source.ultravox_requests.items():
            requests.add_metric([status], count)
        yield requests
        recordings = CounterMetricFamily(
            "bridge_recordings", "Recordings that are over", labels=["result"]
        )
        for result, count in source.recordings.results.items():
            recordings.add_metric([result], count)
        yield recordings
        tools = CounterMetricFamily("bridge_tool_calls", "Tools used by agents", labels=["result"])
        for kind in Kind:
            tools.add_metric([kind.value], source.tool_usage.results[kind])
        yield tools
        sip = source.sip_stats
        for name, text, count in (
            ("strangers", "SIP requests from unknown sources", sip.strangers),
            ("refused", "INVITEs of trunks refused for want of room or ports", sip.refused),
            ("rejected", "INVITEs that PJSIP refused by itself, such as malformed", sip.rejected),
        ):
            yield CounterMetricFamily(f"bridge_{name}", text, value=count)
        for name, text, count in (
            ("journal_written", "Records that the journal took", source.journal.written),
            ("journal_lost", "Records that the journal could not keep", source.journal.lost),
        ):
            yield CounterMetricFamily(f"bridge_{name}", text, value=count)

    def _admission(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        admission = self._source.admission
        states = GaugeMetricFamily(
            "bridge_admission", "1 for whether calls are let in", labels=["state"]
        )
        for state in State:
            states.add_metric([state.value], float(admission.state is state))
        yield states
        closed = admission.closed
        yield CounterMetricFamily("bridge_overloads", "Times that admission closed", value=closed)
        late, busy = admission.reading.late_s, admission.reading.busy
        yield GaugeMetricFamily("bridge_late_seconds", "Lateness of audio and loop", value=late)
        yield GaugeMetricFamily("bridge_busy_ratio", "Of a core, by the loop's thread", value=busy)

    def _shared(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        shared = self._source.shared
        answers = CounterMetricFamily(
            "bridge_shared_places", "Places asked for of what bridges share", labels=["answer"]
        )
        for answer in Answer:
            answers.add_metric([answer.value], shared.answers[answer])
        yield answers
        if shared.reached is not None:
            up = float(shared.reached)
            yield GaugeMetricFamily("bridge_shared_reached", "1 while Redis answers", value=up)

    def _webhooks(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        couriers = self._source.couriers
        fates = CounterMetricFamily(
            "bridge_webhook_deliveries", "Tries to deliver to webhooks", labels=["result"]
        )
        for fate, count in couriers.fates.items():
            fates.add_metric([fate], count)
        yield fates
        pending = couriers.pending
        yield GaugeMetricFamily("bridge_webhook_pending", "Deliveries that wait", value=pending)

    def _ended_calls(self) -> CounterMetricFamily:
        ended = CounterMetricFamily(
            "bridge_calls", "Ended calls", labels=["direction", "trunk", "result", "cause"]
        )
        for labels, count in self._source.totals.calls.items():
            ended.add_metric(labels, count)
        return ended

    def _attempts(self) -> CounterMetricFamily:
        attempts = CounterMetricFamily(
            "bridge_attempts", "Attempts to reach somebody", labels=["trunk", "result"]
        )
        for labels, count in self._source.totals.attempts.items():
            attempts.add_metric(labels, count)
        return attempts

    def _wire(self) -> Iterator[CounterMetricFamily]:
        total = self._source.totals.wire
        wire = replace(total)
        for call in self._source.calls.values():
            wire.add(call)
        packets = CounterMetricFamily("bridge_rtp_packets", "RTP packets", labels=["direction"])
        packets.add_metric(["received"], wire.received)
        packets.add_metric(["sent"], wire.sent)
        yield packets
        for name, text, count in (
            ("rtp_lost", "RTP packets that never came", wire.lost),
            ("rtp_concealed", "Frames invented for lost packets", wire.concealed),
            ("rtp_late", "RTP packets that came too late", wire.late),
            ("one_way", "Calls with audio in one direction only", self._one_way.calls),
            ("uplink_dropped", "Frames dropped before agents that took none", wire.uplink_dropped),
            (
                "playout_dropped_seconds",
                "Agents' speech beyond the playout",
                wire.playout_dropped_s,
            ),
            ("barge_ins", "Times a caller cut the agent short", wire.barge_ins),
        ):
            yield CounterMetricFamily(f"bridge_{name}", text, value=count)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"bridge_{name}", text, buckets=buckets, registry=self.registry)
