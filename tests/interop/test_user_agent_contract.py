"""What every SIP stack owes the user agent: the same story told by PJSIP and by the fake.

A story is played by the other party, which is SIPp against PJSIP and a ``Remote`` of the fake.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import Enum, auto

import pytest

from sip import (
    Answered,
    Digit,
    Direction,
    Ended,
    Leg,
    LegEvent,
    LegState,
    MediaAddress,
    MediaNegotiated,
    Ringing,
    SipError,
    Stranger,
)
from tests.support.exchange import (
    HOME,
    PBX,
    SETTINGS,
    Exchange,
    at,
    exchange,
    next_event,
    until_ended,
)
from tests.support.fake_stack import FakeStack, Remote
from tests.support.scenario import (
    ack,
    ack_failure,
    audio,
    callee_request,
    cancel,
    invite,
    recv,
    recv_invite,
    request,
    response,
    scenario,
    send,
)
from tests.support.sipp import Sipp, free_port, needs_sipp

pytestmark = pytest.mark.interop

Q850 = "Q.850;cause=16"


class Act(Enum):
    """One thing that the other party does or waits for."""

    INVITE = auto()
    HEAR_ANSWER = auto()
    HEAR_REFUSAL = auto()
    HOLD = auto()
    DIGIT = auto()
    BYE = auto()
    CANCEL = auto()
    HEAR_BYE = auto()
    HEAR_INVITE = auto()
    RING = auto()
    EARLY_MEDIA = auto()
    ANSWER = auto()
    BUSY = auto()
    HEAR_CANCEL = auto()
    HANG_UP_AS_CALLEE = auto()


class Play(ABC):
    """The other party, acting a story against a running user agent."""

    ours: Exchange

    @abstractmethod
    async def begin(self, *acts: Act, host: str = "127.0.0.2") -> None:
        """Start to act."""

    @abstractmethod
    async def done(self) -> None:
        """Wait for the end of the story; fail when it went otherwise."""


OK = send(response("200 OK", tag=False))
STEPS: dict[Act, tuple[str, ...]] = {
    Act.INVITE: (send(invite(audio(), "X-Account: 42")), recv(100, optional=True)),
    Act.HEAR_ANSWER: (recv(180, optional=True), recv(200), send(ack())),
    Act.HEAR_REFUSAL: (recv(180, optional=True), recv(404), send(ack_failure())),
    Act.HOLD: (
        send(request("INVITE", body=audio(direction="sendonly", version=2), cseq=2)),
        recv(100, optional=True),
        recv(200),
        send(ack(2)),
    ),
    Act.DIGIT: (
        send(
            request("INFO", body="Signal=5\nDuration=160\n", kind="application/dtmf-relay", cseq=3)
        ),
        recv(200),
    ),
    Act.BYE: (send(request("BYE", f"Reason: {Q850}", cseq=9)), recv(200)),
    Act.CANCEL: (recv(180), send(cancel()), recv(200), recv(487), send(ack_failure())),
    Act.HEAR_BYE: (recv("BYE"), OK),
    Act.HEAR_INVITE: (recv_invite(),),
    Act.RING: (send(response("180 Ringing")),),
    Act.EARLY_MEDIA: (send(response("183 Session Progress", body=audio("0 101"))),),
    Act.ANSWER: (send(response("200 OK", body=audio("0 101"))), recv("ACK")),
    Act.BUSY: (send(response("486 Busy Here", f"Reason: {Q850}")), recv("ACK")),
    Act.HEAR_CANCEL: (recv("CANCEL"), OK),
    Act.HANG_UP_AS_CALLEE: (send(callee_request("BYE", f"Reason: {Q850}")), recv(200)),
}
CALLEE_PORT = free_port("127.0.0.2")


class SippPlay(Play):
    def __init__(self) -> None:
        self._sipp: Sipp | None = None

    async def begin(self, *acts: Act, host: str = "127.0.0.2") -> None:
        text = scenario(*(step for act in acts for step in STEPS[act]))
        if acts[0] is Act.INVITE:
            if host != "127.0.0.2":
                text = text.replace('response="404"', 'response="403"')
            self._sipp = Sipp(text, host=host, remote=self.ours.address)
        else:
            self._sipp = Sipp(text, host=host, port=CALLEE_PORT)
        await self._sipp.__aenter__()

    async def done(self) -> None:
        assert self._sipp is not None
        try:
            await self._sipp.done()
        finally:
            await self._sipp.__aexit__(None, None, None)


class FakePlay(Play):
    def __init__(self, stack: FakeStack) -> None:
        self._stack = stack
        self._acting: asyncio.Task[None] | None = None

    async def begin(self, *acts: Act, host: str = "127.0.0.2") -> None:
        self._acting = asyncio.create_task(self._act(acts, host))

    async def done(self) -> None:
        assert self._acting is not None
        await self._acting

    async def _act(self, acts: tuple[Act, ...], host: str) -> None:
        if acts[0] is Act.INVITE:
            remote = self._stack.invite(headers={"X-Account": "42"}, source=(host, 5060))
        else:
            remote = await self._stack.dialled()
        for act in acts[1:]:
            await self._do(act, remote)

    async def _do(self, act: Act, remote: Remote) -> None:
        moves: dict[Act, Callable[[], None]] = {
            Act.HOLD: remote.hold,
            Act.DIGIT: lambda: remote.digit("5", 160),
            Act.BYE: lambda: remote.bye({"Reason": Q850}),
            Act.RING: remote.ring,
            Act.EARLY_MEDIA: lambda: remote.ring(183, early_media=True),
            Act.ANSWER: remote.answer,
            Act.BUSY: lambda: remote.refuse(486, "Busy Here", {"Reason": Q850}),
            Act.HANG_UP_AS_CALLEE: lambda: remote.bye({"Reason": Q850}),
        }
        if act in moves:
            moves[act]()
        elif act is Act.CANCEL:
            await remote.answered(180)
            remote.cancel({"Reason": Q850})
        elif act is Act.HEAR_ANSWER:
            assert (await remote.answered()).code == 200
        elif act is Act.HEAR_REFUSAL:
            assert (await remote.answered()).code == (404 if remote.gone else 403)
        else:
            await remote.left()


@asynccontextmanager
async def pjsip() -> AsyncIterator[Play]:
    play = SippPlay()
    trunk = at(PBX, "127.0.0.2", CALLEE_PORT)
    async with exchange(replace(SETTINGS, trunks=(trunk,))) as play.ours:
        yield play


@asynccontextmanager
async def fake() -> AsyncIterator[Play]:
    stack = FakeStack()
    play = FakePlay(stack)
    trunk = at(PBX, "127.0.0.2", CALLEE_PORT)
    async with exchange(replace(SETTINGS, trunks=(trunk,)), stack=stack) as play.ours:
        yield play


@pytest.fixture(params=[pytest.param(pjsip, marks=needs_sipp), fake], ids=["pjsip", "fake"])
async def play(request: pytest.FixtureRequest) -> AsyncIterator[Play]:
    async with request.param() as running:
        yield running


async def dial(play: Play) -> Leg:
    media = MediaAddress(host=HOME, port=41000)
    return await play.ours.agent.dial("pbx", "1000", media=media)


def kinds(events: list[LegEvent]) -> list[type[LegEvent]]:
    return [type(event) for event in events]


async def test_an_inbound_call_from_invite_to_bye(play: Play) -> None:
    await play.begin(Act.INVITE, Act.HEAR_ANSWER, Act.HOLD, Act.DIGIT, Act.BYE)
    leg = await play.ours.leg()
    assert leg.invite is not None
    assert (leg.trunk, leg.invite.from_user, leg.invite.to_user) == ("pbx", "ann", "1000")
    assert leg.invite.headers.first("X-ACCOUNT") == "42"
    assert leg.invite.media == play.ours.leased[0]
    states = [leg.state]
    await leg.ring()
    states.append(leg.state)
    await leg.answer()
    events = await until_ended(leg)
    await play.done()
    assert kinds(events) == [MediaNegotiated, Answered, MediaNegotiated, Digit, Ended]
    first, _, second, digit, ended = events
    assert isinstance(first, MediaNegotiated)
    assert isinstance(second, MediaNegotiated)
    assert (first.media.encoding, first.media.event_payload_type) == ("PCMU", 101)
    assert (first.media.held, second.media.held) == (False, True)
    assert second.media.direction is Direction.RECVONLY
    assert isinstance(digit, Digit)
    assert (digit.digit, digit.duration_ms) == ("5", 160)
    assert isinstance(ended, Ended)
    assert (ended.code, ended.q850, ended.remote) == (200, 16, True)
    assert [*states, leg.state] == [LegState.CALLING, LegState.RINGING, LegState.ENDED]
    assert play.ours.agent.legs == {}


async def test_we_hang_up_an_inbound_call(play: Play) -> None:
    await play.begin(Act.INVITE, Act.HEAR_ANSWER, Act.HEAR_BYE)
    leg = await play.ours.leg()
    await leg.answer()
    await next_event(leg, Answered)
    await leg.hang_up(503, headers={"X-Why": "tired"})
    await leg.hang_up()
    ended = await leg.wait_ended()
    await play.done()
    assert (ended.code, ended.q850, ended.remote) == (200, None, False)


async def test_an_inbound_call_is_refused(play: Play) -> None:
    await play.begin(Act.INVITE, Act.HEAR_REFUSAL)
    leg = await play.ours.leg()
    await leg.reject(404, "Nobody Here")
    ended = await leg.wait_ended()
    await play.done()
    assert (ended.code, ended.reason, ended.remote) == (404, "Nobody Here", False)
    with pytest.raises(SipError, match="over"):
        await leg.answer()


async def test_an_inbound_call_is_cancelled(play: Play) -> None:
    await play.begin(Act.INVITE, Act.CANCEL)
    leg = await play.ours.leg()
    await leg.ring()
    events = await until_ended(leg)
    await play.done()
    assert kinds(events) == [Ended]
    assert isinstance(events[0], Ended)
    assert (events[0].code, events[0].remote) == (487, True)


async def test_a_stranger_is_turned_away(play: Play) -> None:
    await play.begin(Act.INVITE, Act.HEAR_REFUSAL, host="127.0.0.3")
    await play.done()
    assert play.ours.legs.empty()
    await asyncio.sleep(0)
    strangers = [event for event in play.ours.events if isinstance(event, Stranger)]
    assert [(event.source, event.method) for event in strangers] == [("127.0.0.3", "INVITE")]
    assert play.ours.agent.stats.strangers == 1


async def test_an_outbound_call_is_answered_and_hung_up_by_the_callee(play: Play) -> None:
    await play.begin(Act.HEAR_INVITE, Act.RING, Act.ANSWER, Act.HANG_UP_AS_CALLEE)
    leg = await dial(play)
    events = await until_ended(leg)
    await play.done()
    assert kinds(events) == [Ringing, MediaNegotiated, Answered, Ended]
    assert isinstance(events[0], Ringing)
    assert (events[0].code, events[0].early_media) == (180, False)
    assert isinstance(events[-1], Ended)
    assert (events[-1].code, events[-1].q850, events[-1].remote) == (200, 16, True)


async def test_we_hang_up_an_outbound_call(play: Play) -> None:
    await play.begin(Act.HEAR_INVITE, Act.RING, Act.ANSWER, Act.HEAR_BYE)
    leg = await dial(play)
    await next_event(leg, Answered)
    assert leg.media is not None
    await leg.hang_up()
    ended = await leg.wait_ended()
    await play.done()
    assert (ended.code, ended.remote) == (200, False)


async def test_early_media_comes_before_a_refusal(play: Play) -> None:
    await play.begin(Act.HEAR_INVITE, Act.EARLY_MEDIA, Act.BUSY)
    leg = await dial(play)
    events = await until_ended(leg)
    await play.done()
    assert kinds(events) == [Ringing, MediaNegotiated, Ended]
    assert isinstance(events[0], Ringing)
    assert events[0].early_media
    assert isinstance(events[-1], Ended)
    assert (events[-1].code, events[-1].q850, events[-1].remote) == (486, 16, True)


async def test_an_outbound_call_is_cancelled(play: Play) -> None:
    await play.begin(Act.HEAR_INVITE, Act.RING, Act.HEAR_CANCEL)
    leg = await dial(play)
    await next_event(leg, Ringing)
    await leg.hang_up()
    ended = await leg.wait_ended()
    await play.done()
    assert (ended.code, ended.remote) == (487, False)


async def test_an_unknown_trunk_cannot_be_dialled(play: Play) -> None:
    with pytest.raises(SipError, match="there is no trunk nowhere"):
        await play.ours.agent.dial("nowhere", "1", media=MediaAddress(host=HOME, port=41000))
