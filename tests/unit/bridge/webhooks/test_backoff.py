import itertools
import random

import pytest

from bridge.webhooks.backoff import Answer, Backoff, Fate

NOW = 1_800_000_000.0
DAY = 86_400.0
FAILED = Answer(status=500)


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.DELIVERED),
        (204, Fate.DELIVERED),
        (302, Fate.FAILED),
        (400, Fate.FAILED),
        (404, Fate.FAILED),
        (410, Fate.DEAD),
        (429, Fate.FAILED),
        (503, Fate.FAILED),
        (None, Fate.FAILED),
    ],
)
def test_anything_but_2xx_is_tried_again_and_gone_is_gone(status: int | None, fate: Fate) -> None:
    verdict = Backoff().judge(Answer(status=status), tries=0, written=NOW, now=NOW, chance=0)
    assert verdict.fate is fate


def tried(backoff: Backoff, answer: Answer = FAILED, *, seed: int = 7) -> list[float]:
    """Live one letter's life in virtual time; the times of its tries, from when it was written."""
    chance, now, times = random.Random(seed), NOW, list[float]()
    while True:
        times.append(now - NOW)
        verdict = backoff.judge(
            answer, tries=len(times) - 1, written=NOW, now=now, chance=chance.random()
        )
        if verdict.fate is Fate.DEAD:
            return times
        assert verdict.due > now
        now = verdict.due


def test_the_waits_double_up_to_the_longest_and_end_after_a_day() -> None:
    times = tried(Backoff())
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    for number, wait in enumerate(waits[:-1]):
        whole = min(600.0, 2.0**number)
        assert whole / 2 <= wait <= whole
    assert times[-1] == DAY
    assert 144 < len(times) < 320


def test_what_failed_together_is_not_tried_together() -> None:
    assert len({round(tried(Backoff(), seed=seed)[10], 1) for seed in range(20)}) == 20


def test_retry_after_is_heeded_but_shortens_no_wait_and_passes_no_deadline() -> None:
    times = tried(Backoff(), Answer(status=429, retry_after_s=7200.0))
    assert times == [7200.0 * number for number in range(13)]
    eager = tried(Backoff(), Answer(status=429, retry_after_s=0.0))
    assert len(eager) < 320
    assert tried(Backoff(), Answer(status=503, retry_after_s=9e9)) == [0.0, DAY]
