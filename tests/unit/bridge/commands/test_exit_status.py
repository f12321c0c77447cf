from bridge.commands import exit_status
from bridge.outcome import Cause, Outcome, Result


def test_a_call_that_was_held_exits_with_zero() -> None:
    outcome = Outcome(result=Result.SUCCESS, cause=Cause.CALLEE_HUNG_UP)
    assert exit_status.of_outcome(outcome) == 0


def test_busy_declined_no_answer_and_unreachable_are_told_apart() -> None:
    causes = (Cause.BUSY, Cause.DECLINED, Cause.NO_ANSWER, Cause.UNREACHABLE)
    statuses = {exit_status.of_cause(Result.CLIENT_ERROR, cause) for cause in causes}
    assert len(statuses) == 4
    assert not statuses & {0, 1, exit_status.USAGE}
