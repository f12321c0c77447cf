"""What goes up for the time between packets, and which of them come too late for theirs."""

import pytest

from tests.unit.rtp.test_uplink import CODEC, SSRC, Caller, levels, payload


def test_each_lost_frame_is_concealed_by_one_frame() -> None:
    caller = Caller()
    caller.tick(until=2.0)
    caller.stream([number for number in range(100) if number % 10 != 7])
    caller.time.run(2.0)
    assert caller.stats.lost == caller.stats.concealed == 10
    assert caller.stats.filled == 0
    assert caller.seconds == pytest.approx(2.0)


def test_frames_lost_in_a_row_are_concealed_together() -> None:
    caller = Caller()
    caller.tick(until=1.0)
    caller.stream([number for number in range(50) if number not in (20, 21)])
    caller.time.run(1.0)
    assert caller.stats.concealed == 2
    assert caller.seconds == pytest.approx(1.0)


def test_a_lost_packet_of_another_ptime_costs_its_own_length() -> None:
    caller = Caller()
    caller.tick(until=3.0)
    caller.stream([number for number in range(100) if number != 40], ptime=30)
    caller.time.run(3.0)
    assert caller.stats.concealed == 1
    assert caller.seconds == pytest.approx(3.0)


def test_silence_goes_up_though_no_packet_ever_came() -> None:
    caller = Caller()
    caller.tick(until=3.0)
    caller.time.run(3.0)
    assert caller.seconds == pytest.approx(3.0, abs=0.021)
    assert not any(caller.pcm)
    assert caller.stats.filled == len(caller.heard)


def test_when_rtp_stops_silence_catches_up_and_goes_on() -> None:
    caller = Caller()
    caller.tick(until=5.0)
    caller.stream(range(50))
    caller.time.run(1.04)
    assert caller.seconds == pytest.approx(1.0)
    caller.time.run(1.10)
    assert caller.seconds == pytest.approx(1.10, abs=0.021)
    caller.time.run(5.0)
    assert caller.seconds == pytest.approx(5.0, abs=0.021)
    assert not any(caller.pcm[-16000:])


def test_a_gap_in_timestamps_alone_is_silence_not_loss() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    for number in range(100):
        spoken = number if number < 50 else number + 60
        caller.time.at(
            spoken * 0.02,
            lambda n=number, s=spoken: caller.deliver(n, s * 160, payload(n), marker=n == 50),  # type: ignore[misc]
        )
    caller.time.run(3.25)
    assert caller.stats.lost == caller.stats.concealed == caller.stats.late == 0
    assert levels(range(50, 100)) == caller.levels[-50:]
    assert caller.seconds == pytest.approx(3.2, abs=0.03)


def test_speech_after_dtx_goes_up_as_it_came() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    caller.stream(range(50))
    for number in range(50):
        spoken = 110 + number
        caller.time.at(
            spoken * 0.02,
            lambda n=number, s=spoken: caller.deliver(  # type: ignore[misc]
                150 + n, 5000 + s * 160, payload(n)
            ),
        )
    caller.time.run(4.0)
    expected = b"".join(CODEC.decode(payload(number)) for number in range(50))
    assert expected in caller.pcm


def test_comfort_noise_lets_silence_begin_without_waiting() -> None:
    caller = Caller()
    caller.tick(until=2.0)
    caller.stream(range(50))
    caller.time.at(1.0, lambda: caller.uplink.skip(150, SSRC, caller.time.now, comfort_noise=b""))
    caller.time.run(1.041)
    assert caller.seconds == pytest.approx(1.04)
    assert not any(caller.pcm[50 * 320 :])
    assert caller.stats.lost == 0


def test_a_backlog_that_comes_after_silence_has_been_filled_is_dropped() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    caller.stream(range(50))
    for number in range(50, 75):
        caller.time.at(1.5, lambda n=number: caller.send(n))  # type: ignore[misc]
    caller.stream(range(75, 150))
    caller.time.run(3.0)
    assert caller.stats.late >= 23
    assert caller.levels[-75:] == levels(range(75, 150))
    assert caller.seconds == pytest.approx(3.0, abs=0.05)


def test_a_sender_that_paused_its_clock_is_followed_again_soon() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    caller.stream(range(50))
    for number in range(50, 100):
        caller.time.at(number * 0.02 + 1.0, lambda n=number: caller.send(n))  # type: ignore[misc]
    caller.time.run(3.0)
    assert caller.stats.late <= 5
    assert caller.stats.resyncs == 1
    assert caller.levels[-45:] == levels(range(55, 100))


def test_a_marked_talkspurt_corrects_a_small_misalignment() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    caller.stream(range(50))
    for number in range(20):
        caller.time.at(
            2.07 + number * 0.02,
            lambda n=number: caller.deliver(  # type: ignore[misc]
                150 + n, 5000 + (100 + n) * 160, payload(n), marker=n == 0
            ),
        )
    caller.time.run(2.5)
    assert caller.stats.late == 0
    assert caller.levels[-20:] == levels(range(20))


def test_silence_of_our_own_stall_is_bounded() -> None:
    caller = Caller()
    caller.time.now = 3600.0
    caller.uplink.tick(3600.0)
    assert caller.seconds == 0
    caller.uplink.tick(3600.1)
    assert caller.seconds == pytest.approx(0.1, abs=0.021)


@pytest.mark.parametrize("step", [0, 80, 320])
def test_timestamps_that_step_wrongly_change_nothing_in_the_sound(step: int) -> None:
    caller = Caller()
    caller.tick(until=10.0)
    for number in range(500):
        caller.time.at(
            number * 0.02,
            lambda n=number: caller.deliver(n, n * step, payload(n)),  # type: ignore[misc]
        )
    caller.time.run(10.0)
    spoken = [heard for heard in caller.levels if heard]
    assert len(spoken) >= 495
    assert caller.seconds == pytest.approx(10.0, abs=0.1)


def test_broken_payloads_after_a_loss_make_no_more_audio_than_time_has_passed() -> None:
    caller = Caller()
    caller.tick(until=2.0)
    caller.stream([*range(50), *range(65, 100)])
    for number in range(52, 65):
        caller.time.at(
            number * 0.02,
            lambda n=number: caller.deliver(100 + n, 5000 + n * 160, bytes(1601)),  # type: ignore[misc]
        )
    caller.time.run(1.999)
    assert caller.stats.invalid == 13
    assert caller.seconds == pytest.approx(2.0, abs=0.03)
    assert caller.levels[-34:] == levels(range(66, 100))


def test_a_broken_payload_is_concealed_as_a_lost_one_is() -> None:
    caller = Caller()
    caller.tick(until=2.0)
    caller.stream([*range(50), *range(51, 100)])
    caller.time.at(1.0, lambda: caller.deliver(150, 13_000, bytes(1601)))
    caller.time.run(1.999)
    assert (caller.stats.concealed, caller.stats.filled) == (1, 0)
    assert caller.seconds == pytest.approx(2.0)


def test_a_broken_payload_in_silence_leaves_the_next_word_whole() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    caller.stream(range(50))
    caller.time.at(1.5, lambda: caller.deliver(150, 5000 + 75 * 160, bytes(1601)))
    for number in range(20):
        caller.time.at(
            2.07 + number * 0.02,
            lambda n=number: caller.deliver(151 + n, 5000 + (100 + n) * 160, payload(n)),  # type: ignore[misc]
        )
    caller.time.run(2.5)
    assert caller.stats.late == 0
    assert caller.levels[-20:] == levels(range(20))
