from bridge.agents.greeting import GreetingGuard

FRAME = b"\x01\x02" * 160


def test_the_agent_hears_silence_until_the_time_after_the_beginning_is_over() -> None:
    out: list[bytes] = []
    guard = GreetingGuard(out.append, seconds=0.1, rate=8000)
    for _ in range(3):
        guard.hear(FRAME)
    guard.begin()
    for _ in range(7):
        guard.hear(FRAME)
    assert out == [bytes(320)] * 8 + [FRAME] * 2
