"""What the SIP side's last word means: from a final status or a BYE to an `Outcome`, and back."""

from collections.abc import Mapping
from dataclasses import replace

from bridge.errors import NoCommonCodec
from bridge.outcome import Cause, Outcome, Result
from sip import Ended, Leg, LegState

__all__ = [
    "ELSEWHERE",
    "GIVEN_UP",
    "PICKED_UP",
    "broken",
    "headers_of",
    "of_answered",
    "of_inbound",
    "of_outbound",
    "of_sent_away",
    "unanswered",
    "unplaced",
    "with_q850",
]

UNHEARD = "our SIP does not reach the other side, or it is gone; see sip.public_address"
"""An answer that nobody acknowledged, a refresh of the session that nobody answered."""
UNKNOWN = "see username, password and realm of the trunk"
"""A challenge that our credentials are no answer to."""
GIVEN_UP = 480
"""Status of a call that we take back where only a final response fits."""
ELSEWHERE: Mapping[str, str] = {"Reason": 'SIP;cause=200;text="Call completed elsewhere"'}
"""What a phone is told that need not ring any more (RFC 3326): it counts no missed call."""
PICKED_UP = Outcome(
    result=Result.SUCCESS, cause=Cause.TRANSFERRED, detail="picked up from another telephone"
)
"""How dialling a phone ends that somebody picks up from another one."""

_CLIENT, _UPSTREAM = Result.CLIENT_ERROR, Result.UPSTREAM_ERROR

_BY_CODE: dict[int, tuple[Result, Cause]] = {
    404: (_CLIENT, Cause.UNKNOWN_NUMBER),
    408: (_CLIENT, Cause.NO_ANSWER),
    410: (_CLIENT, Cause.UNKNOWN_NUMBER),
    415: (_CLIENT, Cause.NO_COMMON_CODEC),
    480: (_CLIENT, Cause.NO_ANSWER),
    484: (_CLIENT, Cause.UNKNOWN_NUMBER),
    486: (_CLIENT, Cause.BUSY),
    487: (_CLIENT, Cause.NO_ANSWER),
    488: (_CLIENT, Cause.NO_COMMON_CODEC),
    600: (_CLIENT, Cause.BUSY),
    603: (_CLIENT, Cause.DECLINED),
    604: (_CLIENT, Cause.UNKNOWN_NUMBER),
    606: (_CLIENT, Cause.NO_COMMON_CODEC),
    607: (_CLIENT, Cause.DECLINED),
    608: (_CLIENT, Cause.DECLINED),
}

_CHALLENGES = (401, 407)
_UNACKNOWLEDGED = 408
"""What PJSIP says of an answer of ours that no ACK came for: RFC 3261's timer H."""
_UNUSABLE_ANSWER = (406, 415, 488)
"""What PJSIP calls an answer to our offer that leaves no audio; it hangs up by itself."""

_BY_Q850: dict[int, tuple[Result, Cause]] = {
    1: (_CLIENT, Cause.UNKNOWN_NUMBER),
    17: (_CLIENT, Cause.BUSY),
    18: (_CLIENT, Cause.NO_ANSWER),
    19: (_CLIENT, Cause.NO_ANSWER),
    21: (_CLIENT, Cause.DECLINED),
    28: (_CLIENT, Cause.UNKNOWN_NUMBER),
}
"""ITU-T Q.850 causes that say more than the SIP status a gateway made of them."""

_NORMAL_CLEARING, _NO_ANSWER, _TEMPORARY_FAILURE, _TIMER_EXPIRY = 16, 19, 41, 102

_Q850_OF: dict[Cause, int] = {
    Cause.AGENT_HUNG_UP: _NORMAL_CLEARING,
    Cause.OPERATOR_HUNG_UP: _NORMAL_CLEARING,
    Cause.TIME_LIMIT: _NORMAL_CLEARING,
    Cause.SCENARIO_ENDED: _NORMAL_CLEARING,
    Cause.TRANSFERRED: _NORMAL_CLEARING,
    Cause.NO_ANSWER: _NO_ANSWER,
    Cause.MEDIA_LOST: _TIMER_EXPIRY,
}
"""What we tell the other party when we end a call that it did not end."""


def with_q850(outcome: Outcome) -> Outcome:
    """The outcome of a call that we end, with the Q.850 cause that the other party is told."""
    if outcome.q850 is not None:
        return outcome
    return replace(outcome, q850=_Q850_OF.get(outcome.cause, _TEMPORARY_FAILURE))


def headers_of(outcome: Outcome) -> Mapping[str, str]:
    """What tells the other party of an outcome besides the status.

    The Reason (RFC 3326) of a BYE or a CANCEL, for responses may not carry one; Retry-After.
    """
    headers = {}
    if outcome.q850 is not None:
        headers["Reason"] = f'Q.850;cause={outcome.q850};text="{outcome.cause}"'
    if outcome.retry_after_s is not None:
        headers["Retry-After"] = str(outcome.retry_after_s)
    return headers


def of_outbound(ended: Ended) -> Outcome:
    """The outcome of a call that we dialled and that was never answered."""
    if not ended.remote and ended.code in _UNUSABLE_ANSWER:
        return _outcome(ended, _UPSTREAM, Cause.NO_COMMON_CODEC)
    if not ended.remote:
        # Nobody answered the INVITE at all, or the transport failed (RFC 3261 section 8.1.3.1).
        return _outcome(ended, _UPSTREAM, Cause.UNREACHABLE)
    if ended.q850 in _BY_Q850:
        return _outcome(ended, *_BY_Q850[ended.q850])
    if ended.code in _BY_CODE:
        return _outcome(ended, *_BY_CODE[ended.code])
    cause = Cause.TRUNK_FAILED if ended.code // 100 == 5 else Cause.TRUNK_REFUSED
    outcome = _outcome(ended, _UPSTREAM, cause)
    if ended.code in _CHALLENGES:
        return replace(outcome, detail=f"{outcome.detail}: {UNKNOWN}")
    return outcome


def of_inbound(ended: Ended) -> Outcome:
    """The outcome of an inbound call that ended before we answered it, or our answer was heard."""
    if ended.remote:
        return _outcome(ended, _CLIENT, Cause.CANCELLED)
    if ended.code == NoCommonCodec.sip_code:
        return _outcome(ended, _CLIENT, Cause.NO_COMMON_CODEC)
    outcome = _outcome(ended, Result.INDETERMINATE, Cause.UNREACHABLE)
    if ended.code == _UNACKNOWLEDGED:
        return replace(outcome, detail=f"{outcome.detail}: {UNHEARD}")
    return outcome


def of_answered(ended: Ended, *, inbound: bool) -> Outcome:
    """The outcome of an answered call that the other party ended, or that SIP lost."""
    if not ended.remote and not inbound and ended.code in _UNUSABLE_ANSWER:
        return _outcome(ended, _UPSTREAM, Cause.NO_COMMON_CODEC)
    if not ended.remote:
        outcome = _outcome(ended, Result.INDETERMINATE, Cause.UNREACHABLE)
        return replace(outcome, detail=f"{outcome.detail}: {UNHEARD}")
    cause = Cause.CALLER_HUNG_UP if inbound else Cause.CALLEE_HUNG_UP
    return Outcome(result=Result.SUCCESS, cause=cause, q850=ended.q850)


def of_sent_away(ended: Ended) -> Outcome:
    """The outcome of a leg that the scenario hung up."""
    return Outcome(result=Result.SUCCESS, cause=Cause.SCENARIO_ENDED, sip_code=ended.code)


def unanswered(leg: Leg, timeout_s: float) -> Outcome:
    """The outcome of dialling in vain: a phone that rang was not answered, one that never rang
    was not reached.
    """
    within = f"within {timeout_s:g} s"
    if leg.state is LegState.CALLING:
        detail, result, cause = "did not ring", _UPSTREAM, Cause.UNREACHABLE
    else:
        detail, result, cause = "not answered", _CLIENT, Cause.NO_ANSWER
    return Outcome(result=result, cause=cause, detail=f"{detail} {within}")


def unplaced(error: BaseException) -> Outcome:
    """The outcome of a SIP command that could not be carried out."""
    return Outcome(result=_UPSTREAM, cause=Cause.UNREACHABLE, sip_code=500, detail=str(error))


def broken(fault: BaseException) -> Outcome:
    """The outcome of a call that ends on a fault of the bridge."""
    return Outcome(
        result=Result.SERVER_ERROR,
        cause=Cause.INTERNAL_ERROR,
        sip_code=500,
        detail=type(fault).__name__,
    )


def _outcome(ended: Ended, result: Result, cause: Cause) -> Outcome:
    detail = f"{ended.code} {ended.reason}".strip()
    return Outcome(result=result, cause=cause, sip_code=ended.code, q850=ended.q850, detail=detail)
