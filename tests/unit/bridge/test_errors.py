import inspect

import pytest

from bridge import errors
from bridge.errors import AgentBusy, CallError, Full, Hangup, NoRoute
from bridge.outcome import Cause, Outcome, Result


def test_an_error_without_a_message_says_its_docstring() -> None:
    assert str(NoRoute()) == "No route matches this call."
    assert str(NoRoute("1: trunk is pbx")) == "1: trunk is pbx"


def test_an_error_carries_its_sip_answer_and_its_outcome() -> None:
    outcome = Full().outcome
    assert (outcome.sip_code, outcome.result) == (503, Result.SERVER_ERROR)
    assert outcome.retry_after_s == errors.RETRY_AFTER_S


def test_what_ultravox_said_of_trying_again_reaches_the_outcome() -> None:
    assert AgentBusy("limit", retry_after_s=7).outcome.retry_after_s == 7


def test_a_hangup_ends_the_call_as_whoever_raised_it_said() -> None:
    outcome = Outcome(result=Result.SUCCESS, cause=Cause.AGENT_HUNG_UP)
    assert Hangup(outcome).outcome is outcome


@pytest.mark.parametrize(
    "kind",
    [
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, CallError) and not issubclass(each, Hangup)
    ],
)
def test_every_error_class_has_a_sentence_a_cause_and_a_status(kind: type[CallError]) -> None:
    error = kind()
    assert str(error).endswith(".")
    assert error.outcome.cause in Cause
    assert error.outcome.sip_code == 0 or 400 <= error.outcome.sip_code < 700
