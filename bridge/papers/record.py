"""The journal's view of a call that is over."""

from datetime import UTC, datetime
from typing import Any

from bridge.call import Call
from bridge.facts import Facts
from bridge.outcome import Outcome
from bridge.recording.recording import Kept
from bridge.views.agents import agents_of
from bridge.views.legs import (
    agreed_view,
    attempt_view,
    leg_view,
    outcome_view,
    sound_of,
    timings_view,
)

__all__ = ["of_beginning", "of_call", "of_refusal"]


def of_beginning(facts: Facts) -> dict[str, Any]:
    """The record of a call that has just begun, which all but its end is known of."""
    return {**_identity(facts), "outcome": None}


def of_call(call: Call, *, transcript: bool) -> dict[str, Any]:
    """The record of an ended call: who, when, how it went, how it sounded, what was said."""
    assert call.outcome is not None
    talks = call.talks
    record = {
        **_identity(call.facts),
        **agreed_view(call.first),
        "ultravox_call_id": call.talk.ultravox_call_id,
        "agents": agents_of(call),
        "timings": timings_view(call.chronicle.timings),
        "outcome": outcome_view(call.outcome),
        "sound": sound_of(call.first),
        "turns": [round(each, 4) for talk in talks for each in talk.turns.latencies],
        "barge_ins": sum(talk.barge_ins for talk in talks),
        "barge_in_dropped_ms": round(sum(talk.dropped_ms for talk in talks)),
        "transfers": call.transfers.results,
        "agent_rtt": call.talk.session.rtt if call.talk.session else None,
        "tools": [each for talk in talks for each in talk.invocations.uses],
        "messages": call.controls.messages,
    }
    if call.hunt is not None:
        record["attempts"] = [attempt_view(attempt) for attempt in call.hunt.attempts]
    if call.parties.others:
        record["legs"] = [leg_view(party, call.outcome) for party in call.parties.others]
    if call.recorder.kept:
        record["recordings"] = [_recording(kept) for kept in call.recorder.kept]
    if transcript:
        record["transcript"] = talks.transcript()
    return record


def of_refusal(facts: Facts, outcome: Outcome) -> dict[str, Any]:
    """The record of a call that was refused before it had a life of its own."""
    return {**_identity(facts), "outcome": outcome_view(outcome)}


def _identity(facts: Facts) -> dict[str, Any]:
    return {
        "id": facts.id,
        "started": datetime.fromtimestamp(facts.started, UTC).isoformat(timespec="milliseconds"),
        "direction": facts.direction.value,
        "trunk": facts.trunk,
        "caller": facts.caller,
        "caller_name": facts.caller_name,
        "callee": facts.callee,
        "agent": facts.agent,
        "sip_call_id": facts.sip_call_id,
    }


def _recording(kept: Kept) -> dict[str, Any]:
    return {
        "path": str(kept.path) if kept.path is not None else None,
        "duration_s": round(kept.duration_s, 2),
        "bytes": kept.bytes,
        "result": kept.result.value,
    }
