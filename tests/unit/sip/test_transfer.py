import pytest

from sip.events import ReferProgress
from sip.message import Headers, Message
from sip.transfer import FIRST_NOTIFY_S, OUTCOME_S, UNKNOWN, Transfer
from tests.support.fake_messages import message

NOW = 100.0
ACTIVE = "active;expires=60"
OVER = "terminated;reason=noresource"


class Told(list[tuple[int, str, bool]]):
    def take(self, event: ReferProgress) -> None:
        assert event.leg == "7f3a"
        self.append((event.code, event.reason, event.final))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def transfer(told: Told) -> Transfer:
    return Transfer("7f3a", emit=told.take, now=NOW)


def notify(body: str, state: str = ACTIVE) -> Message:
    headers = {"Event": "refer", "Subscription-State": state, "Content-Type": "message/sipfrag"}
    return message("NOTIFY", headers=headers, body=body)


def test_a_transfer_is_told_step_by_step(transfer: Transfer, told: Told) -> None:
    transfer.responded(202, "Accepted")
    transfer.notified(notify("SIP/2.0 100 Trying\r\n"), NOW)
    transfer.notified(notify("SIP/2.0 180 Ringing"), NOW)
    transfer.notified(notify("SIP/2.0 200 OK\r\nX-More: 1\r\n", OVER), NOW)
    assert told == [(100, "Trying", False), (180, "Ringing", False), (200, "OK", True)]
    assert transfer.done


@pytest.mark.parametrize("code", [302, 405, 503, 603])
def test_a_refused_refer_ends_it_with_its_own_code(
    transfer: Transfer, told: Told, code: int
) -> None:
    transfer.responded(100, "Trying")
    transfer.responded(code, "No")
    assert told == [(code, "No", True)]


def test_a_notify_may_overtake_the_202(transfer: Transfer, told: Told) -> None:
    transfer.notified(notify("SIP/2.0 100 Trying"), NOW)
    transfer.responded(202, "Accepted")
    transfer.responded(481, "Too late")
    assert told == [(100, "Trying", False)]
    assert not transfer.done


def test_nothing_is_told_after_the_end(transfer: Transfer, told: Told) -> None:
    transfer.notified(notify("SIP/2.0 486 Busy Here", OVER), NOW)
    transfer.notified(notify("SIP/2.0 200 OK", OVER), NOW)
    transfer.responded(503, "Late")
    transfer.tick(NOW + 1000)
    transfer.lost()
    assert told == [(486, "Busy Here", True)]


def test_a_final_status_is_the_end_though_the_subscription_goes_on(
    transfer: Transfer, told: Told
) -> None:
    transfer.notified(notify("SIP/2.0 200 OK", ACTIVE), NOW)
    assert told == [(200, "OK", True)]


@pytest.mark.parametrize("body", ["", "garbage", "SIP/2.0", "SIP/2.0 abc Hm", "SIP/2.0 100 Trying"])
@pytest.mark.parametrize(
    ("state", "why"),
    [(OVER, "noresource"), ("Terminated", "no reason"), ("terminated ; Reason=Timeout", "timeout")],
)
def test_a_subscription_that_ends_without_a_final_status_is_unknown(
    transfer: Transfer, told: Told, body: str, state: str, why: str
) -> None:
    transfer.notified(notify(body, state), NOW)
    assert told == [(UNKNOWN, f"subscription ended: {why}", True)]


@pytest.mark.parametrize("body", ["", "garbage", "SIP/2.0 999 What"])
def test_a_notify_that_says_nothing_is_passed_over(
    transfer: Transfer, told: Told, body: str
) -> None:
    transfer.notified(notify(body), NOW)
    assert told == []
    assert not transfer.done


def test_without_any_notify_it_ends_in_time(transfer: Transfer, told: Told) -> None:
    transfer.responded(202, "Accepted")
    transfer.tick(NOW + FIRST_NOTIFY_S - 0.1)
    assert told == []
    transfer.tick(NOW + FIRST_NOTIFY_S)
    assert told == [(UNKNOWN, "no NOTIFY came", True)]


def test_each_notify_gives_it_more_time(transfer: Transfer, told: Told) -> None:
    transfer.notified(notify("SIP/2.0 100 Trying"), NOW + 10)
    transfer.tick(NOW + 10 + OUTCOME_S - 0.1)
    transfer.notified(notify("SIP/2.0 180 Ringing"), NOW + 10 + OUTCOME_S)
    transfer.tick(NOW + 10 + 2 * OUTCOME_S - 0.1)
    assert len(told) == 2
    transfer.tick(NOW + 10 + 2 * OUTCOME_S)
    assert told[-1] == (UNKNOWN, "no NOTIFY came", True)


def test_the_end_of_the_leg_ends_it(transfer: Transfer, told: Told) -> None:
    transfer.responded(202, "Accepted")
    transfer.lost()
    assert told == [(UNKNOWN, "the leg ended before the outcome was told", True)]


def test_where_no_notify_will_come_acceptance_is_the_end(transfer: Transfer, told: Told) -> None:
    transfer.responded(202, "Accepted", Headers([("Refer-Sub", "false")]))
    assert told == [(202, "Accepted", True)]


def test_each_notify_buys_the_telephone_time_to_ring(transfer: Transfer, told: Told) -> None:
    transfer.responded(202, "Accepted")
    for now in (NOW, NOW + 170, NOW + 340):
        transfer.notified(notify("SIP/2.0 180 Ringing"), now)
        transfer.tick(now + OUTCOME_S - 1)
    assert not transfer.done
    transfer.tick(NOW + 340 + OUTCOME_S)
    assert told[-1] == (UNKNOWN, "no NOTIFY came", True)
