import random

import pytest

from sip import RegistrationState
from sip.registration import LONGEST_RETRY_AFTER_S, LONGEST_RETRY_S, RegistrationMachine

State = RegistrationState


@pytest.fixture
def machine() -> RegistrationMachine:
    return RegistrationMachine("carrier", registers=True, rng=random.Random(7))


def accept(machine: RegistrationMachine, *, now: float = 0.0, expires_s: float = 300) -> None:
    machine.started()
    machine.accepted(expires_s, code=200, reason="OK", now=now)


def fail(
    machine: RegistrationMachine, code: int, *, now: float = 0.0, after: float | None = None
) -> None:
    machine.started()
    machine.failed(code=code, reason="no", now=now, retry_after_s=after)


def test_a_trunk_without_a_registrar_has_no_registration() -> None:
    machine = RegistrationMachine("pbx", registers=False)
    assert machine.state is State.NONE
    assert machine.due is None
    assert not machine.tick(1e9)


def test_an_accepted_registration_holds_until_it_expires(machine: RegistrationMachine) -> None:
    assert machine.state is State.UNREGISTERED
    accept(machine)
    registration = machine.registration(100)
    assert (registration.state, registration.code) == (State.REGISTERED, 200)
    assert registration.expires_s == 200
    assert registration.retry_in_s is None
    assert machine.due == 300


def test_a_binding_that_ran_out_is_expired_and_tried_at_once(machine: RegistrationMachine) -> None:
    accept(machine)
    assert not machine.tick(299)
    assert machine.tick(300)
    assert machine.registration(300).state is State.EXPIRED


def test_a_refresh_does_not_look_like_a_new_registration(machine: RegistrationMachine) -> None:
    accept(machine)
    machine.started()
    assert machine.registration(1).state is State.REGISTERED


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (401, State.REJECTED),
        (403, State.REJECTED),
        (404, State.REJECTED),
        (408, State.UNREACHABLE),
        (500, State.UNREACHABLE),
        (503, State.UNREACHABLE),
        (0, State.UNREACHABLE),
    ],
)
def test_a_refusal_is_told_from_trouble(
    machine: RegistrationMachine, code: int, state: State
) -> None:
    fail(machine, code)
    assert machine.registration(0).state is state


def test_retries_back_off_with_jitter_up_to_a_bound(machine: RegistrationMachine) -> None:
    delays = []
    for _ in range(12):
        fail(machine, 503)
        assert machine.retry_at is not None
        delays.append(machine.retry_at)
    for number, delay in enumerate(delays):
        plain = min(2.0 * 2**number, LONGEST_RETRY_S)
        assert 0.75 * plain <= delay <= 1.25 * plain
    assert len({round(delay / min(2.0 * 2**n, 120), 3) for n, delay in enumerate(delays)}) > 8


def test_a_success_forgets_earlier_failures(machine: RegistrationMachine) -> None:
    for _ in range(8):
        fail(machine, 503)
    accept(machine)
    fail(machine, 503)
    assert machine.retry_at is not None
    assert machine.retry_at < 3


def test_a_retry_after_is_honoured(machine: RegistrationMachine) -> None:
    fail(machine, 503, after=90)
    assert machine.retry_at == 90


def test_it_is_time_to_retry_once_the_delay_is_over(machine: RegistrationMachine) -> None:
    fail(machine, 503, now=10)
    assert machine.retry_at is not None
    assert not machine.tick(machine.retry_at - 0.01)
    assert machine.tick(machine.retry_at)
    machine.started()
    assert not machine.tick(1e9)
    assert machine.registration(0).state is State.REGISTERING


def test_a_lost_connection_is_registered_again_within_a_second(
    machine: RegistrationMachine,
) -> None:
    accept(machine, now=5)
    machine.broken(10)
    assert machine.retry_at is not None
    assert 10 < machine.retry_at <= 11


def test_connections_that_break_one_after_the_other_are_no_storm_of_registers(
    machine: RegistrationMachine,
) -> None:
    accept(machine)
    asked = 0
    for tick in range(600):
        now = tick / 10
        machine.broken(now)
        if machine.tick(now):
            asked += 1
            accept(machine, now=now)
    assert asked == 2  # in a minute


def test_a_lost_connection_of_an_unregistered_trunk_changes_nothing(
    machine: RegistrationMachine,
) -> None:
    machine.broken(10)
    assert machine.retry_at is None


def test_a_retry_after_of_days_is_not(machine: RegistrationMachine) -> None:
    fail(machine, 503, after=999_999)
    assert machine.retry_at == LONGEST_RETRY_AFTER_S


def test_a_removed_registration_is_not_renewed(machine: RegistrationMachine) -> None:
    accept(machine)
    machine.leaves()
    machine.removed(code=200, now=1)
    assert machine.registration(0).state is State.UNREGISTERED
    assert not machine.tick(1e9)


def test_one_that_nobody_asked_to_remove_is(machine: RegistrationMachine) -> None:
    accept(machine)
    machine.removed(code=200, now=1)
    registration = machine.registration(1)
    assert (registration.state, registration.code) == (State.REJECTED, 200)
    assert registration.expires_s is None
    assert registration.retry_in_s is not None
    assert machine.tick(10)
