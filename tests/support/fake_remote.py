"""The other party of a call that a fake SIP stack carries, moved by a test."""

import asyncio
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from sip.commands import Dial, HangUp, NotifyRefer, Refer, Refusal, Reoffer, Respond
from sip.dialog import Dialog
from sip.media import MediaAddress
from sip.message import Headers, Message
from sip.replaces import refer_to
from sip.stack import SipError
from sip.transfer_policy import PENDING
from sip.trunk import Trunk, new_token
from tests.support.fake_messages import OFFER, answer_to, directed, message
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from tests.support.fake_stack import FakeStack

__all__ = ["Remote"]

T = TypeVar("T")


class Remote:
    """The other party of one call, moved by the test."""

    def __init__(
        self, stack: "FakeStack", leg: str, *, dial: Dial | None = None, theirs: str = OFFER
    ) -> None:
        self.leg = leg
        self.call_id, self.our_tag, self.their_tag = new_token(), new_token(), new_token()
        self.dial = dial
        """What we dialled; None when the other party called."""
        self.responses: list[Respond] = []
        """What it was answered, in order."""
        self.gone: HangUp | None = None
        """How we ended it."""
        self.trunk: Trunk | None = None
        self.refers: list[Refer] = []
        """What we asked it to call."""
        self.notified: list[NotifyRefer] = []
        """What it heard of the transfer that it asked for."""
        self.ours = ""
        """Our SDP, as the other party has it."""
        self.theirs = theirs
        self._stack = stack
        self.dialog: Dialog | None = None
        self._media: MediaAddress | None = None
        self.asked = False
        """It waits to hear of the transfer that it asked for."""
        self._moved = asyncio.Event()

    async def answered(self, code: int = 200) -> Respond:
        """Wait for our response with that status, or a refusal."""
        return await self._until(
            lambda: next((r for r in self.responses if r.code == code or r.code >= 300), None)
        )

    async def left(self) -> HangUp:
        """Wait until we have ended the call."""
        return await self._until(lambda: self.gone)

    async def referred(self) -> Refer:
        """Wait until we ask it to call somebody; ``respond_to_refer`` answers that."""
        return await self._until(lambda: self.refers[-1] if self.refers else None)

    def respond_to_refer(
        self, code: int = 202, reason: str = "Accepted", headers: Mapping[str, str] | None = None
    ) -> None:
        """It takes our REFER, or refuses."""
        self._alive.received(message("REFER", code=code, reason=reason, headers=headers))

    def notify(self, code: int, reason: str = "", *, state: str = "") -> None:
        """It tells how far the transfer has come; ``code`` 0: without a status."""
        over = "terminated;reason=noresource" if code >= 200 else "active;expires=60"
        headers = {
            "Event": "refer",
            "Subscription-State": state or over,
            "Content-Type": "message/sipfrag;version=2.0",
        }
        body = f"SIP/2.0 {code} {reason}\r\n" if code else ""
        self._alive.received(message("NOTIFY", headers=headers, body=body))

    def refer(
        self, target: str, *, referred_by: str = "", headers: Mapping[str, str] | None = None
    ) -> int:
        """It asks us to call somebody; what it is answered."""
        assert self.trunk is not None
        fields = {"Refer-To": target, **(headers or {})}
        if referred_by:
            fields["Referred-By"] = referred_by
        if self.asked or not self._alive.answered:
            return PENDING.code
        verdict = self._stack.policy.refer(
            self.trunk, message("REFER", headers=fields), self.leg, self._stack.dialogs
        )
        if isinstance(verdict, Refusal):
            return verdict.code
        self.asked = True
        self._stack.emit(verdict)
        self.notified_by_us(NotifyRefer(leg=self.leg, code=100, reason="Trying"))
        return 202

    def silence(self) -> None:
        """It says nothing for a long time."""
        if self._alive.transfer is not None:
            self._alive.transfer.tick(math.inf)

    async def told_of(self, times: int) -> NotifyRefer:
        """Wait until it heard so many times of the transfer that it asked for."""
        return await self._until(
            lambda: self.notified[times - 1] if len(self.notified) >= times else None
        )

    def ring(
        self,
        code: int = 180,
        *,
        early_media: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """The called party rings."""
        fields = Headers((headers or {}).items())
        self._alive.provisional(code, "Ringing", early_media=early_media, headers=fields)
        if early_media:
            self._settle(theirs=answer_to(self.ours, host="127.0.0.2", port=6000))

    def answer(self, sdp: str = "", headers: Mapping[str, str] | None = None) -> None:
        """The called party answers, by itself with the first codec of our offer."""
        theirs = sdp or answer_to(self.ours, host="127.0.0.2", port=6000)
        self._settle(theirs=theirs, headers=headers)
        self._alive.confirmed()

    def refuse(self, code: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        """The called party refuses with a final status."""
        self._leave(message("INVITE", code=code, reason=reason, headers=headers))

    def bye(self, headers: Mapping[str, str] | None = None) -> None:
        """The other party hangs up."""
        self._leave(message("BYE", headers=headers))

    def cancel(self, headers: Mapping[str, str] | None = None) -> None:
        """The calling party gives up."""
        self._leave(message("CANCEL", headers=headers))

    def fail(self, code: int = 408, reason: str = "Request Timeout") -> None:
        """Nothing comes from the other party any more."""
        self._alive.disconnected(code, reason)
        self._stack.forget(self)

    def reoffer(self, sdp: str) -> None:
        """The other party sends a re-INVITE, which we answer."""
        assert self._media is not None
        codecs = self._stack.settings.codecs
        ours = answer_to(sdp, host=self._media.host, port=self._media.port, codecs=codecs)
        self._settle(theirs=sdp, ours=ours)

    def hold(self) -> None:
        """The other party puts us on hold."""
        self.reoffer(self.theirs.replace("a=sendrecv", "a=sendonly"))

    def resume(self) -> None:
        """The other party takes us back."""
        self.reoffer(self.theirs.replace("a=sendonly", "a=sendrecv"))

    def digit(self, digit: str, duration_ms: int = 100) -> None:
        """The other party sends a digit by SIP INFO."""
        body = f"Signal={digit}\r\nDuration={duration_ms}\r\n"
        headers = {"Content-Type": "application/dtmf-relay"}
        self._alive.received(message("INFO", headers=headers, body=body))

    # The stack's side.

    def begin(self, dialog: Dialog, media: MediaAddress, *, ours: str = "") -> None:
        self.dialog, self._media, self.ours = dialog, media, ours

    def refused(self, refusal: Refusal) -> None:
        wait = refusal.retry_after_s
        headers = {} if wait is None else {"Retry-After": str(wait)}
        self._hear(Respond(leg=self.leg, code=refusal.code, reason=refusal.reason, headers=headers))

    def respond(self, command: Respond) -> None:
        self._hear(command)
        if command.code >= 183 and not self.ours:
            self.reoffer(self.theirs)
        if command.code == 200:
            self._alive.confirmed()

    def hang_up(self, command: HangUp) -> None:
        dialog, final = self._alive, command.code if command.code >= 300 else 480
        self.gone = command
        if dialog.answered:
            said = (200, "OK")
        elif dialog.outbound:
            said = (487, "Request Terminated")
        else:
            said = (final, command.reason)
            self._hear(Respond(leg=self.leg, code=final, reason=said[1], headers=command.headers))
        self._moved.set()
        dialog.leave(*said)
        dialog.disconnected(*said)
        self._stack.forget(self)

    def held_by_us(self, *, held: bool) -> None:
        """Our re-INVITE, which the other party answers at once."""
        here, there = ("sendonly", "recvonly") if held else ("sendrecv", "sendrecv")
        self._settle(theirs=directed(self.theirs, there), ours=directed(self.ours, here))

    def reoffered(self, command: Reoffer) -> None:
        """Our re-INVITE, which the other party answers as before."""
        media = self._media = command.media or self._media
        assert media is not None
        moved = re.sub(r"m=audio \d+", f"m=audio {media.port}", self.ours)
        self._settle(theirs=self.theirs, ours=re.sub(r"IP4 \S+", f"IP4 {media.host}", moved))

    def referred_by_us(self, command: Refer, replaced: "Remote | None") -> None:
        if not self._alive.answered:
            raise SipError("only a call that is up can be transferred")
        if command.replaces:
            other = replaced.dialog if replaced is not None else None
            if other is None or other.id is None:
                raise SipError("the leg to be replaced is not up")
            command = replace(command, uri=refer_to(command.uri or other.remote_target, other.id))
        self._alive.referred()
        self.refers.append(command)
        self._moved.set()

    def notified_by_us(self, command: NotifyRefer) -> None:
        if not self.asked:
            raise SipError("it asked for no transfer")
        self.asked = command.code < 200
        self.notified.append(command)
        self._moved.set()

    @property
    def _alive(self) -> Dialog:
        assert self.dialog is not None, "the call was refused"
        return self.dialog

    def _settle(
        self, *, theirs: str, ours: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.theirs, self.ours = theirs, ours or self.ours
        us = f"<sip:us@127.0.0.1>;tag={self.our_tag}"
        them = f"<sip:them@127.0.0.2>;tag={self.their_tag}"
        ends = {"From": us, "To": them} if self._alive.outbound else {"From": them, "To": us}
        common = {"Content-Type": "application/sdp", "Call-ID": self.call_id, **ends}
        code = 200 if self._alive.outbound else 0
        fields = {**common, "Contact": "<sip:them@127.0.0.2:5060>", **(headers or {})}
        self._alive.received(message("INVITE", code=code, headers=fields, body=self.theirs))
        self._alive.sent(message("INVITE", code=200 - code, headers=common, body=self.ours))
        self._alive.media_changed()
        self._alive.settle()

    def _hear(self, response: Respond) -> None:
        self.responses.append(response)
        self._moved.set()

    def _leave(self, message: Message) -> None:
        self._alive.received(message)
        self._alive.disconnected(message.code or 200, message.reason)
        self._stack.forget(self)

    async def _until(self, find: Callable[[], T | None]) -> T:
        async with asyncio.timeout(PATIENCE_S):
            while (found := find()) is None:
                self._moved.clear()
                await self._moved.wait()
        return found
