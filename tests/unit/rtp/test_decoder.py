"""Payloads made sound, or sent on; the codec knows what it missed before it is heard again."""

import pytest

from rtp.codec import codec_for
from rtp.decoder import Decoder
from rtp.downlink import Downlink
from rtp.format import Format
from rtp.relay import Relay
from rtp.stats import StreamStats
from tests.support.tones import CALLER, tone
from tests.unit.rtp.test_uplink import Caller, levels

G722 = Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000)


def payloads() -> list[bytes]:
    """A tone of half a second in frames of 20 ms."""
    codec, pcm = codec_for(G722), tone(CALLER, 0.5, sample_rate=16000)
    return [codec.encode(pcm[at : at + 640]) for at in range(0, len(pcm), 640)]


def relaying() -> Decoder:
    """A decoder whose payloads are sent on, and nobody listens."""
    decoder = Decoder(G722, stats=StreamStats())
    there = Downlink(G722, stats=StreamStats(), now=0.0)
    decoder.connect(Relay(G722, there, send=lambda packet, now: None))
    decoder.listened = False
    return decoder


@pytest.mark.parametrize("octets", [b"", bytes(1601)])
def test_a_payload_of_impossible_length_is_counted_and_dropped(octets: bytes) -> None:
    caller = Caller()
    caller.send(0)
    caller.deliver(101, 5160, octets)
    assert caller.levels == levels([0])
    assert caller.stats.invalid == 1


def test_what_nobody_listens_to_has_its_length_and_no_sound() -> None:
    decoder = relaying()
    for number, payload in enumerate(payloads()):
        assert decoder.pass_on(number * 160, payload, number * 0.02, marker=False) == 160


def test_without_a_relay_nothing_is_sent_on() -> None:
    decoder = Decoder(G722, stats=StreamStats())
    decoder.listened = False
    assert decoder.pass_on(0, payloads()[0], 0.0, marker=False) == 0


@pytest.mark.parametrize("disconnected", [True, False])
def test_whoever_begins_to_listen_hears_a_codec_that_has_heard_the_last_payloads(
    *, disconnected: bool
) -> None:
    said = payloads()
    plain = codec_for(G722)
    expected = [plain.decode(payload) for payload in said[16 if disconnected else 17 : 21]]
    decoder = relaying()
    for number in range(20):
        decoder.pass_on(number * 160, said[number], number * 0.02, marker=False)
    if disconnected:
        decoder.connect(None)
    else:
        decoder.listened = True
    assert decoder.pass_on(20 * 160, said[20], 0.4, marker=False) == 0
    assert decoder.decode(said[20]) == expected[-1]


def test_a_payload_that_is_too_long_is_missed_by_the_other_side() -> None:
    decoder = relaying()
    assert decoder.pass_on(0, bytes(1601), 0.0, marker=False) == 0
