"""The four ways to transfer a call.

    blind      REFER ──> NOTIFY 2xx ──> BYE            refused ──> bridged, where that is wanted
    bridged    INVITE ──> answered ──> legs joined
    warm       caller to music, INVITE ──> told, key pressed ──> legs joined
    attended   caller to music, INVITE ──> told, key pressed ──> REFER with Replaces ──> BYE

Whatever fails, the caller is back with the agent, who is told why.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge import bridging
from bridge.errors import Full, Hangup, NoPorts, NotAnswered, NotNow, OrderError
from bridge.media import wav
from bridge.media.wav import BadSound
from bridge.outbound.order import trunks_named
from bridge.outcome import Cause, Outcome, Result
from bridge.parties import arrivals, prompts
from bridge.parties.party import Party
from bridge.transfer import introduction
from bridge.transfer.order import TransferOrder, TransferResult
from bridge.transfer.referring import TRANSFERRED, Refused, refer
from bridge.ultravox.messages import Urgency

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["BEGUN", "begin", "transfer"]

LAST_WORDS_S, MARGIN_S = 8.0, 0.1
"""How long what the agent has said already is waited for, before the caller is sent away; and how
much longer than it lasts."""
BEGUN = (
    "The caller is being transferred to {to}. Say nothing more for now; you are told if it fails."
)
"""What an agent is told that asked for it."""
FAILED = (
    "The transfer to {to} has failed: {why}. The caller is on the line with you again. Say so, and"
    " ask what they would like to do."
)
"""What the agent is told."""
_NOBODY_THERE = (NotAnswered, OrderError, Full, NoPorts)
_NOT_ACCEPTED = Outcome(
    result=Result.CLIENT_ERROR, cause=Cause.DECLINED, detail="the caller was not accepted"
)


async def transfer(call: "Call", order: TransferOrder) -> TransferResult:
    """Transfer the first party of a call.

    By REFER this ends the call, with Hangup; otherwise it returns when the legs are joined. It
    returns too where that failed, and the caller is back with the agent. Raises NotNow where the
    call is in no state for it.
    """
    call.talking()
    call.transfers.begin()
    return await _carry_out(call, order)


async def _carry_out(call: "Call", order: TransferOrder) -> TransferResult:
    """Do what `transfer` does, which is under way already."""
    call.note("transferring", to=order.to, mode=order.mode)
    try:
        result = await _Transfer(call, call.talking(), order).run()
    except (BadSound, NotNow) as error:
        result = TransferResult(done=False, mode=order.mode, to=order.to, reason=str(error))
    finally:
        call.transfers.end()
    call.transfers.add(result)
    call.note("transferred" if result.done else "transfer-failed", **result.papers())
    if result.done and result.mode in ("blind", "attended"):
        raise Hangup(TRANSFERRED)
    return result


async def begin(call: "Call", order: TransferOrder) -> None:
    """Begin a transfer and return; the agent is told where it fails.

    Raises NotNow where the call is in no state for it, BadSound where a file cannot be played.
    """
    call.talking()
    call.transfers.begin()
    try:
        for file in (order.music, order.announcement):
            if file is not None:
                await wav.load(file, call.rate)
        call.spawn(_see_through(call, order), name="transfer")
    except BaseException:
        call.transfers.end()
        raise


async def _see_through(call: "Call", order: TransferOrder) -> None:
    """Carry out what `begin` began."""
    talk = call.talk
    result = await _carry_out(call, order)
    if not result.done and talk.here:
        why = result.reason or str(result.code)
        talk.tell(FAILED.format(to=order.name or order.to, why=why), Urgency.IMMEDIATE)


class _Transfer:
    """One transfer at work."""

    def __init__(self, call: "Call", party: Party, order: TransferOrder) -> None:
        self._call, self._party, self._order = call, party, order
        self._talk = call.talk

    async def run(self) -> TransferResult:
        """Do it in its mode."""
        stream = self._party.stream
        await stream.drain(min(LAST_WORDS_S, stream.depth + MARGIN_S))
        match self._order.mode:
            case "blind":
                return await self._blind()
            case "bridged":
                return await self._bridged()
            case "warm":
                return await self._warm()
            case "attended":
                return await self._attended()

    async def _blind(self) -> TransferResult:
        order = self._order
        try:
            target = self._call.parties.number(order.to, self._party)
            said = await refer(self._call, self._party, target, headers=order.headers)
        except OrderError as error:
            return TransferResult.failed(order, error.outcome)
        except Refused as refusal:
            if order.fallback:
                self._call.note("transfer-fallback", code=refusal.code, reason=refusal.reason)
                self._order = replace(order, mode="bridged")
                return await self._bridged()
            return self._result(done=False, code=refusal.code, reason=refusal.reason)
        return self._result(done=said.code // 100 == 2, code=said.code, reason=said.reason)

    async def _bridged(self) -> TransferResult:
        try:
            if self._order.music is None:
                other = await self._dial()
            else:
                async with self._waiting():
                    other = await self._dial()
        except _NOBODY_THERE as error:
            return TransferResult.failed(self._order, error.outcome)
        await self._join(other)
        return self._result(done=True, code=200)

    async def _warm(self) -> TransferResult:
        async with self._waiting():
            other = await self._introduced()
            if isinstance(other, TransferResult):
                return other
        await self._join(other)
        return self._result(done=True, code=200)

    async def _attended(self) -> TransferResult:
        async with self._waiting():
            other = await self._introduced()
            if isinstance(other, TransferResult):
                return other
            try:
                said = await refer(
                    self._call, self._party, "", headers=self._order.headers, replaces=other.leg
                )
                code, reason = said.code, said.reason
            except Refused as refusal:
                code, reason = refusal.code, refusal.reason
            if code // 100 == 2:
                return self._result(done=True, code=code, reason=reason)
            if not self._order.fallback or other.ended.done():
                await self._call.parties.give_up(other, replace(_NOT_ACCEPTED, detail=reason))
                return self._result(done=False, code=code, reason=reason)
        self._call.note("transfer-fallback", code=code, reason=reason)
        self._order = replace(self._order, mode="warm")
        await self._join(other)
        return self._result(done=True, code=200)

    async def _introduced(self) -> Party | TransferResult:
        """Whom we called, once they have accepted the caller; why not, where they have not."""
        try:
            other = await self._dial()
        except _NOBODY_THERE as error:
            return TransferResult.failed(self._order, error.outcome)
        try:
            if await introduction.accepted(self._call, other, self._order, self._talk):
                return other
        except BaseException:
            await self._call.parties.give_up(other, None)
            raise
        gone = "hung up" if other.ended.done() else _NOT_ACCEPTED.detail
        await self._call.parties.give_up(other, _NOT_ACCEPTED)
        return self._result(done=False, reason=gone)

    async def _dial(self) -> Party:
        order = self._order
        return await arrivals.dial(
            self._call,
            order.to,
            name="transfer",
            trunks=trunks_named(order.trunk),
            timeout_s=order.timeout_s,
            caller_id=order.caller_id,
            headers=order.headers if order.mode != "blind" else {},
        )

    @contextlib.asynccontextmanager
    async def _waiting(self) -> AsyncIterator[None]:
        """The caller waits, with music or a tone now and then; the agent hears nothing of it."""
        call, party, talk = self._call, self._party, self._talk
        talk.clear()
        bridging.disconnect(call, party, talk)
        try:
            if self._order.music is None:
                prompts.beep(call, party)
            else:
                await prompts.play(call, party, self._order.music, loop=True)
            yield
        finally:
            prompts.silence(party)
            if talk.here:
                bridging.connect(call, party, talk)

    async def _join(self, other: Party) -> None:
        """Let the two hear each other, and the agent go or listen."""
        call, party, talk = self._call, self._party, self._talk
        bridging.disconnect(call, party, talk)
        bridging.connect(call, party, other)
        talk.needed = False
        if self._order.agent == "leave":
            await call.talks.dismiss(talk)
        elif talk.here:
            call.patchbay.connect(party, talk)
            call.patchbay.connect(other, talk)
            talk.tell(
                "You have been connected as a listener: the caller now talks with somebody else.",
                Urgency.LATER,
            )

    def _result(self, *, done: bool, code: int = 0, reason: str = "") -> TransferResult:
        order = self._order
        return TransferResult(done=done, mode=order.mode, to=order.to, code=code, reason=reason)
