"""One leg of a call, seen from asyncio: what the other party does, and what we do to it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from enum import StrEnum

from sip.commands import Command, HangUp, Hold, NotifyRefer, Refer, Reoffer, Respond, SendInfo
from sip.events import Answered, Ended, Invite, LegEvent, MediaNegotiated, Ringing, Trying
from sip.leg_events import LegEvents, brief
from sip.media import Media, MediaAddress
from sip.stack import SipError, Stack
from sip.trunk import Trunk

__all__ = ["Leg", "LegState"]

log = logging.getLogger("sip.leg")

RINGS = 180
NO_HEADERS: Mapping[str, str] = {}


class LegState(StrEnum):
    """How far a leg has come."""

    CALLING = "calling"
    """Outbound: the INVITE is out. Inbound: it came in and we have said 100."""
    RINGING = "ringing"
    EARLY = "early"
    """Media flows before the answer."""
    CONFIRMED = "confirmed"
    ENDED = "ended"


class Leg:
    """One party's side of a call. Its last event is always ``Ended``."""

    def __init__(
        self, leg_id: str, *, trunk: Trunk, stack: Stack, invite: Invite | None = None
    ) -> None:
        self.id = leg_id
        self.trunk = trunk.name
        self.invite = invite
        """Of an inbound leg; None when we dialled."""
        self.media: Media | None = None
        """As settled last."""
        self.ended: Ended | None = None
        self.events = LegEvents()
        self.proceeding = False
        """Of a leg that we dialled: whether the other side has said anything at all."""
        self.rang = False
        """Whether a phone rang there (180); early media may be an announcement as well."""
        self.sip_call_id = invite.sip_call_id if invite is not None else ""
        """The Call-ID of its dialog; empty while nobody has answered us anything but 100."""
        self._trunk = trunk
        self._stack = stack
        self._state = LegState.CALLING
        self._over = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Leg {self.id} {self._state.value}>"

    @property
    def state(self) -> LegState:
        """How far it has come."""
        return self._state

    async def ring(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Say 180: the phone rings here."""
        await self._do(Respond(leg=self.id, code=180, headers=headers))
        self._become(LegState.RINGING)

    async def progress(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Say 183 with our SDP: media may flow before the answer."""
        await self._do(Respond(leg=self.id, code=183, headers=headers))
        self._become(LegState.EARLY)

    async def answer(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Say 200. ``Answered`` follows when the caller has acknowledged it.

        Raises SipError when the call can no longer be answered.
        """
        await self._do(Respond(leg=self.id, code=200, headers=headers))

    async def reject(
        self, code: int, reason: str = "", headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        """Refuse an inbound call with a final status, 300 to 699."""
        if not 300 <= code <= 699:
            raise ValueError(f"{code} is no refusal")
        await self._do(HangUp(leg=self.id, code=code, reason=reason, headers=headers))

    async def redirect(
        self, targets: Sequence[str], code: int = 302, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        """Refuse an inbound call with other addresses to try (RFC 3261 section 21.3).

        Raises SipError when a target cannot be an address of the trunk.
        """
        if not targets or not 300 <= code <= 399:
            raise ValueError(f"{code} to {len(targets)} targets is no redirection")
        contacts = ", ".join(f"<{self._address(target)}>" for target in targets)
        await self.reject(code, headers={**headers, "Contact": contacts})

    async def hang_up(
        self, code: int = 0, reason: str = "", headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        """End it with BYE, CANCEL or a final response, whichever fits; again does nothing.

        ``code`` is used only where a final response fits; 0 means 480 there.
        """
        await self._do(HangUp(leg=self.id, code=code, reason=reason, headers=headers))

    async def hold(self) -> None:
        """Hold the other side with a re-INVITE."""
        await self._do(Hold(leg=self.id, held=True))

    async def resume(self) -> None:
        """Take the other side back with a re-INVITE."""
        await self._do(Hold(leg=self.id, held=False))

    async def reoffer(self, media: MediaAddress | None = None) -> None:
        """Offer again with a re-INVITE; ``media``: our RTP is at this address from now on."""
        await self._do(Reoffer(leg=self.id, media=media))

    async def refer(
        self,
        target: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        replaces: "Leg | None" = None,
    ) -> None:
        """Ask the other side to call ``target``; ``ReferProgress`` events tell what came of it.

        With ``replaces`` that call takes the place of that leg (an attended transfer); an empty
        ``target`` then is where that leg's other side says that it is. The leg stays until
        somebody hangs it up. Raises SipError when no REFER can be sent.
        """
        if not target and replaces is None:
            raise SipError("a transfer needs a target")
        uri = self._address(target) if target else ""
        other = replaces.id if replaces is not None else None
        await self._do(Refer(leg=self.id, uri=uri, replaces=other, headers=headers))

    async def notify_refer(self, code: int, reason: str = "") -> None:
        """Tell how far the transfer that it asked for (``ReferRequested``) has come.

        A final ``code`` ends that. Raises SipError when it asked for none.
        """
        if not 100 <= code <= 699:
            raise ValueError(f"{code} is no SIP status")
        await self._do(NotifyRefer(leg=self.id, code=code, reason=reason))

    async def send_info(self, content_type: str, body: str) -> None:
        """Send INFO in the dialog."""
        await self._do(SendInfo(leg=self.id, content_type=content_type, body=body))

    async def wait_ended(self) -> Ended:
        """Wait until the leg is over, whoever reads ``events``."""
        await self._over.wait()
        assert self.ended is not None
        return self.ended

    def take(self, event: LegEvent) -> None:
        """Bring the leg up to date with an event of the SIP thread, and pass it on."""
        if isinstance(event, Ringing | Answered | Ended):
            self.sip_call_id = self.sip_call_id or event.headers.first("Call-ID")
        match event:
            case Trying():
                self.proceeding = True
                return  # nothing that anybody waits for as an event
            case Ringing(code=code, early_media=early):
                self.proceeding = True
                self.rang = self.rang or code == RINGS
                self._become(LegState.EARLY if early else LegState.RINGING)
            case Answered():
                self._become(LegState.CONFIRMED)
            case MediaNegotiated(media=media):
                self.media = media
            case Ended():
                self.ended = event
                self._become(LegState.ENDED)
                self._over.set()
            case _:
                pass
        log.debug("< leg %s %s", self.id, brief(event))
        self.events.put(event)

    def _address(self, target: str) -> str:
        try:
            return self._trunk.request_uri(target)
        except ValueError as error:
            raise SipError(str(error)) from error

    async def _do(self, command: Command) -> None:
        """Have a command carried out; a leg that is over takes only hang-ups, silently."""
        if self.ended is not None:
            if isinstance(command, HangUp):
                return
            raise SipError(f"the leg is over: {self.ended.code} {self.ended.reason}")
        await asyncio.wrap_future(self._stack.submit(command))

    def _become(self, state: LegState) -> None:
        if self._state is LegState.ENDED or state is self._state:
            return
        if self._state is LegState.CONFIRMED and state is not LegState.ENDED:
            return
        self._state = state
        log.debug("= leg %s %s", self.id, state.value)
