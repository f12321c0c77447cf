import pytest

from bridge.errors import Full, Unreachable
from bridge.outbound.failover import Failover, check_codes
from bridge.outcome import Cause, Outcome, Result


def refused(code: int, cause: Cause = Cause.TRUNK_FAILED) -> Outcome:
    return Outcome(result=Result.UPSTREAM_ERROR, cause=cause, sip_code=code)


@pytest.mark.parametrize("code", [408, 500, 502, 503, 504, 599])
def test_a_trunk_that_failed_is_passed_over(code: int) -> None:
    assert Failover().goes_on(refused(code), rang=False)


@pytest.mark.parametrize("code", [302, 403, 404, 480, 486, 487, 488, 600, 603])
def test_an_answer_of_the_callee_or_about_it_is_final(code: int) -> None:
    assert not Failover().goes_on(refused(code, Cause.TRUNK_REFUSED), rang=False)


def test_a_trunk_that_cannot_be_reached_or_is_full_is_passed_over_whatever_the_codes() -> None:
    for error in (Unreachable(), Full()):
        assert Failover(()).goes_on(error.outcome, rang=False)


@pytest.mark.parametrize("code", [408, 480, 503])
def test_a_phone_that_rang_is_not_rung_again(code: int) -> None:
    assert not Failover(("300-599",)).goes_on(refused(code), rang=True)
    assert not Failover().goes_on(Unreachable().outcome, rang=True)


def test_a_gateways_500_that_says_busy_is_the_callees_answer() -> None:
    assert not Failover().goes_on(refused(500, Cause.BUSY), rang=False)


def test_other_codes_may_be_asked_for() -> None:
    failover = Failover(check_codes(("403", "480-486")))
    assert failover.goes_on(refused(403, Cause.TRUNK_REFUSED), rang=False)
    assert failover.goes_on(refused(486, Cause.BUSY), rang=False)
    assert not failover.goes_on(refused(503), rang=False)


@pytest.mark.parametrize("code", ["200", "600", "5xx", "500-", "", "50"])
def test_what_is_no_code_is_told(code: str) -> None:
    with pytest.raises(ValueError, match="should be a status"):
        check_codes((code,))
