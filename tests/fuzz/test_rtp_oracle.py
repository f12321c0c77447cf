"""aiortc reads and writes the same packets as we do, octet for octet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp import rtcp
from rtp.downlink import Downlink
from rtp.dtmf import DIGITS, DigitReceiver
from rtp.format import Format
from rtp.packet import RtpPacket
from rtp.reports import Reported, Reports
from rtp.stats import StreamStats

aiortc = pytest.importorskip("aiortc.rtp", reason="aiortc, the oracle, is not installed")

uint16 = st.integers(0, 0xFFFF)
uint32 = st.integers(0, 0xFFFFFFFF)

wire = st.builds(
    lambda first, second, rest: bytes([first, second]) + rest,
    st.sampled_from([0x80, 0x81, 0x8F, 0xA0, 0xA1]),
    st.integers(0, 255),
    st.binary(min_size=10, max_size=200),
)
packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=uint16,
    timestamp=uint32,
    ssrc=uint32,
    payload=st.binary(max_size=200),
    marker=st.booleans(),
)
receptions = st.lists(
    st.builds(
        rtcp.Reception,
        ssrc=uint32,
        fraction_lost=st.integers(0, 255).map(lambda n: n / 256),
        lost=st.integers(0, 0x7FFFFF),
        highest=uint32,
        jitter=uint32,
        last_report=uint32,
        delay=uint32,
    ),
    max_size=31,
).map(tuple)
reports = st.builds(
    rtcp.Report,
    ssrc=uint32,
    ntp=st.integers(0, 0xFFFFFFFFFFFFFFFF),
    timestamp=uint32,
    packets=uint32,
    octets=uint32,
    receptions=receptions,
)
streams = st.builds(
    Reported,
    ssrc=uint32,
    timestamp=uint32,
    clock_rate=st.just(8000),
    peer=st.none() | uint32,
    base=uint16,
    highest=st.integers(0xFFFF, 0x1FFFF),
    received=st.integers(0, 5000),
)


@given(wire)
def test_aiortc_reads_the_same_rtp_packet_from_the_same_octets(data: bytes) -> None:
    try:
        packet = RtpPacket.parse(data)
    except ValueError:
        with pytest.raises(ValueError):
            aiortc.RtpPacket.parse(data)
        return
    oracle = aiortc.RtpPacket.parse(data)
    assert packet.payload == oracle.payload
    assert (packet.sequence, packet.timestamp) == (oracle.sequence_number, oracle.timestamp)
    assert (packet.ssrc, list(packet.csrc)) == (oracle.ssrc, oracle.csrc)
    assert (packet.payload_type, packet.marker) == (oracle.payload_type, bool(oracle.marker))
    assert packet.padding == oracle.padding_size


@given(packets)
def test_aiortc_writes_the_same_octets_for_the_same_rtp_packet(packet: RtpPacket) -> None:
    oracle = aiortc.RtpPacket(
        payload_type=packet.payload_type,
        sequence_number=packet.sequence,
        timestamp=packet.timestamp,
        ssrc=packet.ssrc,
        payload=packet.payload,
        marker=int(packet.marker),
    )
    assert packet.serialize() == oracle.serialize()


@given(reports)
def test_aiortc_reads_and_writes_our_sender_reports(report: rtcp.Report) -> None:
    data = rtcp.serialize(report)
    (oracle,) = aiortc.RtcpPacket.parse(data)
    assert (oracle.ssrc, oracle.sender_info.ntp_timestamp) == (report.ssrc, report.ntp)
    assert oracle.sender_info.rtp_timestamp == report.timestamp
    assert [block.ssrc for block in oracle.reports] == [block.ssrc for block in report.receptions]
    assert bytes(oracle) == data
    assert rtcp.parse(bytes(oracle)) == [report]


@given(st.lists(uint32, max_size=31), uint32, st.text("abc@.-0123456789", max_size=40))
def test_aiortc_reads_our_names_and_goodbyes(sources: list[int], ssrc: int, cname: str) -> None:
    data = rtcp.serialize(
        rtcp.SourceDescription(ssrc=ssrc, cname=cname), rtcp.Bye(sources=tuple(sources))
    )
    named, gone = aiortc.RtcpPacket.parse(data)
    assert named.chunks[0].ssrc == ssrc
    assert named.chunks[0].items == [(1, cname.encode())]
    assert gone.sources == sources
    assert rtcp.parse(bytes(named) + bytes(gone)) == rtcp.parse(data)


@given(
    st.text("0123456789*#ABCD", min_size=1, max_size=4),
    st.sampled_from([8000, 48000]),
    st.sampled_from([10, 20, 40]),
)
def test_aiortc_reads_the_telephone_events_that_we_send(
    digits: str, clock_rate: int, ptime: int
) -> None:
    audio = Format(
        encoding="PCMU",
        payload_type=0,
        clock_rate=8000,
        sample_rate=8000,
        ptime=ptime,
        event_payload_type=101,
        event_clock_rate=clock_rate,
    )
    downlink = Downlink(audio, stats=StreamStats(), now=0.0)
    downlink.dial(digits)
    read: list[tuple[int, int, bool, bytes]] = []
    numbers = set()
    while downlink.digits.busy:
        packet = downlink.poll(downlink.pacer.wake)
        if packet is None:
            continue
        oracle = aiortc.RtpPacket.parse(packet)
        assert oracle.serialize() == packet
        assert oracle.ssrc == downlink.numbering.ssrc
        numbers.add(oracle.sequence_number)
        if oracle.payload_type == 101:
            marker, payload = bool(oracle.marker), oracle.payload
            read.append((oracle.sequence_number, oracle.timestamp, marker, payload))
    assert len(numbers) == downlink.stats.ticks
    events = {timestamp: payload for _, timestamp, _, payload in read}
    assert "".join(DIGITS[payload[0]] for payload in events.values()) == digits
    assert [marker for *_, marker, _ in read].count(True) == len(digits)
    receiver = DigitReceiver()
    heard = [receiver.receive(payload, timestamp) for _, timestamp, _, payload in read]
    assert "".join(filter(None, heard)) == digits


@given(uint32, uint32, st.binary(min_size=4, max_size=8), st.booleans(), st.integers(1, 8))
def test_a_telephone_event_that_aiortc_writes_is_the_digit_that_it_holds(
    timestamp: int, ssrc: int, payload: bytes, marker: bool, padding: int
) -> None:
    oracle = aiortc.RtpPacket(
        payload_type=101,
        marker=int(marker),
        sequence_number=timestamp & 0xFFFF,
        timestamp=timestamp,
        ssrc=ssrc,
        payload=payload,
    )
    oracle.padding_size = padding
    packet = RtpPacket.parse(oracle.serialize())
    assert (packet.payload_type, packet.timestamp, packet.marker) == (101, timestamp, marker)
    assert packet.payload == payload
    digit = DigitReceiver().receive(packet.payload, packet.timestamp)
    assert digit == (DIGITS[payload[0]] if payload[0] < 16 else None)


@given(streams, st.integers(0, 5000))
def test_aiortc_reads_every_compound_packet_of_a_stream_to_its_goodbye(
    stream: Reported, sent: int
) -> None:
    reports = Reports(stats=StreamStats(sent=sent, sent_bytes=160 * sent))
    for data in (reports.write(stream, 1 << 40), reports.write_bye(stream, 2 << 40)):
        report, named, *gone = aiortc.RtcpPacket.parse(data)
        assert b"".join(map(bytes, (report, named, *gone))) == data
        assert report.ssrc == named.chunks[0].ssrc == stream.ssrc
        assert isinstance(report, aiortc.RtcpSrPacket if sent else aiortc.RtcpRrPacket)
        assert [block.ssrc for block in report.reports] == (
            [] if stream.peer is None else [stream.peer]
        )
        assert [each.sources for each in gone] in ([], [[stream.ssrc]])
        assert rtcp.serialize(*rtcp.parse(data)) == data
    assert gone
