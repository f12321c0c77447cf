"""One party who is on the telephone: a SIP leg, its RTP stream, its keys."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Literal

from bridge.configuration.trunks import TrunkConfig
from bridge.errors import NotNow
from bridge.media.formats import OPUS, format_of, keys_of
from bridge.parties.digits import DigitGatherer
from bridge.parties.keypad import Keypad
from bridge.parties.owner import NOBODY, Owner
from bridge.parties.presence import Presence
from bridge.parties.sound import LegSound, StreamOpener
from rtp import OpusTerms, PortPool
from sip import (
    Answered,
    Digit,
    Ended,
    LegEvent,
    Media,
    MediaNegotiated,
    OfferPending,
    ReferProgress,
    SipError,
)

__all__ = ["Party"]

log = logging.getLogger("bridge.party")

PROGRESS_CAPACITY = 100
"""Reports of a transfer that nobody has read; the oldest are dropped."""


class Party(Presence, LegSound):
    """A leg with its media: whether it is there is `Presence`, what it says and hears `LegSound`.

    Who gave `open_stream` opens the stream; `close` is due in any case.
    """

    def __init__(
        self,
        open_stream: StreamOpener,
        *,
        name: str,
        trunk: str,
        config: TrunkConfig,
        to: str = "",
        rate: int,
        digit_pause_s: float,
        opus: OpusTerms = OPUS,
        owner: Owner,
    ) -> None:
        """`config` is that of the `trunk`."""
        Presence.__init__(self, trunk=trunk, to=to)
        LegSound.__init__(
            self,
            open_stream,
            rate=rate,
            gain_in_db=config.gain_in_db,
            gain_out_db=config.gain_out_db,
            on_digit=self._digit_by_rtp,
            on_talkspurt=lambda at: self.owner.spoken_to(self, at),
        )
        self.name = name
        """caller, callee, or what a scenario called it."""
        self.owner = owner
        """Who is told what happens to it; another one where it comes into another call."""
        self.work: list[asyncio.Task[None]] = []
        """What its call does to follow it."""
        self.media: Media | None = None
        self.negotiated = asyncio.Event()
        """Its media is agreed on, and flows."""
        self.held = False
        """Whether nothing is said either way, because it or we hold the call."""
        self.progress: asyncio.Queue[ReferProgress] = asyncio.Queue()
        """What it tells of a transfer that it was asked for."""
        self.on_digit: Callable[[], None] | None = None
        """Told the moment of each digit that it presses, not which."""
        self.keypad = Keypad(self.stream, way=config.dtmf_out)
        self.digits = DigitGatherer(
            pause_s=digit_pause_s, tell=lambda digits: self.owner.pressed(self, digits)
        )
        self._opus = opus
        # Held by us; hearing music meanwhile; asked to talk again, but not agreed to it yet.
        self._parked = self._music = self._asked_back = False

    def __repr__(self) -> str:
        return f"<Party {self.name}>"

    def redial(self, trunk: str, config: TrunkConfig) -> None:
        """Another attempt to reach it begins, through another trunk."""
        self.attempt(trunk)
        if self.media is not None:  # an announcement, or music, of the former one
            self._flow(self.media, send=False, receive=False)
            self.media = None
            self.negotiated.clear()
        self.keypad.way = config.dtmf_out
        self._gain_in_db, self._gain_out_db = config.gain_in_db, config.gain_out_db

    # What its leg tells.

    def take(self, event: LegEvent) -> None:
        """Bring the media up to date with an event of the leg."""
        match event:
            case MediaNegotiated(media=media):
                self._connect(media)
                self.negotiated.set()
            case Answered(headers=headers):
                self.dialling, self.answer_headers = False, headers
                self.answered.set()
            case Digit(digit=digit):
                self._pressed(digit, "info")
            case ReferProgress():
                if self.progress.qsize() >= PROGRESS_CAPACITY:
                    self.progress.get_nowait()
                self.progress.put_nowait(event)
            case Ended() if not self.ended.done():
                self.ended.set_result(event)
            case _:
                pass

    async def hold(self, *, music: bool = False) -> None:
        """Hold it: it is not heard, and hears nothing but `music` that is played to it.

        Raises SipError where the re-INVITE cannot be sent, NotNow before the answer and while a
        former one is unanswered.
        """
        if self.leg is None or not self.answered.is_set():
            raise NotNow("the leg has not been answered")
        if self._parked:
            self._music = music
            self._apply()
            return
        self._parked, self._music = True, music
        self._apply()
        try:
            await self.leg.hold()
        except SipError as error:
            self._parked = False
            self._apply()
            raise _for_now(error) from error

    async def resume(self) -> None:
        """Take it back; it talks again when it has agreed, and may be asked again until then.

        Raises as `hold`.
        """
        assert self.leg is not None
        if not self._parked and not self._asked_back:
            return
        parked, self._parked, self._asked_back = self._parked, False, True
        try:
            await self.leg.resume()
        except SipError as error:
            self._parked = parked
            raise _for_now(error) from error

    async def hang_up(self, code: int = 0, headers: Mapping[str, str] | None = None) -> None:
        """End its leg, whichever way fits."""
        if self.leg is None or self.leg.ended is not None:
            return
        self.sent_away = True
        try:
            await self.leg.hang_up(code, headers=headers or {})
        except SipError as error:
            log.warning("= leg of %s did not take its end: %s", self.name, error)

    async def close(self, ports: PortPool) -> None:
        """Give the ports back; nobody is told of anything any more. A second time does nothing."""
        await self.stream.close(ports)
        self.digits.close()
        self.closed, self.owner = True, NOBODY
        self.work.clear()

    def _digit_by_rtp(self, digit: str) -> None:
        self._pressed(digit, "rtp")

    def _pressed(self, digit: str, way: Literal["info", "rtp"]) -> None:
        if self.on_digit is not None:
            self.on_digit()
        if self.digits.press(digit, way=way) and not self._is_tone(way):
            self.owner.keyed(self, digit)

    def _is_tone(self, way: Literal["info", "rtp"]) -> bool:
        """Whether digits that come this way are tones in the audio."""
        return way == "rtp" and (self.media is None or self.media.event_payload_type is None)

    def _connect(self, media: Media) -> None:
        """Point the stream at what the last offer and answer agreed on."""
        self.media = media
        self._asked_back = self._asked_back and not media.own_direction.receives
        assert self.leg is not None
        self.keypad.connect(self.leg, media)
        self._apply()

    def _apply(self) -> None:
        media = self.media
        if media is None:
            return
        held = media.held or self._parked or self._asked_back
        self._flow(media, send=not held or (self._music and not media.held), receive=not held)
        if held is not self.held:
            self.held = held
            self.owner.hold_changed(self)

    def _flow(self, media: Media, *, send: bool, receive: bool) -> None:
        """Have the stream keep to what was agreed on."""
        self.stream.configure(
            format_of(media, sample_rate=self.rate, opus=self._opus),
            media.remote,
            send=send,
            receive=receive,
            remote_rtcp=media.remote_rtcp,
            rtcp_mux=media.rtcp_mux,
            keys=keys_of(media),
        )


def _for_now(error: SipError) -> SipError | NotNow:
    return NotNow(str(error)) if isinstance(error, OfferPending) else error
