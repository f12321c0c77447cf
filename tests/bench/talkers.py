"""Callers of any codec, encrypted or not: packets coded beforehand, sent on an absolute schedule.

    python -m tests.bench.talkers HOST PHONES ENCODING [SUITE [FMTP]]

They cost little beside what they load; what they hear only tells them that a call is up, and is
read when they talk: nobody is woken for it, which the sender would pay. Orders on standard input:
`status`.
"""

import base64
import gc
import json
import os
import select
import socket
import sys
import time

import numpy as np

from rtp.codec import codec_for, native_rate
from rtp.format import Format
from rtp.srtp import SUITES, Keys, Srtp
from rtp.stats import StreamStats
from tests.bench.timer import Timer

__all__ = ["LINES", "offer"]

LINES = {"PCMU": "0 PCMU/8000", "G722": "9 G722/8000", "opus": "96 opus/48000/2"}
"""Payload type and rtpmap of each codec."""
FRAME_S = 0.02
PHASES = 80
"""Beats within a frame: 0.25 ms apart."""
STRIDE = 49
"""From one caller's phase to the next's: prime to PHASES and near its golden section, so that any
number of callers is spread evenly."""
PORTS = range(30000, 32700, 2)
"""Below the kernel's ephemeral range, so that nobody is given them meanwhile."""
QUIET_S = 0.5
"""A call is over when nothing was heard for so long."""
FRAMES = 500
"""Coded beforehand, then said over and over: ten seconds."""


def offer(encoding: str, suite: str, key: bytes, fmtp: str = "") -> str:
    """A session description for SIPp, which fills in addresses and port."""
    kind, name = LINES[encoding].split()
    format_ = f"a=fmtp:{kind} {fmtp}\n" if fmtp else ""
    crypto = f"a=crypto:1 {suite} inline:{base64.b64encode(key).decode()}\n" if suite else ""
    return (
        "v=0\no=caller [call_number] 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\n"
        f"m=audio [field0] RTP/{'SAVP' if suite else 'AVP'} {kind} 101\na=rtpmap:{kind} {name}\n"
        f"a=rtpmap:101 telephone-event/8000\na=ptime:20\n{format_}{crypto}"
    )


def speech(rate: int) -> bytes:
    """Ten seconds that cost a codec what speech does: voiced and hissed syllables, with pauses."""
    at = np.arange(int(FRAMES * FRAME_S * rate)) / rate
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * at)) / rate
    voice = sum(np.sin(number * pitch) / number for number in range(1, 24))
    hiss = np.random.default_rng(7).normal(size=len(at)) * (np.sin(2 * np.pi * 1.3 * at) > 0.6)
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * at), 0, 1) * (np.sin(2 * np.pi * 0.3 * at) > -0.6)
    pcm: bytes = (5000 * syllables * (voice / 2 + hiss)).astype("<i2").tobytes()
    return pcm


class Talker:
    """One caller; it talks once it has heard something, to where that came from."""

    def __init__(self, rtp: socket.socket, number: int, audio: Format, keys: Keys | None) -> None:
        rtp.setblocking(False)
        self.socket = rtp
        self._number = number
        self._kind = audio.payload_type
        self._step = audio.timestamp_step
        self._srtp = None if keys is None else Srtp(keys, stats=StreamStats())
        self._remote: tuple[str, int] | None = None
        self._heard_at = 0.0
        self._frames = 0

    def live(self, now: float) -> bool:
        """Whether a call is up."""
        return now - self._heard_at < QUIET_S

    def receive(self, now: float) -> None:
        """Take all that has come."""
        while True:
            try:
                _, self._remote = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            self._heard_at = now

    def send(self, payloads: list[bytes], now: float) -> None:
        """Say the next frame, if a call is up."""
        if self._remote is None or not self.live(now):
            return
        number = self._frames
        self._frames += 1
        packet = (
            bytes([0x80, self._kind])
            + (number & 0xFFFF).to_bytes(2, "big")
            + (number * self._step & 0xFFFFFFFF).to_bytes(4, "big")
            + (1000 + self._number).to_bytes(4, "big")
            + payloads[number % len(payloads)]
        )
        self.socket.sendto(
            packet if self._srtp is None else self._srtp.protect(packet), self._remote
        )


def pairs(host: str, count: int) -> list[tuple[socket.socket, socket.socket]]:
    """RTP and RTCP sockets on free pairs of ports; the RTCP ones only swallow."""
    found: list[tuple[socket.socket, socket.socket]] = []
    for port in PORTS:
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        try:
            rtp.bind((host, port))
            rtcp.bind((host, port + 1))
        except OSError:
            rtp.close()
            rtcp.close()
            continue
        rtcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        found.append((rtp, rtcp))
        if len(found) == count:
            return found
    raise OSError(f"not {count} pairs of ports are free from {PORTS.start} to {PORTS.stop}")


def run(talkers: list[Talker], payloads: list[bytes]) -> None:
    """Talk and listen until the input ends."""
    phases: list[list[Talker]] = [[] for _ in range(PHASES)]
    for number, talker in enumerate(talkers):
        phases[number * STRIDE % PHASES].append(talker)
    timer = Timer(FRAME_S / PHASES)
    poll, orders = select.epoll(), sys.stdin.fileno()
    for descriptor in (orders, timer.fileno()):
        poll.register(descriptor, select.EPOLLIN)
    while True:
        for descriptor, _ in poll.poll():
            now = time.monotonic()
            if descriptor == timer.fileno():
                for beat in timer.due():
                    for talker in phases[beat % PHASES]:
                        talker.receive(now)
                        talker.send(payloads, now)
            elif not os.read(orders, 4096):
                return
            else:
                print(json.dumps({"live": sum(t.live(now) for t in talkers)}), flush=True)


def main() -> None:
    host, count, encoding, suite, fmtp = (*sys.argv[1:], "", "")[:5]
    kind, name = LINES[encoding].split()
    audio = Format(
        encoding=encoding,
        payload_type=int(kind),
        clock_rate=int(name.split("/")[1]),
        sample_rate=native_rate(encoding),
    )
    codec, pcm, size = codec_for(audio), speech(audio.sample_rate), audio.frame_bytes
    payloads = [codec.encode(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    key = os.urandom(SUITES[suite].octets) if suite else b""
    # What is received is never opened, so the other side's key does not matter.
    keys = Keys(suite=suite, send=key, receive=key) if suite else None
    sockets = pairs(host, int(count))
    talkers = [Talker(rtp, number, audio, keys) for number, (rtp, _) in enumerate(sockets)]
    gc.freeze()
    gc.disable()
    ports = [rtp.getsockname()[1] for rtp, _ in sockets]
    print(json.dumps({"ports": ports, "offer": offer(encoding, suite, key, fmtp)}), flush=True)
    run(talkers, payloads)


if __name__ == "__main__":
    main()
