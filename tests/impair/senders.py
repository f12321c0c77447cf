"""Who speaks, as packets: a telephone that is not ours, and an agent behind our downlink."""

from dataclasses import dataclass
from functools import partial

from rtp.codec import codec_for
from rtp.downlink import Downlink
from rtp.format import Format
from rtp.packet import RtpPacket
from rtp.stats import StreamStats
from tests.impair.speech import Speech
from tests.support.clock import Timeline

__all__ = ["Sent", "agent", "telephone"]

_PIECE_S = 0.1  # the agent's speech comes in pieces of this length
_LEAD = 1.25  # and this many times as fast as it is spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A packet, and when it left."""

    at: float
    packet: RtpPacket


def telephone(speech: Speech, audio: Format, *, drift_ppm: float = 0.0) -> list[Sent]:
    """Packets of a caller who sends every frame at its time, by a clock `drift_ppm` too fast."""
    codec = codec_for(audio)
    frame_s = audio.frame_s / (1 + drift_ppm / 1e6)
    size = audio.frame_bytes
    return [
        Sent(
            at=number * frame_s,
            packet=RtpPacket(
                payload_type=audio.payload_type,
                sequence=(0xFFF0 + number) & 0xFFFF,
                timestamp=(0xFFFFF000 + number * audio.timestamp_step) & 0xFFFFFFFF,
                ssrc=0x1234,
                payload=codec.encode(speech.pcm[start : start + size].ljust(size, b"\0")),
                marker=number == 0,
            ),
        )
        for number, start in enumerate(range(0, len(speech.pcm), size))
    ]


def agent(speech: Speech, audio: Format) -> list[Sent]:
    """Packets of our downlink, while an agent says it all in pieces, a little ahead of time."""
    clock = Timeline()
    downlink = Downlink(audio, stats=StreamStats(), now=0.0)
    sent: list[Sent] = []

    def beat() -> None:
        packet = downlink.poll(clock.now)
        if packet is not None:
            sent.append(Sent(at=clock.now, packet=RtpPacket.parse(packet)))
        clock.at(downlink.pacer.wake, beat)

    size = 2 * int(_PIECE_S * speech.sample_rate)
    for number, start in enumerate(range(0, len(speech.pcm), size)):
        piece = speech.pcm[start : start + size]
        clock.at(number * _PIECE_S / _LEAD, partial(downlink.play, piece))
    clock.at(0.0, beat)
    clock.run(len(speech.pcm) / (2 * speech.sample_rate) + 0.1)
    return sent
