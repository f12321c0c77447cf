import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.packet import RtpPacket, is_rtcp, sequence_distance, timestamp_distance

uint16 = st.integers(0, 0xFFFF)
uint32 = st.integers(0, 0xFFFFFFFF)

packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=uint16,
    timestamp=uint32,
    ssrc=uint32,
    payload=st.binary(max_size=40),
    marker=st.booleans(),
    csrc=st.lists(uint32, max_size=15).map(tuple),
    extension=st.none()
    | st.tuples(
        uint16, st.integers(0, 5).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
    ),
    padding=st.integers(0, 255),
)


@given(packets)
def test_a_packet_survives_the_wire(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.serialize()) == packet


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (b"", "shorter than its header"),
        (bytes(11), "shorter than its header"),
        (b"\x00" + bytes(11), "version is 0"),
        (b"\xc0" + bytes(11), "version is 3"),
        (b"\x82" + bytes(15), "within its contributing sources"),
        (b"\x90" + bytes(13), "within its extension header"),
        (b"\x90" + bytes(11) + b"\xbe\xde\x00\x02" + bytes(7), "within its extension"),
        (b"\xa0" + bytes(12), "padding"),
        (b"\xa0" + bytes(11) + b"xx\x04", "padding"),
    ],
)
def test_octets_that_are_no_packet_are_refused(wire: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RtpPacket.parse(wire)


@given(uint16, st.integers(-0x8000, 0x7FFF))
def test_sequence_distance_sees_through_the_wrap(reference: int, distance: int) -> None:
    assert sequence_distance((reference + distance) & 0xFFFF, reference) == distance


@given(uint32, st.integers(-0x80000000, 0x7FFFFFFF))
def test_timestamp_distance_sees_through_the_wrap(reference: int, distance: int) -> None:
    assert timestamp_distance((reference + distance) & 0xFFFFFFFF, reference) == distance


def test_rtcp_on_a_shared_port_is_told_by_its_packet_type() -> None:
    assert is_rtcp(struct.pack("!BBHI", 0x80, 201, 1, 7))
    assert not is_rtcp(struct.pack("!BBHII", 0x80, 0x80 | 101, 1, 2, 3))
    assert not is_rtcp(b"\x80")
