"""A SIP stack without SIP: PJSIP's commands and events, and a test as the other party.

    stack = FakeStack()
    async with UserAgent(settings, on_invite=..., lease=..., stack=stack):
        remote = stack.invite()          # somebody calls us
        await remote.answered()
        remote.bye()
        remote = await stack.dialled()   # whom we called
        remote.answer()

The gate, the dialogs and the reading of SDP are the real ones; the contract test in
``tests/interop/test_user_agent_contract.py`` holds for this stack and for PJSIP's.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TypeVar

from sip.dialog import Dialog
from sip.events import Event, Invite, MediaAddress, ReferRequested
from sip.gate import Gate
from sip.message import Headers, Message
from sip.sdp import offered_codecs
from sip.stack import (
    Admit,
    Command,
    Dial,
    HangUp,
    Hold,
    Hooks,
    LegCommand,
    Listen,
    NotifyRefer,
    Refer,
    Refusal,
    Reoffer,
    Respond,
    SendInfo,
    Settings,
    SipError,
    StackStats,
    Trust,
)
from sip.trunk import Trunk, new_token
from sip.uri import parse_name_addr

__all__ = ["OFFER", "FakeStack", "Remote", "describe_audio"]

T = TypeVar("T")

SOURCE = ("127.0.0.2", 5060)
PATIENCE_S = 5.0
FORMATS = {
    "PCMU": "0 PCMU/8000",
    "PCMA": "8 PCMA/8000",
    "G722": "9 G722/8000",
    "opus": "96 opus/48000/2",
}
REVERSED = {"sendonly": "recvonly", "recvonly": "sendonly"}


def describe_audio(
    codecs: tuple[str, ...] = ("PCMU", "PCMA"),
    *,
    host: str = "127.0.0.2",
    port: int = 6000,
    direction: str = "sendrecv",
) -> str:
    """An audio description with telephone-event on 101."""
    maps = [FORMATS[codec] for codec in codecs]
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join([*(each.split()[0] for each in maps), '101'])}",
        *(f"a=rtpmap:{each}" for each in maps),
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        f"a={direction}",
    ]
    return "\r\n".join(lines) + "\r\n"


OFFER = describe_audio()


class FakeStack:
    """Obeys ``sip.stack.Stack``; registrars, where trunks have them, say yes at once."""

    def __init__(self) -> None:
        self.stats = StackStats()
        self.listening: tuple[Listen, ...] = ()
        self.settings = Settings()
        self.infos: list[SendInfo] = []
        self.remotes: dict[str, Remote] = {}
        """The other parties of the calls that are alive, by leg."""
        self._dialled: asyncio.Queue[Remote] = asyncio.Queue()
        self._hooks: Hooks
        self._gate: Gate

    # For tests.

    def invite(
        self,
        *,
        offer: str = OFFER,
        caller: str = '"Ann" <sip:ann@127.0.0.2>',
        callee: str = "1000",
        headers: Mapping[str, str] | None = None,
        source: tuple[str, int] = SOURCE,
    ) -> "Remote":
        """Somebody calls us; ``remote.responses`` tells what they hear."""
        to = f"<sip:{callee}@127.0.0.1>"
        fields = {"From": caller, "To": to, "Call-ID": new_token(), **(headers or {})}
        message = _message("INVITE", headers=fields, body=offer)
        remote = Remote(self, new_token(), theirs=offer or OFFER)
        self.stats.invites += 1
        trunk = remote.trunk = self._gate.identify(source[0], f"sip:{callee}@127.0.0.1")
        if trunk is None:
            self._gate.turn_away(source[0], "INVITE", "no trunk has this address", time.monotonic())
            remote.refused(Refusal(code=403, reason="Forbidden"))
            return remote
        media = self._gate.admit(source[0])
        if isinstance(media, Refusal):
            remote.refused(media)
            return remote
        dialog = Dialog(remote.leg, outbound=False, emit=self._hooks.emit)
        dialog.received(message)
        remote.begin(dialog, media)
        self.remotes[remote.leg] = remote
        self._hooks.emit(
            Invite(
                leg=remote.leg,
                trunk=trunk.name,
                sip_call_id=fields["Call-ID"],
                request_uri=f"sip:{callee}@127.0.0.1",
                from_uri=parse_name_addr(caller).uri,
                from_user=parse_name_addr(caller).user,
                from_display=parse_name_addr(caller).display,
                to_uri=parse_name_addr(to).uri,
                to_user=callee,
                headers=message.headers,
                source=source,
                transport="udp",
                media=media,
                offer=offer,
                at=time.monotonic(),
            )
        )
        return remote

    async def dialled(self) -> "Remote":
        """The next party that we dialled."""
        return await asyncio.wait_for(self._dialled.get(), PATIENCE_S)

    # sip.stack.Stack

    def start(self, settings: Settings, hooks: Hooks) -> None:
        self.settings, self._hooks, self.listening = settings, hooks, settings.listen
        self._gate = Gate(settings.trunks, hooks=hooks, stats=self.stats)
        now = time.monotonic()
        for member in self._gate.members.values():
            if member.trunk.registrar is not None:
                member.machine.started()
                member.machine.accepted(member.trunk.expires_s, code=200, reason="OK", now=now)
                member.answered_from = SOURCE[0]
            self._gate.tell(member, now)

    def submit(self, command: Command) -> "Future[None]":
        done: Future[None] = Future()
        try:
            self._obey(command)
        except SipError as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        return done

    def stop(self) -> None:
        for remote in list(self.remotes.values()):
            remote.hang_up(HangUp(leg=remote.leg, code=503))

    def emit(self, event: Event) -> None:
        """Report to the user agent."""
        self._hooks.emit(event)

    def forget(self, remote: "Remote") -> None:
        """The call is over."""
        self.remotes.pop(remote.leg, None)

    def _obey(self, command: Command) -> None:
        match command:
            case Dial():
                self._dial(command)
            case Admit():
                self._gate.refusal = command.refuse
            case Trust():
                self._gate.members[command.trunk].resolved = command.addresses
            case _:
                if remote := self.remotes.get(command.leg):
                    self._steer(remote, command)

    def _steer(self, remote: "Remote", command: LegCommand) -> None:
        match command:
            case Respond():
                remote.respond(command)
            case HangUp():
                remote.hang_up(command)
            case Hold():
                remote.held_by_us(held=command.held)
            case SendInfo():
                self.infos.append(command)
            case Reoffer():
                remote.reoffered(command)
            case Refer():
                if command.replaces and command.replaces not in self.remotes:
                    raise SipError("the leg to be replaced is over")
                remote.referred_by_us(command)
            case NotifyRefer():
                remote.notified_by_us(command)

    def _dial(self, command: Dial) -> None:
        if command.trunk not in self._gate.members:
            raise SipError(f"there is no trunk {command.trunk}")
        self.stats.dialled += 1
        remote = Remote(self, command.leg, dial=command)
        remote.trunk = self._gate.members[command.trunk].trunk
        codecs = command.codecs or self.settings.codecs
        dialog = Dialog(command.leg, outbound=True, emit=self._hooks.emit)
        ours = describe_audio(codecs, host=command.media.host, port=command.media.port)
        remote.begin(dialog, command.media, ours=ours)
        self.remotes[command.leg] = remote
        self._dialled.put_nowait(remote)


class Remote:
    """The other party of one call, moved by the test."""

    def __init__(
        self, stack: FakeStack, leg: str, *, dial: Dial | None = None, theirs: str = OFFER
    ) -> None:
        self.leg = leg
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
        self._dialog: Dialog | None = None
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
        self._alive.received(_message("REFER", code=code, reason=reason, headers=headers))

    def notify(self, code: int, reason: str = "", *, state: str = "") -> None:
        """It tells how far the transfer has come; ``code`` 0: without a status."""
        over = "terminated;reason=noresource" if code >= 200 else "active;expires=60"
        headers = {
            "Event": "refer",
            "Subscription-State": state or over,
            "Content-Type": "message/sipfrag;version=2.0",
        }
        body = f"SIP/2.0 {code} {reason}\r\n" if code else ""
        self._alive.received(_message("NOTIFY", headers=headers, body=body))

    def refer(
        self, target: str, *, referred_by: str = "", headers: Mapping[str, str] | None = None
    ) -> int:
        """It asks us to call somebody; what it is answered."""
        if self.trunk is None or not self.trunk.accept_refer:
            self._stack.stats.refers_declined += 1
            return 603
        fields = {"Refer-To": f"<{target}>", **(headers or {})}
        if referred_by:
            fields["Referred-By"] = referred_by
        self.asked = True
        self._stack.emit(
            ReferRequested(
                leg=self.leg,
                target=target,
                referred_by=referred_by,
                replaces=False,
                invite_headers={"Referred-By": referred_by} if referred_by else {},
                headers=Headers(fields.items()),
            )
        )
        return 202

    async def told(self, code: int) -> NotifyRefer:
        """Wait until it heard that of the transfer that it asked for."""
        return await self._until(lambda: next((n for n in self.notified if n.code == code), None))

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
            self._settle(theirs=_answer(self.ours, host="127.0.0.2", port=6000))

    def answer(self, sdp: str = "", headers: Mapping[str, str] | None = None) -> None:
        """The called party answers, by itself with the first codec of our offer."""
        theirs = sdp or _answer(self.ours, host="127.0.0.2", port=6000)
        self._settle(theirs=theirs, headers=headers)
        self._alive.confirmed()

    def refuse(self, code: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        """The called party refuses with a final status."""
        self._leave(_message("INVITE", code=code, reason=reason, headers=headers))

    def bye(self, headers: Mapping[str, str] | None = None) -> None:
        """The other party hangs up."""
        self._leave(_message("BYE", headers=headers))

    def cancel(self, headers: Mapping[str, str] | None = None) -> None:
        """The calling party gives up."""
        self._leave(_message("CANCEL", headers=headers))

    def fail(self, code: int = 408, reason: str = "Request Timeout") -> None:
        """Nothing comes from the other party any more."""
        self._alive.disconnected(code, reason)
        self._stack.forget(self)

    def reoffer(self, sdp: str) -> None:
        """The other party sends a re-INVITE, which we answer."""
        assert self._media is not None
        codecs = self._stack.settings.codecs
        ours = _answer(sdp, host=self._media.host, port=self._media.port, codecs=codecs)
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
        self._alive.received(_message("INFO", headers=headers, body=body))

    # The stack's side.

    def begin(self, dialog: Dialog, media: MediaAddress, *, ours: str = "") -> None:
        self._dialog, self._media, self.ours = dialog, media, ours

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
        self._settle(theirs=_directed(self.theirs, there), ours=_directed(self.ours, here))

    def reoffered(self, command: Reoffer) -> None:
        """Our re-INVITE, which the other party answers as before."""
        media = self._media = command.media or self._media
        assert media is not None
        moved = re.sub(r"m=audio \d+", f"m=audio {media.port}", self.ours)
        self._settle(theirs=self.theirs, ours=re.sub(r"IP4 \S+", f"IP4 {media.host}", moved))

    def referred_by_us(self, command: Refer) -> None:
        if not self._alive.answered:
            raise SipError("only a call that is up can be transferred")
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
        assert self._dialog is not None, "the call was refused"
        return self._dialog

    def _settle(
        self, *, theirs: str, ours: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.theirs, self.ours = theirs, ours or self.ours
        sdp = {"Content-Type": "application/sdp"}
        fields = {**sdp, **(headers or {})}
        self._alive.received(_message("INVITE", code=200, headers=fields, body=self.theirs))
        self._alive.sent(_message("INVITE", code=200, headers=sdp, body=self.ours))
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


def _answer(offer: str, *, host: str, port: int, codecs: tuple[str, ...] = ()) -> str:
    """An answer with one codec; the offer's first, where ``codecs`` does not say."""
    offered = offered_codecs(offer)
    best = next((codec for codec in codecs if codec in offered), offered[0])
    said = next((d for d in ("sendonly", "recvonly", "inactive") if f"a={d}" in offer), "sendrecv")
    return describe_audio((best,), host=host, port=port, direction=REVERSED.get(said, said))


def _directed(sdp: str, direction: str) -> str:
    for each in ("sendrecv", "sendonly", "recvonly", "inactive"):
        sdp = sdp.replace(f"a={each}", f"a={direction}")
    return sdp


def _message(
    method: str,
    *,
    code: int = 0,
    reason: str = "",
    headers: Mapping[str, str] | None = None,
    body: str = "",
) -> Message:
    fields = dict(headers or {})
    if body and "Content-Type" not in fields:
        fields["Content-Type"] = "application/sdp"
    return Message(
        method=method,
        request_uri="",
        code=code,
        reason=reason,
        headers=Headers(fields.items()),
        body=body,
    )
