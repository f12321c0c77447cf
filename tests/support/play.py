"""A story of one call, played by the other party against either SIP stack.

The other party is SIPp against PJSIP, and a ``Remote`` of the fake.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import Enum, auto

import pytest

from deploy.ports import free_port
from sip import Settings, Trunk
from tests.support import referring
from tests.support.exchange import PBX, SETTINGS, Exchange, at, exchange
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
from tests.support.sipp import Sipp, needs_sipp

__all__ = ["STACKS", "Act", "Play"]

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
    TAKE_REFER = auto()
    REFUSE_REFER = auto()
    TELL_TRYING = auto()
    TELL_RINGING = auto()
    TELL_OK = auto()
    TELL_BUSY = auto()
    TELL_NOTHING = auto()
    ASK_REFER = auto()
    HEAR_DECLINE = auto()
    HEAR_ACCEPTED = auto()
    HEAR_NOTIFY = auto()


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
    Act.TAKE_REFER: referring.ACCEPT,
    Act.REFUSE_REFER: referring.refuse("603 Decline"),
    Act.TELL_TRYING: referring.notify("100 Trying", cseq=4),
    Act.TELL_RINGING: referring.notify("180 Ringing", cseq=5),
    Act.TELL_OK: referring.final("200 OK", cseq=6),
    Act.TELL_BUSY: referring.final("486 Busy Here", cseq=6),
    Act.TELL_NOTHING: referring.final("", cseq=6),
    Act.ASK_REFER: (referring.refer("Refer-To: <sip:bob@127.0.0.9>", cseq=4),),
    Act.HEAR_DECLINE: (recv(603),),
    Act.HEAR_ACCEPTED: (recv(202), *referring.heard()),
    Act.HEAR_NOTIFY: referring.heard(),
}
CALLEE_PORT = free_port()


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
        self._answer = 0
        self._heard = 0

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
            Act.REFUSE_REFER: lambda: remote.respond_to_refer(603, "Decline"),
            Act.TELL_TRYING: lambda: remote.notify(100, "Trying"),
            Act.TELL_RINGING: lambda: remote.notify(180, "Ringing"),
            Act.TELL_OK: lambda: remote.notify(200, "OK"),
            Act.TELL_BUSY: lambda: remote.notify(486, "Busy Here"),
            Act.TELL_NOTHING: lambda: remote.notify(0, state="terminated;reason=noresource"),
        }
        if act in (Act.TAKE_REFER, Act.REFUSE_REFER):
            await remote.referred()
        if act in moves:
            moves[act]()
        elif act is Act.TAKE_REFER:
            remote.respond_to_refer()
        elif act in (Act.ASK_REFER, Act.HEAR_DECLINE, Act.HEAR_ACCEPTED, Act.HEAR_NOTIFY):
            await self._ask(act, remote)
        elif act is Act.CANCEL:
            await remote.answered(180)
            remote.cancel({"Reason": Q850})
        elif act is Act.HEAR_ANSWER:
            assert (await remote.answered()).code == 200
        elif act is Act.HEAR_REFUSAL:
            assert (await remote.answered()).code == (404 if remote.gone else 403)
        else:
            await remote.left()

    async def _ask(self, act: Act, remote: Remote) -> None:
        if act is Act.ASK_REFER:
            self._answer = remote.refer("<sip:bob@127.0.0.9>")
        elif act is Act.HEAR_DECLINE:
            assert self._answer == 603
        else:
            assert self._answer == 202
            self._heard += 1
            await remote.told_of(self._heard)


def _settings(trunk: Trunk) -> Settings:
    return replace(SETTINGS, trunks=(at(trunk, "127.0.0.2", CALLEE_PORT),))


@asynccontextmanager
async def pjsip(trunk: Trunk = PBX) -> AsyncIterator[Play]:
    """Against PJSIP."""
    play = SippPlay()
    async with exchange(_settings(trunk)) as play.ours:
        yield play


@asynccontextmanager
async def fake(trunk: Trunk = PBX) -> AsyncIterator[Play]:
    """Against the fake."""
    stack = FakeStack()
    play = FakePlay(stack)
    async with exchange(_settings(trunk), stack=stack) as play.ours:
        yield play


STACKS = [pytest.param(pjsip, marks=needs_sipp, id="pjsip"), pytest.param(fake, id="fake")]
