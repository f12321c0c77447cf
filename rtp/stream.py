"""One RTP stream, both directions: the caller's audio out of it, the agent's speech into it.

    wire ---> hear ---> on_pcm
    wire <--- play, clear, send_digits

What is between here and the network is the wire's; all but its sockets and its clock is sans I/O.
"""

import asyncio
import contextlib
from collections.abc import Callable

from rtp.dtmf import EVENLY, Rhythm
from rtp.encoder import OnSent
from rtp.format import Format
from rtp.latch import Address
from rtp.line import Line
from rtp.ports import PortPair, PortPool
from rtp.tones import ToneReceiver

__all__ = ["Stream"]


class Stream(Line):
    """The caller's audio as continuous PCM, and the agent's PCM as continuous RTP.

    Belongs to one event loop, from `open` to `close`. Nothing a datagram holds makes it raise:
    what cannot be used is counted in `stats`.
    """

    def __init__(
        self,
        ports: PortPair,
        *,
        on_pcm: Callable[[bytes], None],
        on_digit: Callable[[str], None] | None = None,
        on_talkspurt: Callable[[float], None] | None = None,
        relatch_after_s: float = 2.0,
        reorder_cap_s: float = 0.060,
    ) -> None:
        """Prepare a stream; no socket is touched before `open`.

        `on_pcm` gets every frame of the caller's audio in order, `on_digit` each digit once,
        `on_talkspurt` the loop time at which a talkspurt's first packet left. Another source than
        the latched one is let in after `relatch_after_s` of silence.
        """
        super().__init__(
            ports,
            on_digit=on_digit,
            on_talkspurt=on_talkspurt,
            relatch_after_s=relatch_after_s,
            reorder_cap_s=reorder_cap_s,
        )
        self._on_pcm = self._sink = on_pcm
        self._on_heard: Callable[[bytes], None] | None = None
        self._tones: ToneReceiver | None = None
        self._alone = False  # nobody hears the caller but who gets the packets

    def expect(self, audio: Format) -> None:
        """A caller without telephone-event presses digits that only the audio tells."""
        self._tones = None
        if audio.event_payload_type is None and self._on_digit is not None:
            self._tones = ToneReceiver(audio.sample_rate)
        self.note_listeners()

    @property
    def listened(self) -> bool:
        """Whether anybody wants the sound of what is relayed."""
        return not self._alone or self._on_heard is not None or self._tones is not None

    def relay(self, other: "Stream | None", *, alone: bool) -> None:
        """Have `other` send the caller's packets on as they are, while both speak the same codec.

        `listen` should still give the audio to `other` to play: it does so where packets will not
        do, and takes no notice where they do. `alone` says that nobody else is given it.
        """
        self._alone = alone
        self.onto(other)
        self.note_listeners()

    def hear(self, pcm: bytes) -> None:
        """Take a frame of the caller's audio, once it is in order."""
        self._on_pcm(pcm)
        # What we sound ourselves comes back as an echo.
        if self._tones is not None and not self._downlink.digits.muting:
            for digit in self._tones.hear(pcm):
                self.stats.digits += 1
                assert self._on_digit is not None
                self._on_digit(digit)

    @property
    def depth(self) -> float:
        """Seconds of speech queued."""
        return self._downlink.depth if self._terms else 0.0

    @property
    def heard(self) -> float:
        """Seconds of speech put on the wire so far."""
        return self.stats.heard

    @property
    def last_received(self) -> float | None:
        """Loop time of the last valid packet; None before the first."""
        return self._receiver.last_received if self._terms else None

    @property
    def source(self) -> Address | None:
        """Where the caller's packets come from; None before the first."""
        return self._receiver.latch.source if self._terms else None

    def listen(self, on_pcm: Callable[[bytes], None]) -> None:
        """Give the caller's audio to `on_pcm` from the next frame on."""
        self._sink = on_pcm
        self._route(self._on_heard)

    def play(self, pcm: bytes) -> None:
        """Queue agent speech, s16le mono of any even size.

        Before the first `configure`, and after `close`, nobody is there to hear it: it is dropped.
        """
        if self._terms is None or self._closed:
            return
        self._played.clear()
        if self._downlink.play(pcm):
            self._poke()

    def clear(self) -> float:
        """Drop all speech not yet sent; returns how many milliseconds that was."""
        if self._terms is None:
            return 0.0
        dropped_ms = self._downlink.clear(self._time())
        if self._downlink.idle:
            self._played.set()
        if not self._closed:
            self._poke()
        return dropped_ms

    def withdraw(self) -> bytes:
        """Take back all speech not yet sent, s16le."""
        if self._terms is None:
            return b""
        playout = self._downlink.playout
        return playout.pull(playout.depth)

    def send_digits(self, digits: str, *, inband: bool = False, rhythm: Rhythm = EVENLY) -> None:
        """Press digits (0-9 * # A-D; `w` waits 0.5 s, `,` 2 s), by default of 100 ms every 200.

        They go out as telephone-events where negotiated (RFC 4733), else, or if `inband`, as
        tones; queued speech waits meanwhile. Raises ValueError when they are no digits or too
        many; before the first `configure` and after `close` they are dropped.
        """
        if self._terms is None or self._closed:
            return
        self._downlink.dial(digits, inband=inband, rhythm=rhythm)
        self._played.clear()

    def tap(self, on_heard: Callable[[bytes], None], on_sent: OnSent) -> None:
        """Let others listen in, from now until `untap`; after the first `configure` only.

        `on_heard` gets every frame of the caller's audio after `on_pcm`; `on_sent` what goes on
        the wire: samples of silence, then PCM.
        """
        self._route(on_heard)
        self._downlink.tap(on_sent)

    def settle(self) -> None:
        """Tell whoever listens in of the silence that went out since the last sound."""
        self._downlink.settle()

    def untap(self) -> None:
        """Nobody listens in any more."""
        self._downlink.tap(None)
        self._route(None)

    def _route(self, on_heard: Callable[[bytes], None] | None) -> None:
        sink, self._on_heard = self._sink, on_heard
        self.note_listeners()
        if on_heard is None:
            self._on_pcm = sink
            return

        def both(pcm: bytes) -> None:
            sink(pcm)
            on_heard(pcm)

        self._on_pcm = both

    async def drain(self, timeout: float) -> None:
        """Wait until all queued speech and digits are on the wire, at most `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._played.wait()

    async def close(self, pool: PortPool) -> None:
        """Say goodbye by RTCP, stop, and hand the ports back. A second time does nothing."""
        if self._closed:
            return
        self._hang_up(pool)
        self._on_pcm = self._sink = _nobody


def _nobody(_: bytes) -> None:
    """Who hears a stream that is closed."""
