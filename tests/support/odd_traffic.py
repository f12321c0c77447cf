"""Odd RTP as devices are known to send it, one capture each in tests/data/rtp.

    python -m tests.support.odd_traffic        writes them anew

Each begins with 200 ms of ordinary G.711, so that what is odd comes to a stream that runs.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from rtp import rtcp
from rtp.packet import RtpPacket
from tests.support.capture import Captured, write

__all__ = ["FOLDER", "ODDITIES"]

FOLDER = Path(__file__).parents[1] / "data" / "rtp"
RTP, RTCP = 20000, 20001
SSRC = 0xC0FFEE00
STEP = 160
"""Timestamp units of one packet of 20 ms."""
AUDIO = bytes(range(0x20, 0xC0))
"""A payload of G.711 that is not silence."""


class Device:
    """A sender with a clock; what it sends is collected in `sent`."""

    def __init__(self) -> None:
        self.sent: list[Captured] = []
        self.at = 0.0
        self.sequence = 65530  # so that every capture wraps
        self.timestamp = 0xFFFFFF00
        self.ssrc = SSRC
        self.event_step = STEP

    def put(self, data: bytes, port: int = RTP) -> None:
        """Send these octets now."""
        self.sent.append(Captured(self.at, port, data))

    def rtp(self, payload: bytes, kind: int = 0, **fields: object) -> bytes:
        """An RTP packet with the next number, not yet sent."""
        values = {"marker": False, "timestamp": self.timestamp, **fields}
        packet = RtpPacket(
            payload_type=kind,
            sequence=self.sequence & 0xFFFF,
            ssrc=self.ssrc,
            payload=payload,
            **values,  # type: ignore[arg-type]
        )
        self.sequence += 1
        return packet.serialize()

    def tick(self, frames: int = 1) -> None:
        """Let time pass on both clocks."""
        self.at += 0.02 * frames
        self.timestamp = (self.timestamp + STEP * frames) & 0xFFFFFFFF

    def talk(self, frames: int = 10) -> None:
        """Ordinary audio."""
        for _ in range(frames):
            self.put(self.rtp(AUDIO))
            self.tick()

    def press(
        self,
        code: int,
        *,
        volume: int = 10,
        marker: bool = True,
        skip: slice = slice(0),
        frozen: int | None = None,
    ) -> None:
        """A key for 100 ms: four updates and the end thrice; those in `skip` get lost."""
        began = self.timestamp if frozen is None else frozen
        packets = []
        for index in range(7):
            duration = min(index + 1, 5) * self.event_step
            payload = struct.pack("!BBH", code, volume | (0x80 if index > 3 else 0), duration)
            packets.append(self.rtp(payload, 101, timestamp=began, marker=marker and not index))
        lost = set(range(7)[skip])
        for index, packet in enumerate(packets):
            if index not in lost:
                self.put(packet)
            if index < 5:
                self.tick()


def lost_start(device: Device) -> None:
    device.press(3, skip=slice(0, 6))


def lost_end(device: Device) -> None:
    device.press(3, skip=slice(1, 7))
    device.talk(5)
    device.press(4, skip=slice(2, 7))


def no_marker(device: Device) -> None:
    device.press(5, marker=False)


def volume_0(device: Device) -> None:
    device.press(6, volume=0)


def clock_of_48_khz(device: Device) -> None:
    device.event_step = 960
    device.press(7)


def same_key_twice(device: Device) -> None:
    device.press(1)
    device.talk(5)
    device.press(1)


def frozen_timestamp(device: Device) -> None:
    """A gateway whose events all bear the timestamp at which the first began."""
    began = device.timestamp
    device.press(1, frozen=began)
    device.talk(5)
    device.press(2, frozen=began)


def overlapping_events(device: Device) -> None:
    """The repetitions of one key's end come among the updates of the next."""
    first, second = Device(), Device()
    first.sequence, first.timestamp, first.at = device.sequence, device.timestamp, device.at
    first.press(8)
    second.sequence, second.at = first.sequence, first.at - 0.05
    second.timestamp = device.timestamp + 800
    second.press(9)
    device.sent += sorted(first.sent + second.sent, key=lambda each: each.at)
    device.sequence, device.at, device.timestamp = second.sequence, second.at, second.timestamp


def duplicates(device: Device) -> None:
    """A network that delivers everything twice."""
    first = len(device.sent)
    device.press(2)
    device.talk(5)
    device.sent[first:] = [each for each in device.sent[first:] for _ in range(2)]


def unknown_events(device: Device) -> None:
    """A hook flash, and a code that nobody has registered."""
    device.press(16)
    device.press(200)


def truncated_event(device: Device) -> None:
    device.put(device.rtp(b"\x01\x0a", 101))
    device.tick()


def ssrc_change(device: Device) -> None:
    """A media server that takes over in mid-sentence, with numbers of its own."""
    device.ssrc, device.sequence, device.timestamp = SSRC + 1, 100, 5000
    device.talk(10)


def timestamp_jump(device: Device) -> None:
    """Announcement over, call connected: the clock leaps, the numbers do not."""
    device.timestamp = (device.timestamp + 0x40000000) & 0xFFFFFFFF
    device.talk(10)


def comfort_noise(device: Device) -> None:
    """Silence suppression: a comfort noise packet, 400 ms of nothing, and speech again."""
    device.put(device.rtp(b"\x3c", 13))
    device.tick(20)
    device.put(device.rtp(AUDIO, marker=True))
    device.tick()
    device.talk(9)


def padding_extension_and_sources(device: Device) -> None:
    """All the parts of a header that a phone never has, and a conference bridge does."""
    for _ in range(10):
        header = struct.pack(
            "!BBHII", 0xB2, 0, device.sequence & 0xFFFF, device.timestamp, device.ssrc
        )
        header += struct.pack("!II", 1, 2) + struct.pack("!HHI", 0xBEDE, 1, 0x10FF0000)
        device.put(header + AUDIO + b"\x00\x00\x00\x04")
        device.sequence += 1
        device.tick()


def keepalives(device: Device) -> None:
    """What opens a NAT: an empty RTP packet, two bare octets, CRLF and a STUN request."""
    device.put(device.rtp(b""))
    device.put(b"\x00\x00")
    device.put(b"\r\n\r\n")
    device.put(struct.pack("!HHI12s", 1, 0, 0x2112A442, b"transaction!"))
    device.tick()
    device.talk(9)


def rtcp_on_the_port_of_rtp(device: Device) -> None:
    """Multiplexed though nobody asked (RFC 5761): a report, a name and a goodbye."""
    report = rtcp.Report(ssrc=SSRC, ntp=1 << 40, timestamp=device.timestamp, packets=9, octets=9)
    name = rtcp.SourceDescription(ssrc=SSRC, cname="phone")
    device.put(rtcp.serialize(report, name, rtcp.Bye(sources=(SSRC,))))
    device.talk(10)


ODDITIES: dict[str, Callable[[Device], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        lost_start, lost_end, no_marker, volume_0, clock_of_48_khz, same_key_twice,
        frozen_timestamp, overlapping_events, duplicates, unknown_events, truncated_event,
        ssrc_change, timestamp_jump, comfort_noise, padding_extension_and_sources, keepalives,
        rtcp_on_the_port_of_rtp,
    )
}  # fmt: skip


def captures() -> Iterator[tuple[str, list[Captured]]]:
    """Every oddity by its name."""
    for name, odd in ODDITIES.items():
        device = Device()
        device.talk()
        odd(device)
        device.talk(5)
        yield name, device.sent


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, sent in captures():
        write(FOLDER / f"{name}.pcap", sent)
