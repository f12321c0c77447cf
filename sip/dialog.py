"""One leg as the SIP thread sees it: what the stack reports in, events out; no stack in here.

The stack reports messages (``received``, ``sent``), a completed offer and answer
(``media_changed``) and its own states, in an order that differs by direction. Media is told
as soon as a change is known and both descriptions of that exchange have been seen:

    inbound   INVITE received, media changed, 200 sent: told, ACK: confirmed
    outbound  INVITE sent, 200 received, media changed, confirmed: told before
"""

import re
import time
from collections.abc import Callable

from sip.description import SdpError
from sip.events import Answered, Digit, Ended, LegEvent, MediaNegotiated, Ringing, Trying
from sip.message import Headers, Message
from sip.negotiation import Negotiated, amend, describe
from sip.replaces import DialogId, Replaces
from sip.stack import SipError
from sip.transfer import Transfer
from sip.uri import parse_name_addr, tag_of

__all__ = ["Dialog", "q850_of"]

_Q850 = re.compile(r"Q\.850\s*;(?:[^,]*?;)?\s*cause\s*=\s*(\d{1,3})", re.IGNORECASE)
_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9A-D*#])\s*$", re.IGNORECASE | re.MULTILINE)
_DURATION = re.compile(r"^\s*Duration\s*=\s*(\d{1,5})\s*$", re.IGNORECASE | re.MULTILINE)

DEFAULT_DIGIT_MS = 100
TEN_AND_UP = {"10": "*", "11": "#"}
"""Signals that some gateways write as numbers."""


def q850_of(headers: Headers) -> int | None:
    """The Q.850 cause of a Reason header (RFC 3326), where there is one."""
    for value in headers.get("Reason", ()):
        found = _Q850.search(value)
        if found:
            return int(found[1])
    return None


class Dialog:
    """Turns what happens in one SIP dialog into the leg's events."""

    def __init__(self, leg: str, *, outbound: bool, emit: Callable[[LegEvent], None]) -> None:
        self.leg = leg
        self.outbound = outbound
        self.answered = False
        self.accepted = False
        """Inbound: we have said 200; before its ACK no BYE may be sent (RFC 3261 section 15)."""
        self.ended = False
        self.fault = ""
        """Why the media cannot be used: the leg has to go."""
        self.transfer: Transfer | None = None
        """What we asked the other side for with REFER, last."""
        self._emit = emit
        self._local_sdp = ""
        self._remote_sdp = ""
        self._media_changed = False
        self._negotiated: Negotiated | None = None
        self._last_words: Message | None = None
        self._leaving: tuple[int, str] | None = None
        self._accepted = Headers()
        self._call_id = self._local_tag = self._remote_tag = ""
        self._early_tags: set[str] = set()
        self.remote_target = ""
        """Where the other side says that it is: its Contact."""
        self._heard: tuple[int, bool] = (0, False)
        self._proceeding = False

    @property
    def id(self) -> DialogId | None:
        """Its Call-ID and tags, once both sides have given theirs."""
        if not (self._local_tag and self._remote_tag):
            return None
        return DialogId(
            call_id=self._call_id, local_tag=self._local_tag, remote_tag=self._remote_tag
        )

    def is_meant(self, replaces: Replaces) -> bool:
        """Whether that header means it: while it rings, by what any of its forks is called."""
        tags = {self._remote_tag} if self.answered else self._early_tags
        return (
            replaces.call_id == self._call_id
            and replaces.to_tag == self._local_tag
            and replaces.from_tag in tags
        )

    def received(self, message: Message) -> None:
        """The other side sent this."""
        if message.method == "INVITE" and not self.answered:
            self._introduced(message)
        if not message.code:
            self.settle()  # a request is the end of what came before it
        if sdp := message.sdp:
            self._remote_sdp = sdp
        if message.code:
            self.settle()
        if message.method in ("BYE", "CANCEL") and not message.code:
            self._last_words = message
        elif message.method == "INVITE" and not self.answered:
            self._invite(message)
        elif message.method == "INFO" and not message.code:
            self._digit(message)
        elif self.transfer is not None:
            self._refer(self.transfer, message)

    def sent(self, message: Message) -> None:
        """We sent this."""
        if message.method == "INVITE" and not self.answered:
            self._call_id = message.headers.first("Call-ID")
            self._local_tag = tag_of(message.headers.first("To" if message.code else "From"))
        if sdp := message.sdp:
            self._local_sdp = sdp
        self.settle()
        if message.method == "INVITE" and not message.code:
            self._last_words = None  # sent again, with credentials

    def media_changed(self, negotiated: Negotiated | None = None) -> None:
        """An offer has been answered, with this outcome where the stack knows it."""
        self._media_changed = True
        self._negotiated = negotiated

    def settle(self) -> None:
        """Tell the media that changed, once both descriptions are known; see ``fault``."""
        if not self._media_changed or self.ended or not (self._local_sdp and self._remote_sdp):
            return
        self._media_changed = False
        try:
            media = describe(self._local_sdp, self._remote_sdp)
            if self._negotiated is not None:
                media = amend(media, self._negotiated)
        except SdpError as error:
            self.fault = str(error)
            return
        self._emit(MediaNegotiated(leg=self.leg, media=media))

    def provisional(
        self, code: int, reason: str, *, early_media: bool, headers: Headers | None = None
    ) -> None:
        """The callee's side is at work (RFC 3261 section 21.1); 100 says nothing about it."""
        if self.outbound and code > 100 and self._heard != (code, early_media):
            self._heard = (code, early_media)
            self._emit(
                Ringing(
                    leg=self.leg,
                    code=code,
                    reason=reason,
                    early_media=early_media,
                    headers=headers or Headers(),
                )
            )

    def confirmed(self) -> None:
        """The call is up: 2xx and ACK have passed."""
        if self.answered or self.ended:
            return
        self.settle()
        self.answered = True
        self._emit(Answered(leg=self.leg, code=200, headers=self._accepted))

    def referred(self) -> Transfer:
        """We send a REFER. Raises SipError while another is under way."""
        if self.transfer is not None and not self.transfer.done:
            raise SipError("a transfer of this leg is under way")
        self.transfer = Transfer(self.leg, emit=self._emit, now=time.monotonic())
        return self.transfer

    def leave(self, code: int, reason: str) -> None:
        """We are about to end it; ``code`` is what the end will be called."""
        if self._leaving is None:
            self._leaving = (code, reason)

    def disconnected(self, code: int, reason: str) -> None:
        """It is over. ``code`` is the stack's own idea why, for ends that no message brought."""
        if self.ended:
            return
        self.ended = True
        if self.transfer is not None:
            self.transfer.lost()
        self._emit(self._end(code, reason))

    def _end(self, code: int, reason: str) -> Ended:
        last = self._last_words
        if self._leaving is not None and (last is None or last.code):
            code, reason = self._leaving
            return Ended(leg=self.leg, code=code, reason=reason, q850=None, remote=False)
        if last is None:
            return Ended(leg=self.leg, code=code, reason=reason, q850=None, remote=False)
        if last.code:
            code, reason = last.code, last.reason
        elif last.method == "CANCEL":
            code, reason = 487, "Request Terminated"
        else:
            code, reason = 200, "OK"
        return Ended(
            leg=self.leg,
            code=code,
            reason=reason,
            q850=q850_of(last.headers),
            remote=True,
            headers=last.headers,
        )

    def _invite(self, message: Message) -> None:
        """The INVITE that opens the call, or what it is answered."""
        if self.outbound and message.code == 100 and not self._proceeding:
            self._proceeding = True
            self._emit(Trying(leg=self.leg))
        self._last_words = message if message.code >= 300 else None
        if message.code // 100 == 2:
            self._accepted = message.headers

    def _introduced(self, message: Message) -> None:
        self._call_id = message.headers.first("Call-ID")
        self._remote_tag = tag_of(message.headers.first("To" if message.code else "From"))
        self._early_tags.add(self._remote_tag)
        if contact := message.headers.first("Contact"):
            self.remote_target = parse_name_addr(contact).uri

    @staticmethod
    def _refer(transfer: Transfer, message: Message) -> None:
        event = message.headers.first("Event").lower().partition(";")[0].strip()
        if message.method == "REFER" and message.code:
            transfer.responded(message.code, message.reason, message.headers)
        elif message.method == "NOTIFY" and not message.code and event == "refer":
            transfer.notified(message, time.monotonic())

    def _digit(self, message: Message) -> None:
        kind = message.headers.first("Content-Type").lower().partition(";")[0].strip()
        if kind == "application/dtmf-relay":
            body = message.body
            for number, key in TEN_AND_UP.items():
                body = re.sub(rf"=\s*{number}\s*$", f"={key}", body, flags=re.MULTILINE)
            signal, duration = _SIGNAL.search(body), _DURATION.search(body)
            digit = signal[1].upper() if signal else ""
            length = int(duration[1]) if duration else DEFAULT_DIGIT_MS
        elif kind == "application/dtmf":
            text = message.body.strip()
            digit, length = TEN_AND_UP.get(text, text.upper()), DEFAULT_DIGIT_MS
        else:
            return
        if len(digit) == 1 and digit in "0123456789ABCD*#":
            self._emit(Digit(leg=self.leg, digit=digit, duration_ms=length))
