import struct

import pytest

from rtp.dtmf import DigitReceiver


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
