import struct
from dataclasses import replace

import pytest

from rtp.dtmf import DIGITS_CAPACITY, DigitReceiver, DigitSender, Keyed, Rhythm, dialled
from rtp.format import Format


def event(code: int, duration: int, *, end: bool = False, volume: int = 10) -> bytes:
    return struct.pack("!BBH", code, (0x80 if end else 0) | volume, duration)


def press(code: int) -> list[bytes]:
    """A key held for 100 ms: five packets, the end three times."""
    held = [event(code, duration) for duration in (160, 320, 480, 640)]
    return held + [event(code, 800, end=True)] * 3


def receive(*packets: tuple[bytes, int]) -> str:
    receiver = DigitReceiver()
    return "".join(receiver.receive(payload, at) or "" for payload, at in packets)


@pytest.mark.parametrize(("code", "digit"), [(0, "0"), (9, "9"), (10, "*"), (11, "#"), (15, "D")])
def test_a_key_press_is_one_digit(code: int, digit: str) -> None:
    assert receive(*((payload, 1600) for payload in press(code))) == digit


def test_a_key_pressed_twice_is_two_digits() -> None:
    packets = [(payload, at) for at in (1600, 4000) for payload in press(5)]
    assert receive(*packets) == "55"


def test_a_lost_start_still_tells_the_digit() -> None:
    assert receive((event(3, 800, end=True), 1600)) == "3"


def test_a_lost_end_still_tells_the_digit() -> None:
    assert receive(*((payload, 1600) for payload in press(3)[:2]), (event(4, 160), 4000)) == "34"


def test_the_end_of_one_key_after_the_start_of_the_next_tells_neither_again() -> None:
    packets = [(event(1, 160), 1600), (event(2, 160), 4000)]
    packets += [(event(1, 800, end=True), 1600), (event(2, 320), 4000)]
    assert receive(*packets) == "12"


def test_a_key_held_beyond_the_longest_duration_is_one_digit() -> None:
    first, second = 1600, (1600 + 0xFFFF) & 0xFFFFFFFF
    packets = [(event(7, 160), first), (event(7, 0xFFFF), first), (event(7, 800), second)]
    assert receive(*packets) == "7"


def test_volume_0_is_a_digit_like_any_other() -> None:
    assert receive((event(6, 160, volume=0), 1600)) == "6"


@pytest.mark.parametrize("code", [16, 36, 255])
def test_events_that_are_no_digits_are_passed_over(code: int) -> None:
    assert receive((event(code, 160), 1600)) == ""


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_payload_shorter_than_an_event_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="shorter than 4"):
        DigitReceiver().receive(bytes(length), 0)


PCMU = Format(
    encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, event_payload_type=101
)


def slots(digits: str, audio: Format = PCMU) -> list[Keyed | None]:
    """What each slot holds until all is sent."""
    sender = DigitSender(audio)
    sender.dial(digits)
    sent: list[Keyed | None] = []
    while sender.busy:
        sent.append(sender.take(len(sent)))
    return sent


def test_a_digit_is_a_start_updates_and_three_ends_then_a_pause() -> None:
    sent = slots("5")
    packets = [keyed for keyed in sent if keyed is not None]
    assert [keyed.slots for keyed in packets] == [1, 2, 3, 4, 5, 5, 5]
    assert [keyed.end for keyed in packets] == [False] * 4 + [True] * 3
    assert {(keyed.code, keyed.began) for keyed in packets} == {(5, 0)}
    assert sent[7:] == [None] * 3


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_every_digit_sent_is_received_once_at_any_ptime(ptime: int) -> None:
    audio = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, ptime=ptime)
    ticks = 8 * ptime
    packets = [
        (keyed.payload(ticks), keyed.began * ticks)
        for keyed in slots("0123456789*#ABCD1122", audio)
        if keyed is not None
    ]
    assert receive(*packets) == "0123456789*#ABCD1122"
    ends = {at: payload for payload, at in packets if payload[1] & 0x80}
    assert all(100 <= int.from_bytes(end[2:]) / 8 <= 160 for end in ends.values())


def test_a_packet_states_volume_and_a_duration_in_the_events_own_clock() -> None:
    first = slots("#")[0]
    assert first is not None
    assert struct.unpack("!BBH", first.payload(960)) == (11, 10, 960)


def test_w_waits_half_a_second_and_a_comma_two() -> None:
    assert slots("w").count(None) * 20 == 500
    assert slots(",").count(None) * 20 == 2000
    sent = slots("1W,2")
    second = next(i for i, keyed in enumerate(sent) if keyed is not None and keyed.code == 2)
    assert second * 20 == 200 + 500 + 2000


def test_slots_skipped_in_a_stall_make_a_digit_longer_and_never_lose_it() -> None:
    sender = DigitSender(PCMU)
    sender.dial("7")
    taken = [sender.take(slot) for slot in (10, 50, 51, 52, 53, 54, 55)]
    packets = [keyed for keyed in taken if keyed is not None]
    assert [keyed.slots for keyed in packets] == [1, 41, 42, 43, 44, 44, 44]
    assert {keyed.began for keyed in packets} == {10}


def test_speech_is_muted_by_digits_and_not_by_waits() -> None:
    sender = DigitSender(PCMU)
    sender.dial("w1")
    muted = []
    while sender.busy:
        muted.append(sender.muting)
        sender.take(len(muted))
    assert muted == [False] * 25 + [True] * 10


def test_a_digit_begun_is_not_begun_again_under_another_format() -> None:
    sender = DigitSender(PCMU)
    sender.dial("12")
    sender.take(0)
    sender.reformat(PCMU)
    after = sender.take(0)
    assert after is not None
    assert (after.code, after.frame) == (2, 0)


@pytest.mark.parametrize(("ptime", "tone", "span"), [(20, 13, 31), (30, 9, 21), (10, 25, 60)])
def test_digits_sound_and_pause_as_long_as_asked(ptime: int, tone: int, span: int) -> None:
    sender = DigitSender(replace(PCMU, ptime=ptime))
    sender.dial("12", Rhythm(tone_ms=250, pause_ms=350))
    sent = [sender.take(slot) for slot in range(2 * span)]
    assert not sender.busy
    for began in (0, span):
        keyed = [each for each in sent[began : began + span] if each is not None]
        assert sum(each.sounding for each in keyed) == tone
        assert {each.began for each in keyed} == {began}
        assert keyed[-1].slots == tone


@pytest.mark.parametrize("odd", [{"tone_ms": 39}, {"tone_ms": 1001}, {"pause_ms": 10}])
def test_a_rhythm_that_nobody_could_hear_is_an_error(odd: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        Rhythm(**odd)


@pytest.mark.parametrize("digits", ["", "12x", "+44", "1 2", "\u0661", "1" * (DIGITS_CAPACITY + 1)])
def test_what_is_no_digit_is_refused_without_being_repeated(digits: str) -> None:
    with pytest.raises(ValueError) as refused:
        dialled(digits)
    assert not digits or digits not in str(refused.value)


def test_digits_waiting_to_be_sent_are_bounded() -> None:
    sender = DigitSender(PCMU)
    sender.dial("1" * DIGITS_CAPACITY)
    with pytest.raises(ValueError, match="wait"):
        sender.dial("1")
