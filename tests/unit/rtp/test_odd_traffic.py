"""Captures of odd traffic, played through a receiver in virtual time."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rtp.format import Format
from rtp.latch import Address, Latch
from rtp.receiver import Receiver
from rtp.stats import StreamStats
from rtp.uplink import Uplink
from tests.support.capture import read
from tests.support.odd_traffic import FOLDER, ODDITIES, RTP, captures

PCMU = Format(
    encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, event_payload_type=101
)
CALLER: Address = ("192.0.2.1", 4000)
SIPP = Path("/usr/share/sip-tester")


@dataclass
class Heard:
    """What came of a capture."""

    stats: StreamStats = field(default_factory=StreamStats)
    digits: str = ""
    pcm: bytearray = field(default_factory=bytearray)
    rtcp: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    def press(self, digit: str) -> None:
        self.digits += digit


def play(path: Path) -> Heard:
    """Receive a capture as it was captured; silence is filled in up to its end."""
    heard = Heard()
    uplink = Uplink(PCMU, on_pcm=heard.pcm.extend, stats=heard.stats, now=0.0)
    receiver = Receiver(
        PCMU,
        latch=Latch(CALLER, silence_s=2.0),
        uplink=uplink,
        stats=heard.stats,
        on_digit=heard.press,
        on_rtcp=lambda data, _: heard.rtcp.append(data),
    )
    now = 0.0
    for each in read(path):
        while now + 0.02 <= each.at:
            now += 0.02
            uplink.expire(now)
            uplink.tick(now)
        receiver.take(each.data, CALLER, each.at)
        heard.seconds = each.at
    for step in range(1, 26):
        uplink.expire(heard.seconds + step * 0.02)
        uplink.tick(heard.seconds + step * 0.02)
    heard.seconds += 0.5
    return heard


DIGITS = {
    "lost-start": "3",
    "lost-end": "34",
    "no-marker": "5",
    "volume-0": "6",
    "clock-of-48-khz": "7",
    "same-key-twice": "11",
    "frozen-timestamp": "12",
    "overlapping-events": "89",
    "duplicates": "2",
}


def test_the_captures_are_those_that_their_names_promise() -> None:
    assert {path.stem for path in FOLDER.glob("*.pcap")} == set(ODDITIES)
    for name, sent in captures():
        kept = read(FOLDER / f"{name}.pcap")
        assert [(each.port, each.data) for each in kept] == [(e.port, e.data) for e in sent]
        assert {each.port for each in kept} == {RTP}


@pytest.mark.parametrize("name", ODDITIES)
def test_each_digit_comes_once_and_there_is_a_second_of_audio_for_each_second(name: str) -> None:
    heard = play(FOLDER / f"{name}.pcap")
    assert heard.digits == DIGITS.get(name, "")
    assert heard.stats.digits == len(heard.digits)
    assert abs(len(heard.pcm) / 16000 - heard.seconds) < 0.05
    assert heard.stats.strangers == 0


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("volume-0", {}),
        ("truncated-event", {"invalid": 1}),
        ("duplicates", {"duplicates": 5}),
        ("ssrc-change", {"resyncs": 1}),
        ("comfort-noise", {}),
        ("padding-extension-and-sources", {}),
        ("keepalives", {"invalid": 3}),
        ("rtcp-on-the-port-of-rtp", {}),
        ("lost-start", {"lost": 6}),
        ("lost-end", {"lost": 11}),
    ],
)
def test_what_is_odd_has_its_counter_and_no_other_moves(name: str, counted: dict[str, int]) -> None:
    stats = play(FOLDER / f"{name}.pcap").stats
    names = ("invalid", "lost", "late", "duplicates", "reordered", "resyncs", "excess")
    moved = {each: getattr(stats, each) for each in names}
    assert {each: count for each, count in moved.items() if count} == counted


def test_rtcp_among_rtp_is_handed_over() -> None:
    assert len(play(FOLDER / "rtcp-on-the-port-of-rtp.pcap").rtcp) == 1


@pytest.mark.skipif(not SIPP.is_dir(), reason="SIPp (Debian: sip-tester) is not installed")
@pytest.mark.parametrize("key", [*"0123456789", "star", "pound"])
def test_sipps_captures_are_one_digit_each(key: str) -> None:
    """The end of each event comes three times under one sequence number."""
    heard = play(SIPP / f"dtmf_2833_{key}.pcap")
    assert heard.digits == {"star": "*", "pound": "#"}.get(key, key)
    assert heard.stats.invalid == heard.stats.unexpected == 0
