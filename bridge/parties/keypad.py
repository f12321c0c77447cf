"""Digits to the other party: telephone-events, SIP INFO or tones, whichever the call has."""

import asyncio
import logging
from typing import Literal

from bridge.errors import NotNow
from rtp import Stream
from rtp.dtmf import DIGITS_CAPACITY, EVENLY, Rhythm, dialled
from sip import Leg, Media, SipError

__all__ = ["DtmfWay", "Keypad"]

log = logging.getLogger("bridge.keypad")

DtmfWay = Literal["auto", "rtp", "info", "inband"]

WAITS_S = {"W": 0.5, ",": 2.0}


class Keypad:
    """Presses digits for the agent and the operator.

    By itself (`auto`) it takes telephone-events where they were negotiated (RFC 4733), else INFO
    where the caller's INVITE allowed it, else tones in the audio.
    """

    def __init__(self, stream: Stream, *, way: DtmfWay) -> None:
        self._stream = stream
        self.way: DtmfWay = way
        """How digits go out, by configuration of the trunk."""
        self._media: Media | None = None
        self._leg: Leg | None = None
        self._by_info: asyncio.Queue[tuple[str, Rhythm]] = asyncio.Queue()
        self._waiting = 0  # digits in it

    def connect(self, leg: Leg, media: Media) -> None:
        """Follow what an offer and answer agreed on."""
        self._leg, self._media = leg, media

    def press(self, digits: str, rhythm: Rhythm = EVENLY) -> None:
        """Send digits (0-9 * # A-D; `w` waits half a second, `,` two), after those before them.

        Raises ValueError when they are none or too many, NotNow when the call has no way for them.
        """
        wanted = dialled(digits)
        if self._media is None:
            raise NotNow("no media has been agreed on yet")
        events = self._media.event_payload_type is not None
        match self.way:
            case "rtp" if not events:
                raise NotNow("the other party knows no telephone-event")
            case "info":
                self._queue(wanted, rhythm)
            case "auto" if not events and self._takes_info():
                self._queue(wanted, rhythm)
            case way:
                self._stream.send_digits(wanted, inband=way == "inband", rhythm=rhythm)

    async def serve(self, leg: Leg) -> None:
        """Send by INFO what is to go that way, as long as the call lasts."""
        while True:
            digits, rhythm = await self._by_info.get()
            for symbol in digits:
                self._waiting -= 1
                if symbol in WAITS_S:
                    await asyncio.sleep(WAITS_S[symbol])
                    continue
                try:
                    body = f"Signal={symbol}\r\nDuration={rhythm.tone_ms}\r\n"
                    await leg.send_info("application/dtmf-relay", body)
                except SipError as error:
                    log.warning("> a digit by INFO on leg %s failed: %s", leg.id, error)
                await asyncio.sleep((rhythm.tone_ms + rhythm.pause_ms) / 1000)

    def _queue(self, digits: str, rhythm: Rhythm) -> None:
        if self._waiting + len(digits) > DIGITS_CAPACITY:
            raise ValueError(f"more than {DIGITS_CAPACITY} digits wait to be sent")
        self._waiting += len(digits)
        self._by_info.put_nowait((digits, rhythm))

    def _takes_info(self) -> bool:
        """The INVITE named INFO among the methods it allows (RFC 3261 section 20.5)."""
        invite = self._leg.invite if self._leg is not None else None
        if invite is None:
            return False
        allowed = ",".join(invite.headers.get("Allow", ()))
        return "INFO" in (method.strip().upper() for method in allowed.split(","))
