import struct

import pytest

from bridge.media.gain import with_gain


def heard(decibels: float, *samples: int) -> tuple[int, ...]:
    out: list[bytes] = []
    with_gain(out.append, decibels)(struct.pack(f"<{len(samples)}h", *samples))
    return struct.unpack(f"<{len(samples)}h", b"".join(out))


def test_no_gain_is_the_callback_itself() -> None:
    out: list[bytes] = []
    take = out.append
    assert with_gain(take, 0) is take


@pytest.mark.parametrize(("decibels", "factor"), [(6, 1.995), (-6, 0.501), (-20, 0.1), (20, 10)])
def test_a_gain_is_in_decibels_of_amplitude(decibels: float, factor: float) -> None:
    (louder,) = heard(decibels, 1000)
    assert louder == pytest.approx(1000 * factor, abs=1)


def test_what_is_too_loud_is_clipped_and_not_wrapped() -> None:
    assert heard(20, 30000, -30000) == (32767, -32768)
