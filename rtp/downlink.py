"""The agent's speech on its way to the caller: continuous RTP, silence where there is no speech.

play --> playout --> pacer: is it time? --> encode --> packet
clear --^                                      ^
dial --> digits: telephone-events or tones ----'

While another stream's payloads are sent on (`rtp.relay`), only digits are made here.
"""

import contextlib
from typing import Final

from rtp import tones
from rtp.codec import Codec, codec_for, is_memoryless, peak
from rtp.comfort import Hush
from rtp.creep import QUIET, Creep
from rtp.dtmf import EVENLY, DigitSender, Keyed, Rhythm
from rtp.format import Format
from rtp.numbering import Numbering
from rtp.opus import Opus
from rtp.pacer import Beat, Pacer
from rtp.packet import MARKER
from rtp.passage import Passage
from rtp.playout import Playout
from rtp.resample import Resampler
from rtp.seam import Seam
from rtp.stats import StreamStats
from rtp.tap import OnSent, Tapped

__all__ = ["Downlink"]

_CAPACITY_S: Final = 32.0  # Ultravox is told 30 s and may count a little differently
_KEEPALIVE_S: Final = 15.0  # RFC 6263 section 7
_NOISE_TYPE: Final = 13  # comfort noise (RFC 3551 table 4)
_UNKNOWN_TYPE: Final = 20  # payload type neither assigned nor dynamic (RFC 6263 section 4.6)
_ANY_LENGTH: Final = 1 << 30  # timestamp units
_AHEAD_S: Final = 0.250  # of queued speech is sent at once, rather than stay as delay


class Downlink:
    """Turns PCM of any size into RTP packets on time. Sans I/O: PCM and time in, packets out."""

    def __init__(self, audio: Format, *, stats: StreamStats, now: float) -> None:
        self.stats = stats
        self.numbering = Numbering()
        self.sending = True
        """Whether packets leave; while they may not, speech passes unheard at its own pace."""
        self.reachable = True
        """Whether there is a place to send to: what does not send then keeps its way open."""
        self.talkspurt = False
        """Whether the packet just polled begins a talkspurt."""
        self.playout = Playout(0)
        self.digits = DigitSender(audio)
        self._inband = False  # digits as tones, though telephone-event may be there
        self.passage = Passage(self.numbering)
        self._coming: Format | None = None  # taken up once the present one has fallen silent
        self._seam = Seam(audio.sample_rate)
        self._kept_open = 0  # slot of the last keepalive
        self._on_sent: OnSent | None = None
        self._format = audio
        self._codec: Codec = codec_for(audio)
        self.numbering.renew(audio.timestamp_step)
        self._open(audio, now)

    def reformat(self, audio: Format, now: float) -> None:
        """Take up another format from the next packet on; what is queued stays queued.

        Another codec within speech comes a packet later, and both fade: it starts from silence,
        and the other side's decoder of the former one just stops. Timestamps go on where they are,
        unless the clock itself changes: then under a new SSRC (RFC 7160 section 4.1).
        """
        speaking = self.pacer.speaking and self.sending
        if speaking and not self._agrees(audio) and audio.sample_rate == self._format.sample_rate:
            self._coming = audio
        else:
            self._take_up(audio, now)

    def _agrees(self, audio: Format) -> bool:
        """Whether nothing is heard of the change to this format."""
        former = self._format
        whole = is_memoryless(former) and is_memoryless(audio)
        return whole or former.coding == audio.coding

    def _take_up(self, audio: Format, now: float) -> None:
        self._coming = None
        self.release()
        if audio.clock_rate == self._format.clock_rate:
            self.numbering.align(0, self.timestamp, audio.timestamp_step)
        else:
            self.numbering.renew(audio.timestamp_step)
        if audio.sample_rate != self._format.sample_rate:
            self._resample(self._format.sample_rate, audio.sample_rate)
        self.digits.reformat(audio)
        self._open(audio, now)

    def _resample(self, old: int, new: int) -> None:
        queued = self.playout.pull(self.playout.depth)
        self._seam = Seam(new)
        self.playout.resize(int(_CAPACITY_S * 2 * new))
        self.playout.push(Resampler(old, new).convert(queued))

    def _open(self, audio: Format, now: float) -> None:
        self.settle()
        if audio.coding != self._format.coding:
            self._codec = codec_for(audio)
        self._format = audio
        self._samples = audio.samples
        self._frame_bytes = audio.frame_bytes
        self._step = audio.timestamp_step
        self._hush = Hush(audio.frame_s) if audio.comfort_noise else None
        self._payload_type = audio.payload_type
        self._bytes_per_s = 2 * audio.sample_rate
        self._event_ticks = audio.event_clock_rate * audio.ptime // 1000
        self.playout.resize(int(_CAPACITY_S * self._bytes_per_s))
        self.pacer = Pacer(frame_s=audio.frame_s, now=now)
        self._creep = Creep(audio, self.playout, self.pacer, stats=self.stats)
        self.tap(self._on_sent)

    def tap(self, on_sent: OnSent | None) -> None:
        """Tell `on_sent` from now on what goes on the wire, slot by slot; None tells nobody."""
        self.settle()
        codec = self._plain_codec
        self._on_sent = on_sent
        self._codec = codec
        if on_sent is not None:
            self._codec = Tapped(
                codec,
                pacer=self.pacer,
                samples=self._samples,
                on_sent=on_sent,
                sending=lambda: self.sending,
            )

    @property
    def _plain_codec(self) -> Codec:
        return self._codec.codec if isinstance(self._codec, Tapped) else self._codec

    @property
    def longest_ticks(self) -> int:
        """Timestamp units that the peer takes in a packet at most, as far as it says."""
        audio = self._format
        return audio.clock_rate * audio.max_ptime // 1000 or _ANY_LENGTH

    @property
    def overheard(self) -> bool:
        """Whether somebody listens in on what is sent."""
        return self._on_sent is not None

    def heed_report(self) -> None:
        """Go by what the peer has just reported of its losses, where the codec can."""
        codec = self._plain_codec
        if isinstance(codec, Opus):
            codec.follow(self.stats.remote_fraction_lost)

    def settle(self) -> None:
        """Tell whoever listens in of the silence up to now."""
        if self.overheard and not self.passage.open and isinstance(self._codec, Tapped):
            self._codec.settle()

    @property
    def timestamp(self) -> int:
        """RTP timestamp of what is to be sent next."""
        return self.passage.timestamp(self.pacer.slot)

    @property
    def depth(self) -> float:
        """Seconds of speech queued."""
        return self.playout.depth / self._bytes_per_s

    def play(self, pcm: bytes) -> bool:
        """Queue speech; whether to `poll` at once, because it need not wait for the beat."""
        if self.passage.open:
            if isinstance(self._codec, Tapped):
                self._codec.overhear(pcm)
            return False
        dropped = self.playout.push(pcm)
        if dropped:
            self.stats.overflow += dropped // 2
        return self.pacer.eager and self.playout.depth >= self._frame_bytes

    def dial(self, digits: str, *, inband: bool = False, rhythm: Rhythm = EVENLY) -> None:
        """Queue digits: telephone-events where negotiated, else, or if `inband`, as tones.

        Speech waits while they sound. Raises ValueError when they are no digits, or too many.
        """
        self.digits.dial(digits, rhythm)
        self._inband = inband

    @property
    def idle(self) -> bool:
        """Whether neither speech nor a digit waits to be sent."""
        return not self.playout.depth and not self.digits.busy

    def clear(self, now: float) -> float:
        """Drop all speech not yet sent; returns how many milliseconds that was. `poll` then.

        What would have come next is faded out in a few of them, lest it ends with a click.
        """
        dropped = self.playout.depth
        if self.pacer.speaking:
            if self.sending:
                self._seam.cut(self.playout.pull(self._seam.tail_bytes))
            self.pacer.cut(now)
        self.playout.clear()
        return 1000 * dropped / self._bytes_per_s

    def poll(self, now: float) -> bytes | None:
        """The packet to send now, or None; call again at `pacer.wake`."""
        if self._coming is not None:
            return self._turn(self._coming, now)
        pacer = self.pacer
        speaking = pacer.speaking
        digits = self.digits
        dialling = self.sending and digits.busy
        muted = dialling and digits.muting
        beat = pacer.poll(now, 0.0 if muted else self.playout.depth / self._frame_bytes)
        if beat is Beat.HOLD:
            return None
        stats = self.stats
        stats.ticks += 1
        if pacer.late_s or pacer.skipped:
            self._note_lateness(pacer)
        self.talkspurt = False
        if muted and self.passage.open:
            self.passage.fill(pacer.slot)
        kind = self._payload_type
        keyed = digits.take(pacer.slot) if dialling else None
        if keyed is not None and not self._toned:
            return self._event(keyed)
        if beat is Beat.SILENCE:
            return self._pause(keyed, dialling=dialling, muted=muted)
        if not speaking:
            self._start_talkspurt()
            kind |= MARKER
        payload = self._codec.encode(self._frame(now))
        if not self.sending:
            return self._keepalive(pacer.slot)
        return self.numbering.packet(kind, pacer.slot, payload)

    def _turn(self, audio: Format, now: float) -> bytes | None:
        """The last packet in the present format; its beat goes on in the coming one."""
        pacer, slot = self.pacer, self.pacer.slot
        self._coming, self._seam.falls = None, True
        packet = self.poll(now)
        self._seam.falls = False
        if pacer.slot == slot:
            self._coming = audio
            return packet
        self._take_up(audio, now + self._format.frame_s)
        self.pacer.speaking = self._seam.rises = pacer.speaking
        return packet

    def _pause(self, keyed: Keyed | None, *, dialling: bool, muted: bool) -> bytes | None:
        """The packet of a slot without speech; None where silence need not be sent."""
        slot = self.pacer.slot
        if self.passage.open and not muted and self._goes_on(slot):
            return None
        kind = self._payload_type
        hush = self._hush
        if hush is not None:
            if dialling or self._seam.open or not self.sending:
                kind |= MARKER if hush.over() else 0
            elif (noise := hush.payload(slot)) is not None:
                return self.numbering.packet(_NOISE_TYPE, slot, noise) if noise else None
        payload = self._between(keyed)
        if not self.sending:
            return self._keepalive(slot)
        return self.numbering.packet(kind, slot, payload) if payload else None

    def give_way(self) -> list[bytes] | None:
        """Let payloads of another stream be sent from now on; None where that cannot be.

        Little may be queued then. Its packets, to be sent before, are returned.
        """
        if not self.sending or self.digits.muting or self.depth > _AHEAD_S:
            return None
        if self._coming is not None:  # whose payloads the others would be
            return None
        if self._hush is not None:
            self._hush.over()
        self.settle()
        self.passage.begin(self.pacer.slot, self.timestamp)
        packets = []
        while self.playout.depth or self._seam.open:
            pcm = self.playout.pull(self._frame_bytes)
            if self._seam.open or peak(pcm) >= QUIET:
                packets.append(self._ahead_of_time(pcm))
            else:
                self.stats.shed += 1
        return packets

    def _ahead_of_time(self, pcm: bytes) -> bytes:
        """A packet whose slot has not come; padded with silence at the end."""
        pcm += bytes(self._frame_bytes - len(pcm))
        if self._seam.open:
            pcm = self._seam.over(pcm)
        if isinstance(self._codec, Tapped):
            self._codec.overhear(pcm)
        payload = self._plain_codec.encode(pcm)
        return self.pass_on(0, self.timestamp, self._step, payload, 0)

    def pass_on(self, lost: int, timestamp: int, ticks: int, payload: bytes, marker: int) -> bytes:
        """The packet of a payload of `ticks` that was not made here, after `lost` others."""
        self.talkspurt = False
        self.stats.heard += ticks / self._format.clock_rate
        kind = self._payload_type | marker
        return self.passage.packet(
            kind, lost, timestamp, ticks, payload, slot=self.pacer.slot, step=self._step
        )

    def release(self) -> None:
        """Make all payloads here again, with a codec that goes on where the others ended."""
        if not self.passage.open:
            return
        self.passage.close(self.pacer.slot, self._step)
        codec = self._plain_codec
        for payload in self.passage.recent:
            with contextlib.suppress(ValueError):
                codec.encode(codec.decode(payload))

    def _goes_on(self, slot: int) -> bool:
        """Whether payloads of another stream may still come; after a while silence is made here."""
        if not self.passage.rests(slot, self._format.frame_s):
            return True
        self.release()
        self.passage.keep_time(slot)
        return False

    def _keepalive(self, slot: int) -> bytes | None:
        """Now and then a packet that no receiver takes, lest a NAT forgets us (RFC 6263)."""
        if slot - self._kept_open < _KEEPALIVE_S / self._format.frame_s or not self.reachable:
            return None
        self._kept_open = slot
        return self.numbering.packet(_UNKNOWN_TYPE, slot, b"")

    @property
    def _toned(self) -> bool:
        """Whether digits are sent as tones."""
        return self._inband or self._format.event_payload_type is None

    def _event(self, keyed: Keyed) -> bytes:
        """A packet of a digit, with the timestamp of the digit's first slot."""
        kind = self._format.event_payload_type
        assert kind is not None
        self._seam.forget()
        if not keyed.frame:
            self.stats.digits_sent += 1
            kind |= MARKER
        return self.numbering.packet(kind, keyed.began, keyed.payload(self._event_ticks))

    def _between(self, keyed: Keyed | None) -> bytes:
        """The payload of a slot without speech: silence, a tone, or the end of what was cut off."""
        if keyed is not None and keyed.sounding:
            self._seam.forget()
            if not keyed.frame:
                self.stats.digits_sent += 1
            return self._codec.encode(tones.frame(keyed, self._format))
        if self._seam.open:
            return self._codec.encode(self._seam.over(bytes(self._frame_bytes)))
        return self._codec.encode_silence(self._samples)

    def _start_talkspurt(self) -> None:
        self.talkspurt = True
        self.stats.talkspurts += 1
        if self._hush is not None:
            self._hush.over()
        self._seam.begin()
        self._creep.begin()

    def _frame(self, now: float) -> bytes:
        """The next frame of speech, padded with silence where the queue ends within it."""
        size = self._frame_bytes
        pcm = self._creep.frame(now)
        if self.sending:
            self.stats.heard += len(pcm) / self._bytes_per_s
        if len(pcm) < size:
            pcm += bytes(size - len(pcm))
        return self._seam.frame(pcm)

    def _note_lateness(self, pacer: Pacer) -> None:
        stats = self.stats
        late = pacer.late_s
        stats.ticks_late += pacer.skipped
        if pacer.skipped:
            self._creep.stall(pacer.skipped)
        stats.tick_late_sum += late
        stats.tick_late_max = max(stats.tick_late_max, late)
        pacer.skipped = 0
