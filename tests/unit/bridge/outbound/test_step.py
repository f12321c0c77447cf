import pytest

from bridge.outbound.failover import Failover
from bridge.outbound.step import Step
from bridge.outbound.ways import Way
from bridge.outcome import Cause, Outcome, Result
from sip import Server

WAY = Way(
    trunk="carrier",
    to="1",
    caller_id="",
    ring_timeout_s=60,
    trying_timeout_s=8,
    failover=Failover(),
)
SERVER = Server(host="192.0.2.1", port=5060)


def ended(cause: Cause, code: int = 0) -> Outcome:
    return Outcome(result=Result.UPSTREAM_ERROR, cause=cause, sip_code=code)


SILENT, TROUBLED = ended(Cause.UNREACHABLE), ended(Cause.TRUNK_FAILED, 503)


@pytest.mark.parametrize(
    ("outcome", "rang", "failed"),
    [
        (SILENT, False, True),
        (TROUBLED, False, True),
        (TROUBLED, True, False),
        (ended(Cause.TRUNK_FAILED, 500), False, False),
        (ended(Cause.FULL, 503), False, False),
        (ended(Cause.BUSY, 486), False, False),
    ],
)
def test_a_server_fails_by_silence_or_503(outcome: Outcome, rang: bool, failed: bool) -> None:
    step = Step(way=WAY, server=SERVER, others=True, last=True)
    assert step.server_failed(outcome, rang=rang) is failed
    assert step.goes_on(outcome, rang=rang) is failed


def test_the_last_server_of_the_last_way_is_the_end() -> None:
    assert not Step(way=WAY, server=SERVER, others=False, last=True).goes_on(SILENT, rang=False)
    assert Step(way=WAY, server=SERVER, others=False, last=False).goes_on(SILENT, rang=False)


def test_what_has_one_server_has_no_other() -> None:
    step = Step(way=WAY, server=None, others=False, last=True)
    assert not step.server_failed(SILENT, rang=False)
