import pytest

from bridge import ending
from bridge.outcome import Cause, Outcome, Result
from sip import Ended


def ended(code: int, *, remote: bool = True, q850: int | None = None) -> Ended:
    return Ended(leg="leg-1", code=code, reason="", q850=q850, remote=remote)


@pytest.mark.parametrize(
    ("code", "result", "cause"),
    [
        (486, Result.CLIENT_ERROR, Cause.BUSY),
        (600, Result.CLIENT_ERROR, Cause.BUSY),
        (603, Result.CLIENT_ERROR, Cause.DECLINED),
        (607, Result.CLIENT_ERROR, Cause.DECLINED),
        (608, Result.CLIENT_ERROR, Cause.DECLINED),
        (487, Result.CLIENT_ERROR, Cause.NO_ANSWER),
        (480, Result.CLIENT_ERROR, Cause.NO_ANSWER),
        (404, Result.CLIENT_ERROR, Cause.UNKNOWN_NUMBER),
        (410, Result.CLIENT_ERROR, Cause.UNKNOWN_NUMBER),
        (484, Result.CLIENT_ERROR, Cause.UNKNOWN_NUMBER),
        (604, Result.CLIENT_ERROR, Cause.UNKNOWN_NUMBER),
        (415, Result.CLIENT_ERROR, Cause.NO_COMMON_CODEC),
        (606, Result.CLIENT_ERROR, Cause.NO_COMMON_CODEC),
        (488, Result.CLIENT_ERROR, Cause.NO_COMMON_CODEC),
        (403, Result.UPSTREAM_ERROR, Cause.TRUNK_REFUSED),
        (302, Result.UPSTREAM_ERROR, Cause.TRUNK_REFUSED),
        (500, Result.UPSTREAM_ERROR, Cause.TRUNK_FAILED),
        (503, Result.UPSTREAM_ERROR, Cause.TRUNK_FAILED),
    ],
)
def test_a_dialled_call_ends_as_its_final_status_says(
    code: int, result: Result, cause: Cause
) -> None:
    outcome = ending.of_outbound(ended(code))
    assert (outcome.result, outcome.cause, outcome.sip_code) == (result, cause, code)


@pytest.mark.parametrize("code", [401, 407])
def test_a_challenge_that_nothing_answers_names_what_to_look_at(code: int) -> None:
    refused = ending.of_outbound(ended(code))
    assert refused.cause is Cause.TRUNK_REFUSED
    assert refused.detail == f"{code}: see username, password and realm of the trunk"


@pytest.mark.parametrize(
    ("q850", "cause"),
    [
        (1, Cause.UNKNOWN_NUMBER),  # unallocated number
        (17, Cause.BUSY),  # user busy
        (18, Cause.NO_ANSWER),  # no user responding
        (19, Cause.NO_ANSWER),  # no answer from user (user alerted)
        (21, Cause.DECLINED),  # call rejected
        (28, Cause.UNKNOWN_NUMBER),  # invalid number format
    ],
)
def test_a_q850_cause_says_more_than_the_status_a_gateway_made_of_it(
    q850: int, cause: Cause
) -> None:
    outcome = ending.of_outbound(ended(503, q850=q850))
    assert (outcome.cause, outcome.q850) == (cause, q850)


def test_an_invite_nobody_answers_is_unreachable_not_unanswered() -> None:
    assert ending.of_outbound(ended(408, remote=False)).cause is Cause.UNREACHABLE
    assert ending.of_outbound(ended(408)).cause is Cause.NO_ANSWER


def test_an_answer_that_nobody_acknowledges_tells_where_to_look() -> None:
    lost = ending.of_answered(ended(408, remote=False), inbound=True)
    assert lost.cause is Cause.UNREACHABLE
    assert "sip.public_address" in lost.detail


def test_a_caller_who_gives_up_while_it_rings_has_cancelled() -> None:
    assert ending.of_inbound(ended(487)).cause is Cause.CANCELLED


def test_a_call_whose_answer_found_no_codec_ended_for_want_of_one() -> None:
    outcome = ending.of_inbound(ended(488, remote=False))
    assert (outcome.result, outcome.cause) == (Result.CLIENT_ERROR, Cause.NO_COMMON_CODEC)
    lost = ending.of_inbound(ended(500, remote=False))
    assert (lost.result, lost.cause) == (Result.INDETERMINATE, Cause.UNREACHABLE)


def test_so_does_one_whose_caller_was_never_known_to_have_heard_it() -> None:
    unheard = ending.of_inbound(ended(408, remote=False))
    assert (unheard.result, unheard.cause) == (Result.INDETERMINATE, Cause.UNREACHABLE)
    assert "sip.public_address" in unheard.detail


@pytest.mark.parametrize(
    ("cause", "q850"),
    [
        (Cause.AGENT_HUNG_UP, 16),
        (Cause.OPERATOR_HUNG_UP, 16),
        (Cause.TIME_LIMIT, 16),
        (Cause.SCENARIO_ENDED, 16),
        (Cause.TRANSFERRED, 16),
        (Cause.NO_ANSWER, 19),
        (Cause.MEDIA_LOST, 102),
        (Cause.AGENT_LOST, 41),
    ],
)
def test_who_is_hung_up_on_is_told_why(cause: Cause, q850: int) -> None:
    outcome = ending.with_q850(Outcome(result=Result.SUCCESS, cause=cause))
    assert ending.headers_of(outcome) == {"Reason": f'Q.850;cause={q850};text="{cause}"'}


def test_the_reason_that_the_other_side_gave_is_kept() -> None:
    outcome = Outcome(result=Result.SUCCESS, cause=Cause.TRANSFERRED, q850=31)
    assert ending.with_q850(outcome) is outcome
    assert ending.headers_of(Outcome(result=Result.SUCCESS, cause=Cause.TRANSFERRED)) == {}


def test_who_is_refused_is_told_when_to_try_again() -> None:
    outcome = Outcome(result=Result.SERVER_ERROR, cause=Cause.FULL, retry_after_s=5)
    assert ending.headers_of(outcome) == {"Retry-After": "5"}


def test_a_bye_is_a_success_and_says_who_hung_up() -> None:
    assert ending.of_answered(ended(200), inbound=True).cause is Cause.CALLER_HUNG_UP
    outbound = ending.of_answered(ended(200), inbound=False)
    assert (outbound.result, outbound.cause) == (Result.SUCCESS, Cause.CALLEE_HUNG_UP)


def test_an_answered_call_that_sip_lost_is_not_a_success() -> None:
    lost = ending.of_answered(ended(408, remote=False), inbound=True)
    assert lost.result is Result.INDETERMINATE


@pytest.mark.parametrize("code", [406, 415, 488])
def test_an_answer_without_audio_for_us_is_no_unreachable_trunk(code: int) -> None:
    told = Ended(leg="leg-1", code=code, reason="SDP negotiation failed", q850=None, remote=False)
    for outcome in (ending.of_outbound(told), ending.of_answered(told, inbound=False)):
        assert (outcome.result, outcome.cause) == (Result.UPSTREAM_ERROR, Cause.NO_COMMON_CODEC)
    assert ending.of_answered(told, inbound=True).cause is Cause.UNREACHABLE
