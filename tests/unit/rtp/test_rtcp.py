import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp import rtcp

uint32 = st.integers(0, 0xFFFFFFFF)

receptions = st.builds(
    rtcp.Reception,
    ssrc=uint32,
    fraction_lost=st.integers(0, 255).map(lambda n: n / 256),
    lost=st.integers(-0x800000, 0x7FFFFF),
    highest=uint32,
    jitter=uint32,
    last_report=uint32,
    delay=uint32,
)
several = st.lists(receptions, max_size=31).map(tuple)
packets = st.lists(
    st.builds(
        rtcp.Report,
        ssrc=uint32,
        ntp=st.integers(0, 0xFFFFFFFFFFFFFFFF),
        timestamp=uint32,
        packets=uint32,
        octets=uint32,
        receptions=several,
    )
    | st.builds(rtcp.Report, ssrc=uint32, receptions=several)
    | st.builds(
        rtcp.SourceDescription,
        ssrc=uint32,
        cname=st.text(st.characters(codec="ascii"), max_size=255),
    )
    | st.builds(rtcp.Bye, sources=st.lists(uint32, max_size=31).map(tuple)),
    min_size=1,
    max_size=4,
)


@given(packets)
def test_a_compound_packet_survives_the_wire(compound: list[rtcp.Packet]) -> None:
    wire = rtcp.serialize(*compound)
    assert len(wire) % 4 == 0
    assert rtcp.parse(wire) == compound


def test_a_sender_report_has_the_octets_of_the_rfc() -> None:
    block = rtcp.Reception(
        ssrc=0x22222222,
        fraction_lost=0.25,
        lost=-1,
        highest=0x10005,
        jitter=7,
        last_report=8,
        delay=9,
    )
    report = rtcp.Report(
        ssrc=0x11111111,
        ntp=0x0102030405060708,
        timestamp=3,
        packets=4,
        octets=5,
        receptions=(block,),
    )
    assert rtcp.serialize(report) == bytes.fromhex(
        "81c8000c 11111111 0102030405060708 00000003 00000004 00000005"
        "22222222 40ffffff 00010005 00000007 00000008 00000009"
    )


def test_packets_of_other_types_are_passed_over() -> None:
    extended_report = struct.pack("!BBHI", 0x80, 207, 1, 7)
    bye = rtcp.Bye(sources=(7,))
    assert rtcp.parse(extended_report + rtcp.serialize(bye)) == [bye]


def test_description_items_other_than_the_name_are_passed_over() -> None:
    items = struct.pack("!IBB4sBB3s", 7, 2, 4, b"Anna", 1, 3, b"a@b") + b"\0"
    items += bytes(-len(items) % 4)
    wire = struct.pack("!BBH", 0x81, 202, len(items) // 4) + items
    assert rtcp.parse(wire) == [rtcp.SourceDescription(ssrc=7, cname="a@b")]


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ("", "empty"),
        ("80c9", "within a packet header"),
        ("40c90001 00000001", "version is 1"),
        ("80c90002 00000001", "longer than its datagram"),
        ("81c90001 00000001", "within its blocks"),
        ("80c80001 00000001", "within its blocks"),
        ("80c90000", "within its blocks"),
        ("82cb0001 00000001", "within its sources"),
        ("81ca0000", "within a source"),
        ("81ca0001 00000001", "has no end"),
        ("81ca0002 00000001 01ff4142", "within an item"),
        ("81ca0002 00000001 00000001", None),
    ],
)
def test_octets_that_are_no_rtcp_are_refused(wire: str, message: str | None) -> None:
    if message is None:
        assert rtcp.parse(bytes.fromhex(wire)) == []
        return
    with pytest.raises(ValueError, match=message):
        rtcp.parse(bytes.fromhex(wire))
