import pytest

from bridge.ultravox.standin.agents import AGENTS
from bridge.ultravox.standin.bodies import check_call
from bridge.ultravox.standin.call import AudioMeter, StandinCall
from bridge.ultravox.standin.settings import settle

FRAME = 320
"""20 ms at 8 kHz."""


def meter() -> AudioMeter:
    return AudioMeter(bytes_per_s=16000)


def call() -> StandinCall:
    body = {"medium": {"serverWebSocket": {"inputSampleRate": 8000}}, "sharedSecrets": ["s" * 16]}
    settings = settle(check_call(body), AGENTS["receptionist"])
    return StandinCall(settings=settings, body=body, on_ended=lambda _: None)


def test_one_second_of_audio_per_second_is_right() -> None:
    audio = meter()
    assert not any(audio.take(FRAME, 5.0 + index * 0.02) for index in range(500))
    assert audio.audio_s == pytest.approx(10.0)
    assert audio.elapsed_s == pytest.approx(9.98)
    assert (audio.overflows, audio.underflows) == (0, 0)


def test_a_pause_is_an_underflow_once() -> None:
    audio = meter()
    audio.take(FRAME, 0.0)
    assert audio.take(FRAME, 1.0) == -1
    assert audio.take(FRAME, 1.02) == 0
    assert audio.underflows == 1
    assert audio.behind_max_s > 0.9


def test_a_burst_is_an_overflow() -> None:
    audio = meter()
    verdicts = [audio.take(FRAME, 0.0) for _ in range(50)]
    assert verdicts.count(1) == audio.overflows == 1
    assert audio.ahead_max_s == pytest.approx(1.0)


def test_audio_that_hovers_at_the_limit_is_noted_once() -> None:
    audio = meter()
    audio.take(FRAME, 0.0)
    now = 0.55
    verdicts = [audio.take(FRAME, now := now + step) for step in (0.0, 0.01, 0.03, 0.01, 0.03)]
    assert verdicts == [-1, 0, 0, 0, 0]


def test_half_samples_are_counted() -> None:
    audio = meter()
    audio.take(321, 0.0)
    assert audio.odd == 1


def test_the_resource_shows_no_secret() -> None:
    shown = call().resource("wss://host/secret")
    assert "sharedSecrets" not in shown
    assert shown["joinUrl"] == "wss://host/secret"
    assert call().resource(None)["joinUrl"] is None


def test_only_the_first_end_counts() -> None:
    ended = call()
    ended.end("agent_hangup")
    ended.end("hangup")
    assert ended.end_reason == "agent_hangup"
