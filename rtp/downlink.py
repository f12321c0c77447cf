"""The agent's speech on its way to the caller: continuous RTP, silence where there is no speech.

play --> playout --> pacer: is it time? --> frames ---> encoder --> packet
clear --^                  |                              ^
dial --> digits -----------'--> no speech now: pauses ----'

While another stream's payloads are sent on (`rtp.relay`), only digits are made here.
"""

from typing import Final

from rtp.codec import are_interchangeable
from rtp.dtmf import EVENLY, DigitSender, Rhythm
from rtp.encoder import Encoder, OnSent
from rtp.format import Format
from rtp.frames import Frames
from rtp.keepalive import KEEPALIVE_TYPE, Keepalive
from rtp.numbering import Numbering
from rtp.pacer import Beat, Pacer
from rtp.packet import MARKER
from rtp.passage import Passage
from rtp.pauses import Pauses
from rtp.playout import Playout
from rtp.stats import StreamStats

__all__ = ["Downlink"]

_AHEAD_S: Final = 0.250  # of queued speech is sent at once, rather than stay as delay
_BEHIND_S: Final = 0.010


class Downlink:
    """Turns PCM of any size into RTP packets on time. Sans I/O: PCM and time in, packets out."""

    def __init__(self, audio: Format, *, stats: StreamStats, now: float) -> None:
        self.stats = stats
        self._format = audio
        self.numbering = numbering = Numbering(audio.timestamp_step)
        self.sending = True
        self._passed_over = False  # the last slot's speech, for a hold
        """Whether packets leave; while they may not, speech passes unheard at its own pace."""
        self.reachable = True
        """Whether there is a place to send to: what does not send then keeps its way open."""
        self.talkspurt = False
        """Whether the packet just polled begins a talkspurt."""
        self.playout = Playout(0)
        self.digits = DigitSender(audio)
        self.pacer = pacer = Pacer(frame_s=audio.frame_s, now=now)
        self._frames = frames = Frames(audio, self.playout, pacer, stats=stats)
        self._encoder = encoder = Encoder(audio, pacer)
        self._pauses = Pauses(audio, numbering, frames, encoder, stats=stats)
        self.passage = Passage(audio, pacer, numbering=numbering, stats=stats)
        self._keepalive = Keepalive(now)
        self._coming: Format | None = None  # taken up once the present one has fallen silent

    def reformat(self, audio: Format, now: float) -> None:
        """Take up another format from the next packet on; what is queued stays queued.

        Another codec within speech comes a packet later, and both fade: it starts from silence,
        and the other side's decoder of the former one just stops. Timestamps go on where they are,
        unless the clock itself changes: then under a new SSRC (RFC 7160 section 4.1).
        """
        former = self._format
        heard = self.pacer.speaking and self.sending and not are_interchangeable(former, audio)
        if heard and audio.sample_rate == former.sample_rate:
            self._coming = audio
        else:
            self._take_up(audio, now)

    def _take_up(self, audio: Format, now: float) -> None:
        self._coming = None
        self.release()
        if audio.clock_rate == self._format.clock_rate:
            self.numbering.align(0, self.timestamp, audio.timestamp_step)
        else:
            self.numbering.renew(audio.timestamp_step)
        self.pacer = pacer = Pacer(frame_s=audio.frame_s, now=now)
        self.digits.reformat(audio)
        self._frames.reformat(audio, pacer)
        self._encoder.reformat(audio, pacer)
        self._pauses.reformat(audio)
        self.passage.reformat(audio, pacer)
        self._format = audio

    def _turn(self, audio: Format, now: float) -> bytes | None:
        """The last packet in the present format; its beat goes on in the coming one."""
        pacer, slot, seam = self.pacer, self.pacer.slot, self._frames.seam
        self._coming, seam.falls = None, True
        packet = self.poll(now)
        seam.falls = False
        if pacer.slot == slot:
            self._coming = audio
            return packet
        self._take_up(audio, now + self._format.frame_s)
        self.pacer.speaking = seam.rises = pacer.speaking
        return packet

    def tap(self, on_sent: OnSent | None) -> None:
        """Tell `on_sent` from now on what goes on the wire, slot by slot; None tells nobody."""
        self.settle()
        self._encoder.tap(on_sent)

    @property
    def overheard(self) -> bool:
        """Whether somebody listens in on what is sent."""
        return self._encoder.tapped

    def settle(self) -> None:
        """Tell whoever listens in of the silence up to now."""
        if not self.passage.open:
            self._encoder.settle()

    def heed_report(self) -> None:
        """Go by what the peer has just reported of its losses, where the codec can."""
        self._encoder.heed_losses(self.stats.remote_fraction_lost)

    @property
    def timestamp(self) -> int:
        """RTP timestamp of what is to be sent next."""
        return self.passage.timestamp

    @property
    def depth(self) -> float:
        """Seconds of speech queued."""
        return self._frames.depth_s

    @property
    def idle(self) -> bool:
        """Whether neither speech nor a digit waits to be sent."""
        return not self.playout.depth and not self.digits.busy

    def play(self, pcm: bytes) -> bool:
        """Queue speech; whether to `poll` at once, because it need not wait for the beat."""
        if self.passage.open:
            self._encoder.overhear(pcm)
            return False
        return self._frames.push(pcm) and self.pacer.eager

    def clear(self, now: float) -> float:
        """Drop all speech not yet sent; returns how many milliseconds that was. `poll` then.

        What would have come next is faded out in a few of them, lest it ends with a click.
        """
        dropped_ms = 1000 * self.depth
        if self.pacer.speaking:
            if self.sending:
                self._frames.cut()
            self.pacer.cut(now)
        self.playout.clear()
        return dropped_ms

    def dial(self, digits: str, *, inband: bool = False, rhythm: Rhythm = EVENLY) -> None:
        """Queue digits: telephone-events where negotiated, else, or if `inband`, as tones.

        Speech waits while they sound. Raises ValueError when they are no digits, or too many.
        """
        self.digits.dial(digits, rhythm, inband=inband)

    def poll(self, now: float) -> bytes | None:
        """The packet to send now, or None; call again at `pacer.wake`."""
        if self._coming is not None:
            return self._turn(self._coming, now)
        pacer = self.pacer
        speaking = pacer.speaking
        digits = self.digits
        dialling = self.sending and digits.busy
        muted = dialling and digits.muting
        beat = pacer.poll(now, 0.0 if muted else self._frames.waiting)
        if beat is Beat.HOLD:
            return None
        self.stats.ticks += 1
        if pacer.late_s or pacer.skipped:
            self._note_lateness(pacer)
        self.talkspurt = False
        if not self.sending:
            return self._hold(beat, now, begins=not speaking)
        keyed = digits.take(pacer.slot) if dialling else None
        if beat is Beat.SILENCE:
            if self.passage.open and self._goes_on(muted=muted):
                return None
            return self._pauses.packet(pacer.slot, keyed, dialling=dialling)
        kind = self._format.payload_type
        if not speaking or self._passed_over:
            self._start_talkspurt()
            kind |= MARKER
        payload = self._encoder.encode(self._frames.take(now))
        return self.numbering.packet(kind, pacer.slot, payload)

    def _start_talkspurt(self) -> None:
        self.talkspurt = True
        self.stats.talkspurts += 1
        self._passed_over = False
        self._pauses.over()
        self._frames.begin()

    def _hold(self, beat: Beat, now: float, *, begins: bool) -> bytes | None:
        """The packet of a slot in which none may leave, but for what keeps the way open."""
        self._passed_over = beat is Beat.SPEECH
        if self._passed_over:
            self._frames.drop(now, begins=begins)
        self._frames.seam.forget()
        self._pauses.over()
        if not self.reachable or not self._keepalive.due(now):
            return None
        return self.numbering.packet(KEEPALIVE_TYPE, self.pacer.slot, b"")

    def give_way(self) -> list[bytes] | None:
        """Let payloads of another stream be sent from now on; None where that cannot be.

        Little may be queued then. Its packets, to be sent before, are returned.
        """
        turns = self._coming is not None  # to a format that the payloads would be taken for
        if not self.sending or turns or self.digits.muting or self.depth > _AHEAD_S:
            return None
        self._pauses.over()
        self.settle()
        self.passage.begin()
        packets: list[bytes] = []
        for pcm in self._frames.rest():
            ticks, payload = self._format.timestamp_step, self._encoder.encode_early(pcm)
            packets.append(self.pass_on(0, self.timestamp, ticks, payload, 0))
        return packets

    def pass_on(self, lost: int, timestamp: int, ticks: int, payload: bytes, marker: int) -> bytes:
        """The packet of a payload of `ticks` that was not made here, after `lost` others."""
        self.talkspurt = False
        return self.passage.packet(lost, timestamp, ticks, payload, marker)

    def release(self) -> None:
        """Make all payloads here again, with a codec that goes on where the others ended."""
        if self.passage.open:
            self.passage.close()
            self._encoder.recall(self.passage.recent)

    def _goes_on(self, *, muted: bool) -> bool:
        """Whether a slot is left to another stream's payloads: for a while, though none comes."""
        if muted:
            self.passage.fill()
        elif self.passage.rests:
            self.release()
            self.passage.keep_time()
        else:
            return True
        return False

    def _note_lateness(self, pacer: Pacer) -> None:
        stats = self.stats
        stats.ticks_late += pacer.skipped
        stats.ticks_behind += pacer.skipped + (pacer.late_s > _BEHIND_S)
        if pacer.skipped:
            self._frames.stall(pacer.skipped)
        stats.tick_late_sum += pacer.late_s
        stats.tick_late_max = max(stats.tick_late_max, pacer.late_s)
        pacer.skipped = 0
