"""Legs as the journal and the control API show them."""

from collections.abc import Mapping
from typing import Any

from bridge.outbound.failover import Attempt
from bridge.outcome import Outcome
from bridge.parties.party import Party
from rtp import StreamStats
from rtp.quality import Quality, estimate

__all__ = [
    "agreed_view",
    "attempt_view",
    "leg_view",
    "outcome_view",
    "quality_of",
    "sound_of",
    "timings_view",
]


def leg_view(party: Party, otherwise: Outcome | None) -> dict[str, Any]:
    """A leg besides the first: who, through which trunk, when, how it ended, how it sounded.

    `otherwise` is how it ended where it lived as long as the call; None while that goes on.
    """
    outcome = party.outcome or otherwise
    return {
        "name": party.name,
        "direction": "outbound" if party.to else "inbound",
        "trunk": party.trunk,
        "to": party.to,
        "sip_code": _sip_code(party, outcome),
        **agreed_view(party),
        "held": party.held,
        "timings": timings_view(party.timings),
        "attempts": [attempt_view(attempt) for attempt in party.attempts],
        "sound": sound_of(party),
        "outcome": None if outcome is None else outcome_view(outcome),
    }


def _sip_code(party: Party, outcome: Outcome | None) -> int:
    """The final status of its INVITE; 0 where there is none yet."""
    if party.answered.is_set():
        return 200
    return 0 if outcome is None else outcome.sip_code


def agreed_view(party: Party) -> dict[str, str | None]:
    """Codec and SRTP suite that a leg talks in; None of what it has not."""
    media = party.media
    return {
        "codec": media.encoding if media else None,
        "srtp": media.crypto.suite if media and media.crypto else None,
    }


def timings_view(timings: Mapping[str, float]) -> dict[str, float]:
    """Seconds from the call's beginning to each step."""
    return {step: round(at, 4) for step, at in timings.items()}


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """One try to reach somebody."""
    outcome = attempt.outcome
    return {
        "trunk": attempt.trunk,
        "sip_code": 200 if outcome is None else outcome.sip_code,
        "cause": None if outcome is None else outcome.cause.value,
        "seconds": round(attempt.seconds, 3),
        "sip_call_id": attempt.sip_call_id,
    }


def outcome_view(outcome: Outcome) -> dict[str, Any]:
    """How a call or a leg ended."""
    return {
        "result": outcome.result.value,
        "cause": outcome.cause.value,
        "sip_code": outcome.sip_code,
        "q850": outcome.q850,
        "detail": outcome.detail,
    }


def quality_of(party: Party) -> Quality | None:
    """How a leg sounded, by estimate; None for one that never had audio."""
    return estimate(party.stream.stats, party.media.encoding) if party.media else None


def sound_of(party: Party) -> dict[str, Any]:
    """What passed over a leg's wire, and how it sounded."""
    return {**_counts(party.stream.stats), **_mos(quality_of(party))}


def _mos(quality: Quality | None) -> dict[str, float | None]:
    """Of what we heard, and of what the other party heard."""
    if quality is None:
        return {"mos": None, "mos_remote": None}
    return {
        name: None if mos is None else round(mos, 2)
        for name, mos in (("mos", quality.uplink), ("mos_remote", quality.downlink))
    }


def _counts(stats: StreamStats) -> dict[str, Any]:
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
