"""The audio of a telephone that is not ours: RTP over UDP, G.711, on an absolute schedule.

What it says is a pitch, what it hears is kept packet by packet. A `Link` makes its network bad.
"""

import asyncio
import audioop
import contextlib
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from rtp.dtmf import DigitReceiver
from tests.support.network import Link
from tests.support.pitch import tone
from tests.support.waiting import until

__all__ = ["NOISE", "Line", "Packet"]

_HEADER = struct.Struct("!BBHII")  # RFC 3550 section 5.1
RATE = 8000
NOISE = 13
"""Payload type of comfort noise (RFC 3551 table 4)."""
_DECODE: dict[int, Callable[[bytes, int], bytes]] = {0: audioop.ulaw2lin, 8: audioop.alaw2lin}
_ENCODE: dict[int, Callable[[bytes, int], bytes]] = {0: audioop.lin2ulaw, 8: audioop.lin2alaw}


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """An RTP packet as it arrived, at loop time `at`."""

    at: float
    sequence: int
    timestamp: int
    marker: bool
    payload_type: int
    payload: bytes

    @property
    def pcm(self) -> bytes:
        """Its audio, s16le; of comfort noise none."""
        if self.payload_type == NOISE:
            return b""
        return _DECODE[self.payload_type](self.payload, 2)

    @property
    def speech(self) -> bool:
        """It holds sound, and not the silence between talkspurts."""
        return audioop.rms(self.pcm, 2) > 50


class Line(asyncio.DatagramProtocol):
    """One party's RTP; an async context manager.

    From `talk` to `hush` a packet goes out every `ptime` ms, with the sound of `pitch` in it
    (Hz; 0 is silence), which may be changed at any time.
    """

    def __init__(self, *, host: str = "127.0.0.2", ptime: int = 20, link: Link | None = None):
        self.host = host
        self.ptime = ptime
        self.pitch = 0.0
        self.payload_type = 0
        self.link = link
        self.port = 0
        self.packets: list[Packet] = []
        """All that was heard so far."""
        self.reports: list[bytes] = []
        """RTCP that came on the port of RTP."""
        self.sent = 0
        self.remote: tuple[str, int] | None = None
        self._sequence = random.randrange(1 << 16)
        self._timestamp = random.randrange(1 << 32)
        self._source = random.randrange(1 << 32)
        self._samples = 0
        self._talking: asyncio.Task[None] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._rtcp: socket.socket | None = None

    async def __aenter__(self) -> "Line":
        self._loop = asyncio.get_running_loop()
        rtp, self._rtcp = _pair(self.host)
        self.port = rtp.getsockname()[1]
        self._transport, _ = await self._loop.create_datagram_endpoint(lambda: self, sock=rtp)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.hush()
        assert self._transport is not None
        assert self._rtcp is not None
        self._transport.close()
        self._rtcp.close()

    def talk(self, remote: tuple[str, int], *, pitch: float = 0.0) -> None:
        """Send audio to `remote` from now on."""
        self.remote, self.pitch = remote, pitch
        if self._talking is None:
            self._talking = self._loop.create_task(self._talk(), name=f"line {self.port}")

    async def hush(self) -> None:
        """Send nothing more; what is heard is still kept."""
        if self._talking is not None:
            self._talking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._talking
            self._talking = None

    def heard(self, since: float = 0.0, until: float = float("inf")) -> bytes:
        """The audio (s16le, 8 kHz) of the packets that arrived between two loop times."""
        return b"".join(p.pcm for p in self.packets if since <= p.at < until)

    def digits(self) -> str:
        """The digits that came as telephone-events (payload type 101), in order."""
        receiver = DigitReceiver()
        events = [packet for packet in self.packets if packet.payload_type == 101]
        return "".join(receiver.receive(p.payload, p.timestamp) or "" for p in events)

    def say_nothing(self, level: int) -> None:
        """Send comfort noise of `level` -dBov (RFC 3389), as a sender that falls silent does."""
        header = (0x80, NOISE, self._sequence, self._timestamp, self._source)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.sent += 1
        self.send_raw(_HEADER.pack(*header) + bytes([level]))

    async def listen(self, seconds: float) -> bytes:
        """Wait for so much more audio and return it. Fails where it stops coming."""
        first, wanted = len(self.packets), int(seconds * RATE)
        await until(
            lambda: sum(len(p.payload) for p in self.packets[first:]) >= wanted,
            timeout_s=seconds + 3,
        )
        return b"".join(p.pcm for p in self.packets[first:])

    async def speech(self, since: float = 0.0) -> Packet:
        """The first packet with sound in it after loop time `since`, waited for."""

        def found() -> list[Packet]:
            return [p for p in self.packets if p.at >= since and p.speech]

        await until(lambda: bool(found()))
        return found()[0]

    async def quiet(self, seconds: float) -> None:
        """Wait until there was no sound for so long, by the packets' count."""
        frames = round(seconds * 1000 / self.ptime)
        await until(
            lambda: (
                len(self.packets) >= frames and not any(p.speech for p in self.packets[-frames:])
            ),
            timeout_s=60,
        )

    def datagram_received(self, data: bytes, _address: tuple[str, int]) -> None:
        if 192 <= data[1] <= 223:  # RFC 5761 section 4
            self.reports.append(data)
            return
        _, kind, sequence, timestamp, _ = _HEADER.unpack_from(data)
        self.packets.append(
            Packet(
                at=self._loop.time(),
                sequence=sequence,
                timestamp=timestamp,
                marker=bool(kind & 0x80),
                payload_type=kind & 0x7F,
                payload=data[_HEADER.size :],
            )
        )

    def say_now(self) -> None:
        """Send the next packet ahead of its time."""
        self._send()

    async def _talk(self) -> None:
        due = self._loop.time()
        while True:
            self._send()
            due += self.ptime / 1000
            await asyncio.sleep(max(0.0, due - self._loop.time()))

    def _send(self) -> None:
        count = RATE * self.ptime // 1000
        pcm = tone(self.pitch, self._samples, count)
        payload = _ENCODE[self.payload_type](pcm, 2)
        header = (0x80, self.payload_type, self._sequence, self._timestamp, self._source)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + count) & 0xFFFFFFFF
        self._samples += count
        self.sent += 1
        packet, now = _HEADER.pack(*header) + payload, self._loop.time()
        for arrival in self.link.carry(now) if self.link else [now]:
            if arrival > now:
                self._loop.call_at(arrival, self.send_raw, packet)
            else:
                self.send_raw(packet)

    def send_raw(self, datagram: bytes) -> None:
        """Send any datagram from the RTP port."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(datagram, self.remote)

    def send_rtcp(self, datagram: bytes) -> None:
        """Send any datagram from the RTCP port to the other side's."""
        assert self._rtcp is not None
        assert self.remote is not None
        self._rtcp.sendto(datagram, (self.remote[0], self.remote[1] + 1))


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """RTP and RTCP sockets on an even port and the next one (RFC 3550 section 11)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        rtp, rtcp = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        try:
            rtp.bind((host, 0))
            port = rtp.getsockname()[1]
            rtcp.bind((host, port + 1))
        except (OSError, OverflowError):
            port = 1
        if port % 2 == 0:
            rtp.setblocking(False)
            return rtp, rtcp
        rtp.close()
        rtcp.close()
