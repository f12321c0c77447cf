"""Registrars whose answers are within the grammar and beyond all sense, against PJSIP."""

from dataclasses import replace

import pytest

from sip import (
    Listen,
    Registration,
    RegistrationChanged,
    RegistrationState,
    Settings,
    Trunk,
    registration,
)
from sip.pjsua.build import CAN_SCREEN
from tests.support.exchange import HOME, Exchange, exchange
from tests.support.registrar import Answer, Registrar, registrar
from tests.support.waiting import until

pytestmark = pytest.mark.interop

State = RegistrationState
CHALLENGE = 'WWW-Authenticate: Digest realm="x", nonce="{}", algorithm={}'


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "FIRST_RETRY_S", 0.05)


def settings(server: Registrar) -> Settings:
    trunk = Trunk(name="carrier", registrar=f"sip:{HOME}:{server.port}", username="b", password="p")
    return Settings(listen=(Listen(host=HOME, port=0),), trunks=(trunk,))


def stands(ours: Exchange) -> Registration:
    return ours.agent.trunks["carrier"]


async def test_a_binding_that_the_registrar_drops_unasked_is_asked_for_again() -> None:
    def how(number: int) -> Answer:
        return "200 OK", ["Expires: 0"] if number < 3 else ["Expires: 60"]

    async with registrar(how) as server, exchange(settings(server)) as ours:
        await until(lambda: stands(ours).state is State.REGISTERED)
        assert server.asked == 3


async def test_what_was_said_of_a_binding_that_is_not_there_is_told() -> None:
    async with (
        registrar(lambda _: ("200 OK", ["Expires: 0"])) as server,
        exchange(settings(server)) as ours,
    ):
        await until(lambda: stands(ours).state is State.REJECTED)
        assert stands(ours).reason == "the registrar holds no binding"


@pytest.mark.parametrize(
    ("answer", "most"),
    [
        (("401 Unauthorized", [CHALLENGE.format("same", "MD5")]), 30),
        (("401 Unauthorized", [CHALLENGE.format("x", "MD5") + ", stale=true"]), 60),
        (("423 Interval Too Brief", ["Min-Expires: 900"]), 20),
        (("503 No", ["Retry-After: 0"]), 20),
    ],
)
async def test_a_registrar_that_never_agrees_is_asked_ever_more_rarely(
    answer: Answer, most: int
) -> None:
    async with registrar(lambda _: answer) as server, exchange(settings(server)) as ours:
        await until(lambda: stands(ours).retry_in_s is not None and server.asked > 1)
        await until(lambda: (stands(ours).retry_in_s or 0) > 0.2)
        assert stands(ours).state in (State.REJECTED, State.UNREACHABLE)
        assert server.asked < most


@pytest.mark.skipif(not CAN_SCREEN, reason="PyPI's build of PJSIP asks without end")
@pytest.mark.parametrize("step", [1, 4_000_000_000])
async def test_a_registrar_that_wants_ever_more_is_not_followed_without_end(step: int) -> None:
    def how(number: int) -> Answer:
        return "423 Interval Too Brief", [f"Min-Expires: {min(300 + number * step, 4294967295)}"]

    async with registrar(how) as server, exchange(settings(server)) as ours:
        await until(lambda: stands(ours).state is State.UNREACHABLE)
        assert stands(ours).code == 423
        assert server.asked < 12


async def test_a_binding_that_runs_out_while_its_refresh_is_unanswered_has_failed_only_once() -> (
    None
):
    """PJSIP refuses another REGISTER (PJSIP_EBUSY) until that one has come to nothing."""

    def how(number: int) -> Answer | None:
        return ("200 OK", ["Expires: 3"]) if number == 1 else None

    async with registrar(how) as server:
        short = replace(settings(server).trunks[0], expires_s=3)
        async with exchange(replace(settings(server), trunks=(short,))) as ours:
            await until(lambda: stands(ours).state is State.REGISTERED)
            await until(lambda: stands(ours).state is not State.REGISTERED)
            told = [
                event.registration.state
                for event in ours.events
                if isinstance(event, RegistrationChanged)
            ]
            assert stands(ours).state is State.REGISTERING
    assert State.UNREACHABLE not in told
