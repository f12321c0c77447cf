"""What the service counts, read at each scrape: plain integers on the objects that count."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bridge.admission import Admission, State
from bridge.agents.agency import Agency
from bridge.one_way import OneWayAudio
from bridge.papers.papers import Papers
from bridge.recording.recordings import Recordings
from bridge.shared.limits import Answer, SharedLimits
from bridge.switchboard import Switchboard
from bridge.tools.results import Kind
from sip import Registration, RegistrationState, StackStats

__all__ = ["Counters", "Source"]

Family = CounterMetricFamily | GaugeMetricFamily


class Source(Protocol):
    """What the metrics read: the parts of the running service that count."""

    @property
    def switchboard(self) -> Switchboard:
        """The calls that are alive, and counters of those that are over."""

    @property
    def admission(self) -> Admission:
        """How the process fares, and whether calls are let in."""

    @property
    def registrations(self) -> Mapping[str, Registration]:
        """The trunks' registrations, by trunk."""

    @property
    def sip_stats(self) -> StackStats:
        """Counters of the SIP side."""

    @property
    def agency(self) -> Agency:
        """What Ultravox was asked, and what became of the tools that agents used."""

    @property
    def papers(self) -> Papers:
        """What is kept of calls, and delivered to webhooks."""

    @property
    def recordings(self) -> Recordings:
        """Recordings that are over, by how they came out."""

    @property
    def shared(self) -> SharedLimits:
        """What is limited over several bridges."""


class Counters(Collector):
    """Reads every counter and state of a service."""

    def __init__(self, source: Source, one_way: OneWayAudio) -> None:
        self._source = source
        self._one_way = one_way

    def collect(self) -> Iterator[Family]:
        """Read them now."""
        yield from self._calls()
        yield from self._process()
        yield from self._wire()
        yield from self._outside()
        yield from self._kept()

    def _calls(self) -> Iterator[Family]:
        board = self._source.switchboard
        yield _gauge("calls_active", "Calls alive", len(board.alive))
        yield _gauge("calls_limit", "Calls at once", board.max_calls)
        taken = "Places of sip.max_calls taken: calls, and their further legs"
        yield _gauge("legs_active", taken, board.places)
        ended = board.totals.calls.items()
        yield _counts("calls", "Ended calls", ("direction", "trunk", "result", "cause"), ended)
        attempts = board.totals.attempts.items()
        yield _counts("attempts", "Attempts to reach somebody", ("trunk", "result"), attempts)
        tools = (((kind.value,), self._source.agency.tool_usage.results[kind]) for kind in Kind)
        yield _counts("tool_calls", "Tools used by agents", ("result",), tools)

    def _process(self) -> Iterator[Family]:
        admission, reading = self._source.admission, self._source.admission.reading
        yield _gauge("draining", "1 while it leaves", self._source.switchboard.draining)
        yield _gauge("tasks", "Tasks of the event loop", len(asyncio.all_tasks()))
        states = GaugeMetricFamily(
            "bridge_admission", "1 for whether calls are let in", labels=["state"]
        )
        for state in State:
            states.add_metric([state.value], float(admission.state is state))
        yield states
        yield _count("overloads", "Times that admission closed", admission.closed)
        yield _gauge("late_seconds", "Lateness of audio and loop", reading.late_s)
        yield _gauge("busy_ratio", "Of a core, by the loop's thread", reading.busy)

    def _wire(self) -> Iterator[Family]:
        wire = replace(self._source.switchboard.totals.wire)
        for call in self._source.switchboard.alive.values():
            wire.add(call)
        packets = ((("received",), wire.received), (("sent",), wire.sent))
        yield _counts("rtp_packets", "RTP packets", ("direction",), packets)
        yield _count("rtp_lost", "RTP packets that never came", wire.lost)
        yield _count("rtp_concealed", "Frames invented for lost packets", wire.concealed)
        yield _count("rtp_late", "RTP packets that came too late", wire.late)
        yield _count("ticks", "Times that a packet was due", wire.ticks)
        behind = "Of those, more than 10 ms late, or left out"
        yield _count("ticks_behind", behind, wire.ticks_behind)
        one_way = self._one_way.calls
        yield _count("one_way", "Calls with audio in one direction only", one_way)
        dropped = wire.uplink_dropped
        yield _count("uplink_dropped", "Frames dropped before agents that took none", dropped)
        beyond_s = wire.playout_dropped_s
        yield _count("playout_dropped_seconds", "Agents' speech beyond the playout", beyond_s)
        yield _count("barge_ins", "Times a caller cut the agent short", wire.barge_ins)

    def _outside(self) -> Iterator[Family]:
        """What trunks, strangers, Ultravox and other bridges do."""
        source, sip = self._source, self._source.sip_stats
        registered = GaugeMetricFamily(
            "bridge_trunk_registered", "1 while registered", labels=["trunk"]
        )
        for trunk, registration in source.registrations.items():
            if registration.state is not RegistrationState.NONE:
                up = registration.state is RegistrationState.REGISTERED
                registered.add_metric([trunk], float(up))
        yield registered
        yield _count("strangers", "SIP requests from unknown sources", sip.strangers)
        yield _count("refused", "INVITEs of trunks refused for want of room or ports", sip.refused)
        malformed = "INVITEs that PJSIP refused by itself, such as malformed"
        yield _count("rejected", malformed, sip.rejected)
        requests = (((status,), n) for status, n in source.agency.requests.items())
        yield _counts("ultravox_requests", "Requests to Ultravox's API", ("status",), requests)
        shared = source.shared
        answers = (((answer.value,), shared.answers[answer]) for answer in Answer)
        asked = "Places asked for of what bridges share"
        yield _counts("shared_places", asked, ("answer",), answers)
        if shared.reached is not None:
            yield _gauge("shared_reached", "1 while Redis answers", shared.reached)

    def _kept(self) -> Iterator[Family]:
        """What is written and told of calls."""
        journal, couriers = self._source.papers.journal, self._source.papers.couriers
        yield _count("journal_written", "Records that the journal took", journal.written)
        yield _count("journal_lost", "Records that the journal could not keep", journal.lost)
        recordings = (((result,), n) for result, n in self._source.recordings.results.items())
        yield _counts("recordings", "Recordings that are over", ("result",), recordings)
        fates = (((fate,), n) for fate, n in couriers.fates.items())
        yield _counts("webhook_deliveries", "Tries to deliver to webhooks", ("result",), fates)
        yield _gauge("webhook_pending", "Deliveries that wait", couriers.pending)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"bridge_{name}", text, value=value)


def _count(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"bridge_{name}", text, value=value)


def _counts(
    name: str, text: str, labels: Sequence[str], counts: Iterable[tuple[Sequence[str], float]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"bridge_{name}", text, labels=labels)
    for values, value in counts:
        family.add_metric(values, value)
    return family
