import itertools
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from rtp.conceal import Concealer, Following
from tests.support.tones import strength, tone

RATE = 8000
FRAME = 160
SPEECH = Path("/usr/share/asterisk/sounds/en_US_f_Allison")

Samples = npt.NDArray[np.float64]


def samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def frames(pcm: bytes) -> Iterator[bytes]:
    for start in range(0, len(pcm) - 2 * FRAME + 1, 2 * FRAME):
        yield pcm[start : start + 2 * FRAME]


def with_losses(pcm: bytes, lost: set[int]) -> bytes:
    """The PCM as it goes up when these frames of it are lost."""
    concealer, result, after_loss = Concealer(RATE), [], False
    for number, frame in enumerate(frames(pcm)):
        if number in lost:
            result.append(concealer.conceal(FRAME))
        else:
            result.append(concealer.resume(frame) if after_loss else frame)
            concealer.settle()
            concealer.history.append(frame)
        after_loss = number in lost
    return b"".join(result)


def with_gaps_between(pcm: bytes, lost: set[int]) -> bytes:
    """The same when each gap is filled with what follows it in hand."""
    concealer, result, gap = Concealer(RATE), [], 0
    for number, frame in enumerate(frames(pcm)):
        if number in lost:
            gap += FRAME
            continue
        if gap:
            result.append(concealer.conceal(gap, Following(frame, bytes)))
            assert concealer.resume(frame) == frame
            concealer.settle()
            gap = 0
        result.append(frame)
        concealer.remember(frame)
    return b"".join(result)


def after(pcm: bytes) -> Concealer:
    concealer = Concealer(RATE)
    for frame in frames(pcm):
        concealer.history.append(frame)
    return concealer


@pytest.mark.parametrize("frequency", [80, 130, 210, 333])
def test_a_steady_voice_goes_on_through_a_lost_frame(frequency: float) -> None:
    wave_ = tone(frequency, 0.4)
    repaired = samples(with_losses(wave_, {10}))
    error = repaired - samples(wave_)[: len(repaired)]
    lost = slice(10 * FRAME, 10 * FRAME + 80)
    assert np.sqrt(np.mean(error[lost] ** 2)) < 0.15 * 0.5 * 32767


@pytest.mark.parametrize("repair", [with_losses, with_gaps_between])
@pytest.mark.parametrize("lost", [{10}, {10, 11}, {10, 11, 12, 13}, {10, 12}])
@pytest.mark.parametrize("frequency", [97, 180, 310])
def test_no_edge_of_an_invented_frame_clicks(
    frequency: float, lost: set[int], repair: Callable[[bytes, set[int]], bytes]
) -> None:
    wave_ = tone(frequency, 0.4)
    steepest = np.abs(np.diff(samples(wave_))).max()
    repaired = samples(repair(wave_, lost))
    assert np.abs(np.diff(repaired)).max() <= 1.6 * steepest


def test_a_gap_between_two_pitches_leads_from_the_one_to_the_other() -> None:
    before, following = tone(200, 0.2), tone(400, 0.2)
    invented = after(before).conceal(2 * FRAME, Following(following, bytes))
    first, last = invented[:FRAME], invented[-FRAME:]
    assert strength(first, 200) > 2 * strength(first, 400)
    assert strength(last, 400) > 2 * strength(last, 200)


def test_a_gap_of_which_the_start_has_gone_up_is_joined_all_the_same() -> None:
    voice = tone(180, 0.4)
    concealer = after(voice[: 20 * FRAME])
    started = concealer.conceal(FRAME)
    rest = concealer.conceal(FRAME, Following(voice[24 * FRAME :], bytes))
    joined = samples(voice[: 20 * FRAME] + started + rest + voice[24 * FRAME :])
    assert np.abs(np.diff(joined)).max() <= 1.6 * np.abs(np.diff(samples(voice))).max()


def test_after_silence_a_gap_before_speech_fades_in() -> None:
    concealer = after(bytes(20 * FRAME))
    invented = samples(concealer.conceal(FRAME, Following(tone(180, 0.02), bytes)))
    assert np.abs(invented[:40]).max() < 0.3 * np.abs(invented[-40:]).max()


def test_a_following_frame_too_short_to_show_a_period_is_blended_into() -> None:
    concealer = after(tone(180, 0.2))
    short = tone(180, 0.01)
    assert len(concealer.conceal(FRAME, Following(short, bytes))) == 2 * FRAME
    assert concealer.resume(short) != short


def test_the_packet_after_a_gap_is_decoded_once_and_only_when_it_is_asked_for() -> None:
    asked = []
    following = Following(b"payload", lambda payload: asked.append(payload) or b"pcm")  # type: ignore[func-returns-value]
    assert not asked
    assert following.pcm == following.pcm == b"pcm"
    assert asked == [b"payload"]


def test_invention_fades_and_is_silent_from_60_ms_on() -> None:
    concealer = after(tone(180, 0.2))
    loudness = [np.abs(samples(concealer.conceal(FRAME // 2))).max() for _ in range(8)]
    assert loudness[0] > 0.45 * 32767
    assert all(later <= earlier for earlier, later in itertools.pairwise(loudness))
    assert loudness[6:] == [0, 0]
    assert concealer.spent


def test_noise_without_a_period_is_kept_quieter_than_a_voice() -> None:
    noise = (np.random.default_rng(1).standard_normal(1600) * 3000).astype("<i2").tobytes()
    level = np.std(samples(after(noise).conceal(FRAME)))
    assert 0.3 * 3000 < level < 0.9 * 3000


def test_without_a_past_there_is_silence() -> None:
    concealer = Concealer(RATE)
    assert concealer.spent
    assert concealer.conceal(FRAME) == bytes(2 * FRAME)


def test_a_forgotten_past_is_not_repeated() -> None:
    concealer = after(tone(180, 0.2))
    concealer.reset()
    assert concealer.spent
    assert concealer.conceal(FRAME) == bytes(2 * FRAME)


def test_a_frame_after_good_ones_is_left_as_it_is() -> None:
    concealer = after(tone(180, 0.2))
    frame = tone(500, 0.02)
    assert concealer.resume(frame) == frame


def test_full_scale_does_not_overflow() -> None:
    square = np.tile(np.repeat(np.array([32767, -32768], "<i2"), 25), 40).tobytes()
    repaired = samples(with_losses(square, {10, 15}))
    assert repaired.max() <= 32767
    assert repaired.min() >= -32768


@pytest.mark.parametrize("rate", [16000, 48000])
def test_any_sample_rate_is_concealed(rate: int) -> None:
    concealer = Concealer(rate)
    size = rate // 50
    pcm = tone(150, 0.1, sample_rate=rate)
    concealer.history.append(pcm[: 2 * size])
    assert len(concealer.conceal(size)) == 2 * size
    assert not concealer.spent


def _recordings() -> list[Path]:
    return sorted(SPEECH.glob("*.wav"))[:60]


def _signal_to_error(repair: Callable[[bytes, set[int]], bytes]) -> float:
    """Mean over the lost frames of recorded speech, dB; silence in their place makes 0."""
    ratios = []
    for path in _recordings():
        with wave.open(str(path)) as recording:
            pcm = recording.readframes(recording.getnframes())
        count = len(pcm) // (2 * FRAME)
        lost = set(range(7, count - 1, 20))
        original = samples(pcm)[: count * FRAME].reshape(count, FRAME)
        repaired = samples(repair(pcm, lost)).reshape(count, FRAME)
        for number in lost:
            power = np.mean(original[number] ** 2)
            if power > 100**2:
                error = np.mean((original[number] - repaired[number]) ** 2)
                ratios.append(float(np.clip(10 * np.log10(power / (error + 1)), -10, 35)))
    assert len(ratios) > 100
    return float(np.mean(ratios))


@pytest.mark.skipif(not _recordings(), reason="needs asterisk-core-sounds-en-wav in /usr/share")
def test_recorded_speech_is_nearer_to_itself_than_with_silence_in_its_gaps() -> None:
    one_sided = _signal_to_error(with_losses)
    assert one_sided > 1.5
    assert _signal_to_error(with_gaps_between) > one_sided + 1.5
