"""The journal's view of a call that is over."""

from datetime import UTC, datetime
from typing import Any

from bridge.call import Call
from bridge.errors import Outcome
from bridge.facts import Facts
from bridge.outbound.failover import Attempt
from bridge.recording.recording import Kept
from rtp import StreamStats
from rtp.quality import Quality, estimate

__all__ = ["of_beginning", "of_call", "of_refusal", "quality_of"]


def of_beginning(facts: Facts) -> dict[str, Any]:
    """The record of a call that has just begun, which all but its end is known of."""
    return {**_identity(facts), "outcome": None}


def of_call(call: Call, *, transcript: bool) -> dict[str, Any]:
    """The record of an ended call: who, when, how it went, how it sounded, what was said."""
    assert call.outcome is not None
    talks = call.talks
    record = {
        **_identity(call.facts),
        "codec": call.media.encoding if call.media else None,
        "srtp": call.media.crypto.suite if call.media and call.media.crypto else None,
        "ultravox_call_id": call.talk.ultravox_call_id,
        "timings": {step: round(at, 4) for step, at in call.timings.items()},
        "outcome": _outcome(call.outcome),
        "sound": {**_sound(call.stream.stats), **_mos(quality_of(call))},
        "turns": [round(each, 4) for talk in talks for each in talk.turns.latencies],
        "barge_ins": sum(talk.barge_ins for talk in talks),
        "barge_in_dropped_ms": round(sum(talk.dropped_ms for talk in talks)),
        "transfers": call.transfers,
        "agent_rtt": call.session.rtt if call.session else None,
        "tools": [each for talk in talks for each in talk.invocations.uses],
        "messages": call.messages,
    }
    if call.hunt is not None:
        record["attempts"] = [_attempt(attempt) for attempt in call.hunt.attempts]
    if call.recorder.kept:
        record["recordings"] = [_recording(kept) for kept in call.recorder.kept]
    if transcript:
        record["transcript"] = call.transcript()
    return record


def of_refusal(facts: Facts, outcome: Outcome) -> dict[str, Any]:
    """The record of a call that was refused before it had a life of its own."""
    return {**_identity(facts), "outcome": _outcome(outcome)}


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


def _attempt(attempt: Attempt) -> dict[str, Any]:
    outcome = attempt.outcome
    return {
        "trunk": attempt.trunk,
        "sip_code": 200 if outcome is None else outcome.sip_code,
        "cause": None if outcome is None else outcome.cause.value,
        "seconds": round(attempt.seconds, 3),
    }


def _recording(kept: Kept) -> dict[str, Any]:
    return {
        "path": str(kept.path) if kept.path is not None else None,
        "duration_s": round(kept.duration_s, 2),
        "bytes": kept.bytes,
        "result": kept.result.value,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "result": outcome.result.value,
        "cause": outcome.cause.value,
        "sip_code": outcome.sip_code,
        "q850": outcome.q850,
        "detail": outcome.detail,
    }


def quality_of(call: Call) -> Quality | None:
    """How the call sounded, by estimate; None for one that never had audio."""
    return estimate(call.stream.stats, call.media.encoding) if call.media else None


def _mos(quality: Quality | None) -> dict[str, float | None]:
    """Of what we heard, and of what the other party heard."""
    if quality is None:
        return {"mos": None, "mos_remote": None}
    return {
        name: None if mos is None else round(mos, 2)
        for name, mos in (("mos", quality.uplink), ("mos_remote", quality.downlink))
    }


def _sound(stats: StreamStats) -> dict[str, Any]:
    return {
        "received": stats.received,
        "sent": stats.sent,
        "lost": stats.lost,
        "late": stats.late,
        "duplicates": stats.duplicates,
        "reordered": stats.reordered,
        "concealed": stats.concealed,
        "resyncs": stats.resyncs,
        "unauthenticated": stats.unauthenticated,
        "replayed": stats.replayed,
        "filled": stats.filled,
        "jitter_ms": round(stats.jitter * 1000, 2),
        "ticks_late": stats.ticks_late,
    }
