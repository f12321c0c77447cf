"""Calls and trunks as the control API shows them."""

from typing import Any

from bridge.call import Call
from bridge.views.agents import agents_of
from bridge.views.headers import headers_view
from bridge.views.legs import leg_view, timings_view
from sip import Registration

__all__ = ["call_view", "trunk_view"]


def call_view(call: Call) -> dict[str, Any]:
    """A call as JSON."""
    facts = call.facts
    view: dict[str, Any] = {
        "id": call.id,
        "state": call.state.value,
        "held": call.current.held,
        "recording": call.recorder.recording,
        "direction": facts.direction.value,
        "trunk": facts.trunk,
        "caller": facts.caller,
        "callee": facts.callee,
        "agent": facts.agent,
        "headers": headers_view(call.first.headers),
        "codec": call.first.media.encoding if call.first.media else None,
        "age_s": round(call.age, 1),
        "timings": timings_view(call.chronicle.timings),
        "agents": agents_of(call),
        "legs": [leg_view(party, call.outcome) for party in call.parties.others],
    }
    if call.outcome is not None:
        view["outcome"] = {
            "result": call.outcome.result.value,
            "cause": call.outcome.cause.value,
            "sip_code": call.outcome.sip_code,
            "detail": call.outcome.detail,
        }
    return view


def trunk_view(registration: Registration) -> dict[str, Any]:
    """A trunk's registration as JSON."""
    return {
        "trunk": registration.trunk,
        "state": registration.state.value,
        "code": registration.code,
        "reason": registration.reason,
        "expires_s": registration.expires_s,
        "retry_in_s": registration.retry_in_s,
    }
