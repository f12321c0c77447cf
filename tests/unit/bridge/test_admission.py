import logging

import pytest

from bridge.admission import CALM_LATE, FEW, Admission, Reading, State

CALLS = 50


def admission() -> Admission:
    return Admission(max_late_s=0.004, max_busy=0.85)


def state(law: Admission) -> State:
    return law.state


def fare(
    admission: Admission, *, late_s: float = 0.0, busy: float = 0.3, calls: int = CALLS
) -> None:
    admission.read(Reading(late_s=late_s, busy=busy, calls=calls))


def test_calls_are_let_in_while_all_is_well() -> None:
    law = admission()
    for _ in range(10):
        fare(law, late_s=0.003, busy=0.84)
        law.begun()
        assert (state(law), law.reason) == (State.OPEN, "")


def test_a_core_that_is_full_closes_at_once() -> None:
    law = admission()
    fare(law, busy=0.86)
    assert (state(law), law.closed) == (State.CLOSED, 1)
    assert law.reason == "86% of a core are used"


def test_audio_that_is_late_once_may_be_a_stall_and_twice_in_a_row_closes() -> None:
    law = admission()
    fare(law, late_s=2.0)
    fare(law)
    fare(law, late_s=0.0041)
    assert state(law) is State.OPEN
    fare(law, late_s=0.0052)
    assert state(law) is State.CLOSED
    assert law.reason == "audio is 5.2 ms late on average"


def test_calls_that_just_began_count_before_they_show() -> None:
    law = admission()
    fare(law, busy=0.80, calls=100)  # 0.8 % each
    for _ in range(6):
        law.begun()
    assert state(law) is State.OPEN
    law.begun()
    assert state(law) is State.CLOSED
    assert law.reason == "7 calls that just began will use 86% of a core"


def test_a_burst_of_calls_at_an_idle_bridge_is_let_in() -> None:
    law = admission()
    fare(law, busy=0.02, calls=0)
    for _ in range(80):
        law.begun()
    assert state(law) is State.OPEN


def test_with_few_calls_alive_none_is_refused_whatever_else_the_machine_does() -> None:
    law = admission()
    for _ in range(10):
        fare(law, late_s=0.1, busy=1.0, calls=FEW - 1)
        assert not law.reason


def test_calls_come_back_twice_as_many_each_time_until_they_need_not_be_counted() -> None:
    law = admission()
    fare(law, busy=0.9)
    let_in = []
    for _ in range(20):
        fare(law)
        count = 0
        while not law.reason and count < 50:
            count += 1
            law.begun()
        let_in.append(count)
        if state(law) is State.OPEN:
            break
    assert let_in[:-1] == [0, 2, 4, 8, 16, 32]
    assert state(law) is State.OPEN


def test_what_is_no_longer_bad_but_not_yet_calm_stays_closed() -> None:
    law = admission()
    fare(law, busy=0.9)
    for _ in range(10):
        fare(law, busy=0.80)
        fare(law, late_s=0.004 * CALM_LATE + 0.0001)
        assert state(law) is State.CLOSED
        assert law.reason
    fare(law)
    assert state(law) is State.CLOSED
    fare(law)
    assert state(law) is State.RETURNING


def test_a_core_that_is_a_little_less_than_full_keeps_it_closed_until_there_is_room() -> None:
    law = admission()
    fare(law, busy=0.86)
    for _ in range(10):
        fare(law, busy=0.84)
    assert state(law) is State.CLOSED
    for _ in range(2):
        fare(law, busy=0.70)
    assert state(law) is State.RETURNING


@pytest.mark.parametrize(("calls", "closed"), [(FEW - 1, 0), (FEW, 1)])
def test_from_eight_calls_on_a_full_core_closes(calls: int, closed: int) -> None:
    law = admission()
    fare(law, busy=0.86, calls=calls)
    assert law.closed == closed


def test_it_opens_when_the_calls_have_gone_though_the_machine_is_as_busy_as_before() -> None:
    law = admission()
    for _ in range(2):
        fare(law, late_s=0.05)
    for _ in range(2):
        fare(law, late_s=0.05, calls=0)
    assert not law.reason


def test_an_overload_while_calls_come_back_closes_again() -> None:
    law = admission()
    fare(law, busy=0.9)
    for _ in range(3):
        fare(law)
    assert state(law) is State.RETURNING
    fare(law, busy=0.9)
    assert (state(law), law.closed) == (State.CLOSED, 2)


def test_a_limit_of_zero_is_none() -> None:
    law = Admission(max_late_s=0, max_busy=0)
    for _ in range(5):
        fare(law, late_s=1.0, busy=1.0)
        law.begun()
    assert state(law) is State.OPEN
    assert not law.reason


def test_each_change_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    law = admission()
    with caplog.at_level(logging.INFO, "bridge.admission"):
        for _ in range(5):
            fare(law, busy=0.9)
        for _ in range(12):
            fare(law)
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("WARNING", "= admission closed with 50 calls: 90% of a core are used"),
        ("INFO", "= admission returning with 50 calls"),
        ("INFO", "= admission open with 50 calls"),
    ]


def test_among_few_calls_those_that_just_began_close_nothing() -> None:
    law = admission()
    fare(law, busy=0.84, calls=2)
    for _ in range(FEW - 2):
        law.begun()
    assert state(law) is State.OPEN
    law.begun()
    assert state(law) is State.CLOSED
