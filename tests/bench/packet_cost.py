"""What one packet costs: CPU microseconds of each stage, and of the way through all of them.

    python -m tests.bench.packet_cost [--packets N] [--rounds N]

Times are the best of several rounds of CPU time of this process, so that other work on the
machine disturbs them little. The last lines include the system calls, on loopback.
"""

import argparse
import asyncio
import functools
import os
import platform
import socket
import time
from collections.abc import Callable

import uvloop

from rtp.codec import Codec, codec_for, native_rate
from rtp.downlink import Downlink
from rtp.format import Format
from rtp.latch import Latch
from rtp.pacer import Pacer
from rtp.packet import HEADER, HEADER_LENGTH, RtpPacket
from rtp.playout import Playout
from rtp.ports import PortPool
from rtp.receiver import Receiver
from rtp.relay import Relay
from rtp.srtp import SUITES, Keys, Srtp
from rtp.stats import StreamStats
from rtp.stream import Stream
from rtp.uplink import Uplink
from tests.bench.talkers import speech

PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000)
SPEECH = bytes(range(256)) + bytes(range(64))
SOURCE = ("192.0.2.1", 4000)


def ignore(pcm: bytes) -> None:
    """Where the uplink ends."""


def packets(count: int) -> list[bytes]:
    payload = codec_for(PCMU).encode(SPEECH)
    return [
        HEADER.pack(0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, 7) + payload
        for number in range(count)
    ]


def cost(rounds: int, count: int, work: Callable[[], None]) -> float:
    """Microseconds of CPU per packet, the best round."""
    best = float("inf")
    for _ in range(rounds):
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return best / count * 1e6


def parse_header(wire: list[bytes]) -> None:
    unpack = HEADER.unpack_from
    for data in wire:
        unpack(data)
        data[HEADER_LENGTH:]


def parse_packet(wire: list[bytes]) -> None:
    for data in wire:
        RtpPacket.parse(data)


def decode(count: int) -> None:
    codec = codec_for(PCMU)
    payload = codec.encode(SPEECH)
    for _ in range(count):
        codec.decode(payload)


def encode(count: int) -> None:
    codec = codec_for(PCMU)
    for _ in range(count):
        codec.encode(SPEECH)


def receive(wire: list[bytes]) -> None:
    stats = StreamStats()
    uplink = Uplink(PCMU, on_pcm=ignore, stats=stats, now=0.0)
    latch = Latch(SOURCE, silence_s=2.0)
    take = Receiver(PCMU, latch=latch, uplink=uplink, stats=stats).take
    now = 0.0
    for data in wire:
        take(data, SOURCE, now)
        now += 0.02
    assert stats.received == len(wire)
    assert stats.excess == stats.lost == 0


def tick(count: int) -> None:
    uplink = Uplink(PCMU, on_pcm=ignore, stats=StreamStats(), now=0.0)
    now = 0.0
    for _ in range(count):
        uplink.tick(now)
        now += 0.02


def pace(count: int) -> None:
    pacer = Pacer(frame_s=0.02, now=0.0)
    for _ in range(count):
        pacer.poll(pacer.wake, 2.0)


def pull(count: int) -> None:
    playout = Playout(64 * len(SPEECH))
    piece = SPEECH * 10
    for _ in range(count // 10):
        playout.push(piece)
        for _ in range(10):
            playout.pull(len(SPEECH))


def send(count: int) -> None:
    downlink = Downlink(PCMU, stats=StreamStats(), now=0.0)
    piece = SPEECH * 10
    for _ in range(count // 10):
        downlink.play(piece)
        for _ in range(10):
            assert downlink.poll(downlink.pacer.wake)


def send_silence(count: int) -> None:
    downlink = Downlink(PCMU, stats=StreamStats(), now=0.0)
    for _ in range(count):
        assert downlink.poll(downlink.pacer.wake)


def srtp_of(suite: str) -> Srtp:
    key = os.urandom(SUITES[suite].octets)
    return Srtp(Keys(suite=suite, send=key, receive=key), stats=StreamStats())


def both_ways(wire: list[bytes], suite: str) -> None:
    srtp = srtp_of(suite)
    for data in wire:
        assert srtp.unprotect(srtp.protect(data))


async def through_sockets(
    calls: int, seconds: float, keys: Keys | None = None
) -> tuple[float, float, float]:
    """CPU microseconds of a packet sent and received by two streams, and of the bare system calls.

    Half the calls hear the other half, all speak all the time; timers and event loop included.
    """
    pool = PortPool(41000, 41000 + 4 * calls, bind_address="127.0.0.1")
    streams = [Stream(pool.lease(), on_pcm=ignore) for _ in range(calls)]
    for number, stream in enumerate(streams):
        await stream.open()
        stream.configure(PCMU, ("127.0.0.1", streams[number ^ 1].ports.rtp_port), keys=keys)
    for stream in streams:
        stream.play(SPEECH * int(50 * (seconds + 2)))
        await asyncio.sleep(0.02 / calls)
    await asyncio.sleep(0.5)
    sent = sum(stream.stats.sent for stream in streams)
    before = time.process_time()
    await asyncio.sleep(seconds)
    spent = time.process_time() - before
    sent = sum(stream.stats.sent for stream in streams) - sent
    late = max(stream.stats.tick_late_max for stream in streams)
    for stream in streams:
        assert stream.stats.lost == 0
        await stream.close(pool)
    pool.close()
    return spent / sent * 1e6, bare_calls(20_000), late


def bare_calls(count: int) -> float:
    """CPU microseconds of one sendto and one recvfrom, and nothing else."""
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    far.bind(("127.0.0.1", 0))
    address = far.getsockname()
    data = bytes(172)
    before = time.process_time()
    for _ in range(count):
        near.sendto(data, address)
        far.recvfrom(2048)
    spent = time.process_time() - before
    near.close()
    far.close()
    return spent / count * 1e6


def stages(*, packets_each: int, rounds: int, calls: int) -> list[tuple[str, float]]:
    """Each stage of a packet's way and its CPU microseconds, then a packet all told."""
    count = packets_each
    wire = packets(count)
    table: list[tuple[str, Callable[[], None]]] = [
        ("header unpacked, payload sliced", lambda: parse_header(wire)),
        ("RtpPacket.parse (odd packets only)", lambda: parse_packet(wire)),
        ("decode PCMU", lambda: decode(count)),
        ("encode PCMU", lambda: encode(count)),
        ("uplink, whole: parse to on_pcm", lambda: receive(wire)),
        ("uplink tick", lambda: tick(count)),
        ("pacer", lambda: pace(count)),
        ("playout push and pull", lambda: pull(count)),
        ("downlink, whole: speech to packet", lambda: send(count)),
        ("downlink, whole: silence to packet", lambda: send_silence(count)),
    ]
    table += [(f"to and from {each}", functools.partial(both_ways, wire, each)) for each in SUITES]
    for name in ("G722", "opus"):
        table.append((f"encode {name}", functools.partial(encode_frames, name, count // 10)))
        table.append((f"decode {name}", functools.partial(decode_frames, name, count // 10)))
        table.append((f"leg to leg as sound {name}", functools.partial(join, name, count // 10)))
        relayed = functools.partial(join, name, count // 10, relayed=True)
        table.append((f"leg to leg as packets {name}", relayed))
    for name in ("G722", "opus"):
        _coded(name)
    found = [
        (name, cost(rounds, count // 10 if name.endswith(("G722", "opus")) else count, work))
        for name, work in table
    ]
    whole, bare, _ = uvloop.run(through_sockets(calls, 5.0))
    found.append(("a packet sent and received, all told", whole))
    found.append(("  of which sendto and recvfrom", bare))
    for suite in ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"):
        key = os.urandom(SUITES[suite].octets)
        keys = Keys(suite=suite, send=key, receive=key)
        secured, _, _ = uvloop.run(through_sockets(calls, 5.0, keys))
        found.append((f"the same under {suite}", secured))
    return found


def encode_frames(encoding: str, count: int) -> None:
    """`count` frames of 20 ms through an encoder."""
    codec, frames, _ = _coded(encoding)
    for number in range(count):
        codec.encode(frames[number % len(frames)])


def decode_frames(encoding: str, count: int) -> None:
    """`count` packets of 20 ms through a decoder."""
    codec, _, payloads = _coded(encoding)
    for number in range(count):
        codec.decode(payloads[number % len(payloads)])


def join(encoding: str, count: int, *, relayed: bool = False) -> None:
    """`count` packets of one leg made into as many of another: decoded and encoded, or relayed."""
    _, _, payloads = _coded(encoding)
    audio = _format(encoding)
    downlink = Downlink(audio, stats=StreamStats(), now=0.0)

    def hear(pcm: bytes) -> None:
        downlink.play(pcm)

    uplink = Uplink(audio, on_pcm=hear, stats=StreamStats(), now=0.0)
    if relayed:
        uplink.connect(Relay(audio, downlink, send=ignore_packet))
        uplink.decoder.listened = False
    now, step = 0.0, audio.timestamp_step
    for number in range(count):
        payload = payloads[number % len(payloads)]
        uplink.receive(number & 0xFFFF, number * step, 7, payload, now, marker=False)
        downlink.poll(max(now, downlink.pacer.wake))
        now += 0.02
    assert uplink.stats.excess == uplink.stats.lost == uplink.stats.late == 0


def ignore_packet(packet: bytes, now: float) -> None:
    """Where a relay ends."""


def _format(encoding: str) -> Format:
    clock = 48000 if encoding == "opus" else 8000
    rate = native_rate(encoding)
    return Format(encoding=encoding, payload_type=96, clock_rate=clock, sample_rate=rate)


@functools.cache
def _coded(encoding: str) -> tuple[Codec, list[bytes], list[bytes]]:
    """A codec, frames of speech, and the payloads of them."""
    audio = _format(encoding)
    codec, pcm, size = codec_for(audio), speech(audio.sample_rate), audio.frame_bytes
    frames = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    return codec, frames, [codec.encode(frame) for frame in frames]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=50)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, 160-byte PCMU, us of CPU")
    table = stages(packets_each=options.packets, rounds=options.rounds, calls=options.calls)
    for name, microseconds in table:
        print(f"{name:48} {microseconds:6.2f}")


if __name__ == "__main__":
    main()
