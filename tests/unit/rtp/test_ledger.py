"""The account between a sender's clock and ours, by itself; `test_drift` has it at work."""

import numpy as np
import pytest

from rtp.codec import codec_for, concealment_for
from rtp.conceal import Following
from rtp.format import Format
from rtp.ledger import Ledger
from rtp.stats import StreamStats

PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000)
WIDE = Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000)
FRAME_S = 0.02
WINDOW_S = 10.0
TONE = (8000 * np.sin(np.arange(160) * 2 * np.pi * 200 / 8000)).astype("<i2").tobytes()


class Account:
    """A ledger, and all that it hands up."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.stats = StreamStats()
        concealer = concealment_for(codec_for(PCMU), PCMU.sample_rate)
        self.ledger = Ledger(PCMU, concealer, on_pcm=self.heard.append, stats=self.stats, now=0.0)
        self.now = 0.0

    def speak(self, seconds: float) -> None:
        """Frames by a clock as fast as ours."""
        for _ in range(round(seconds / FRAME_S)):
            self.ledger.speak(TONE, self.now)
            self.now += FRAME_S

    @property
    def ahead_s(self) -> float:
        """Seconds of audio beyond what the clock asks for."""
        return -self.ledger.owed(self.now) / self.ledger.rate

    def loudness(self) -> float:
        """Power of the last frame in dBov."""
        samples = np.frombuffer(self.heard[-1], "<i2") / 32768.0
        return float(10 * np.log10(np.mean(samples**2) + 1e-12))


def test_a_sender_that_stays_ahead_is_brought_back_to_a_tenth_of_a_second() -> None:
    account = Account()
    for _ in range(15):
        account.ledger.speak(TONE, 0.0)
    account.speak(3 * WINDOW_S)
    assert account.ahead_s == pytest.approx(0.3 - 0.015, abs=0.006)  # 5 ms in each window
    account.speak(60 * WINDOW_S)
    assert account.ahead_s == pytest.approx(0.1 - FRAME_S, abs=0.001)


@pytest.mark.parametrize("filled", [False, True])
def test_after_silence_of_ours_the_sender_is_measured_anew(filled: bool) -> None:
    account = Account()
    account.speak(2.5 * WINDOW_S)
    account.now += 1.0
    if filled:
        account.ledger.fill(8000, account.now)
    else:
        account.ledger.catch_up(account.now)
    for _ in range(3):
        account.ledger.speak(TONE, account.now)
    ahead_s = account.ahead_s
    account.speak(5 * WINDOW_S)
    assert account.ahead_s == pytest.approx(ahead_s, abs=1e-6)


def test_silence_of_nothing_leaves_the_measure_as_it_is() -> None:
    account = Account()
    account.speak(2.5 * WINDOW_S)
    account.now -= 0.05
    account.ledger.fill(0, account.now)
    account.speak(2 * WINDOW_S)
    assert account.ahead_s < 0.05 - 0.004


def test_what_is_owed_stays_owed_at_another_rate() -> None:
    account = Account()
    account.speak(1.0)
    account.now += 0.25
    concealer = concealment_for(codec_for(WIDE), WIDE.sample_rate)
    account.ledger.reformat(WIDE, concealer, account.now)
    assert account.ledger.owed(account.now) == pytest.approx(0.25 * 16000, abs=1)


def test_invention_that_was_cut_short_is_not_led_into_what_follows() -> None:
    codec = codec_for(PCMU)
    following = Following(b"\x00" * 160, codec.decode)

    def invented(samples: int, follows: Following | None) -> bytes:
        account = Account()
        account.speak(1.0)
        account.ledger.conceal(samples, 160, account.now, following=follows)
        return b"".join(account.heard[50:])

    assert invented(320, following) != invented(320, None)
    assert invented(8000, following) == invented(8000, None)  # half a second is all there is


def test_speech_after_speech_is_blended_and_after_silence_left_alone() -> None:
    account = Account()
    account.speak(1.0)
    account.now += FRAME_S
    account.ledger.fill(160, account.now)
    account.ledger.rejoin(TONE, account.now, after_loss=False)
    assert account.heard[-1] != TONE
    account.now += 1.0
    account.ledger.fill(8000, account.now)
    account.ledger.rejoin(TONE, account.now, after_loss=False)
    assert account.heard[-1] == TONE


def test_comfort_noise_follows_the_level_that_the_sender_says() -> None:
    account = Account()
    for level in (40, 60):
        account.ledger.hush(level)
        for _ in range(10):
            account.now += FRAME_S
            account.ledger.fill(160, account.now)
        assert account.loudness() == pytest.approx(-level, abs=2)
    account.ledger.forget()
    account.now += FRAME_S
    account.ledger.fill(160, account.now)
    assert not any(account.heard[-1])


@pytest.mark.parametrize("before_s", [0.0, 4.0])
def test_a_stall_of_ours_is_forgiven_and_not_made_up_for(before_s: float) -> None:
    account = Account()
    account.speak(before_s)
    account.now += 3.0
    assert account.ledger.catch_up(account.now) == 0
    assert account.ledger.owed(account.now) == pytest.approx(0)
    account.now += 0.05
    assert account.ledger.catch_up(account.now) == 2 * 160
