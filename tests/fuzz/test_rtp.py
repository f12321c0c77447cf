"""Whatever a datagram holds is used or counted, and raises nothing but what is documented."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rtp import rtcp
from rtp.dtmf import DigitReceiver
from rtp.format import Format
from rtp.latch import Latch
from rtp.packet import RtpPacket
from rtp.receiver import Receiver
from rtp.reports import Reported, Reports, ntp_time
from rtp.stats import StreamStats
from rtp.uplink import Uplink

PCMU = Format(
    encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, event_payload_type=101
)
SOURCES = [("192.0.2.1", 4000), ("192.0.2.2", 4000)]

octets = st.binary(max_size=400)
rtp_like = st.builds(
    lambda first, second, rest: bytes([first, second]) + rest,
    st.sampled_from([0x80, 0x80, 0x80, 0x81, 0x90, 0xA0, 0xBF, 0x40]),
    st.sampled_from([0, 0, 0, 0x80, 13, 101, 0xE5, 18, 200, 201, 207]),
    st.binary(min_size=10, max_size=400),
)
near_packets = st.builds(
    RtpPacket,
    payload_type=st.sampled_from([0, 0, 0, 13, 18, 101]),
    sequence=st.integers(0, 60) | st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 60).map(lambda n: n * 160) | st.integers(0, 0xFFFFFFFF),
    ssrc=st.sampled_from([7, 7, 7, 8]),
    payload=st.sampled_from(
        [bytes(160), bytes(80), bytes(480), b"", bytes(1700), b"\x05\x0a\x00\xa0"]
    ),
    marker=st.booleans(),
).map(RtpPacket.serialize)
steps = st.lists(
    st.tuples(octets | rtp_like | near_packets, st.sampled_from(SOURCES), st.floats(0, 0.2)),
    max_size=60,
)


@given(octets | rtp_like)
def test_an_rtp_packet_is_parsed_or_refused_as_documented(data: bytes) -> None:
    try:
        packet = RtpPacket.parse(data)
    except ValueError:
        return
    assert RtpPacket.parse(packet.serialize()) == packet


@given(octets | st.binary(max_size=60).map(lambda rest: b"\x81\xc9\x00" + rest))
def test_rtcp_is_parsed_or_refused_as_documented(data: bytes) -> None:
    try:
        packets = rtcp.parse(data)
    except ValueError:
        return
    assert rtcp.parse(rtcp.serialize(*packets)) == packets if packets else True


@given(octets, st.integers(0, 0xFFFFFFFF))
def test_an_event_is_a_digit_or_none_or_refused_as_documented(data: bytes, timestamp: int) -> None:
    try:
        digit = DigitReceiver().receive(data, timestamp)
    except ValueError:
        return
    assert digit is None or digit in "0123456789*#ABCD"


@given(octets)
def test_a_report_is_read_or_refused_as_documented(data: bytes) -> None:
    stream = Reported(ssrc=1, timestamp=2, clock_rate=8000, peer=3)
    reports = Reports(stats=StreamStats())
    try:
        reports.read(data, stream, ntp_time(1.0))
    except ValueError:
        return
    reports.write(stream, ntp_time(2.0))


@settings(max_examples=200)
@given(steps)
def test_any_run_of_datagrams_gives_one_second_of_audio_per_second(
    run: list[tuple[bytes, tuple[str, int], float]],
) -> None:
    stats = StreamStats()
    pcm = bytearray()
    uplink = Uplink(PCMU, on_pcm=pcm.extend, stats=stats, now=0.0)
    latch = Latch(SOURCES[0], silence_s=2.0)
    receiver = Receiver(PCMU, latch=latch, uplink=uplink, stats=stats)
    now = 0.0
    for data, source, pause in run:
        now += pause
        receiver.take(data, source, now)
        if uplink.jitter.deadline is not None and uplink.jitter.deadline <= now:
            uplink.expire(now)
        uplink.tick(now)
    for _ in range(20):
        now += 0.1
        uplink.expire(now)
        uplink.tick(now)
    heard = len(pcm) / 16000
    assert now - 0.021 <= heard <= now + 0.5
    assert len(pcm) % 2 == 0
