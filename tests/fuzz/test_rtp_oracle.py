"""aiortc reads and writes the same packets as we do, octet for octet."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtp import rtcp
from rtp.packet import RtpPacket

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


@settings(deadline=None)
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


@settings(deadline=None)
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


@settings(deadline=None)
@given(reports)
def test_aiortc_reads_and_writes_our_sender_reports(report: rtcp.Report) -> None:
    data = rtcp.serialize(report)
    (oracle,) = aiortc.RtcpPacket.parse(data)
    assert (oracle.ssrc, oracle.sender_info.ntp_timestamp) == (report.ssrc, report.ntp)
    assert oracle.sender_info.rtp_timestamp == report.timestamp
    assert [block.ssrc for block in oracle.reports] == [block.ssrc for block in report.receptions]
    assert bytes(oracle) == data
    assert rtcp.parse(bytes(oracle)) == [report]


@settings(deadline=None)
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
