import asyncio

from bridge import chronicle as chronicles
from bridge.chronicle import Chronicle


async def test_a_late_reader_sees_everything_from_the_beginning() -> None:
    chronicle = Chronicle()
    chronicle.note("ringing")
    chronicle.note("answered")
    chronicle.close()
    assert [event.kind async for event in chronicle.follow()] == ["ringing", "answered"]


async def test_a_reader_waits_for_what_comes_and_ends_with_the_call() -> None:
    chronicle = Chronicle()

    async def read() -> list[str]:
        return [event.kind async for event in chronicle.follow()]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    chronicle.note("ringing")
    await asyncio.sleep(0)
    chronicle.note("ended", cause="busy")
    chronicle.close()
    assert await reading == ["ringing", "ended"]


async def test_a_reader_can_resume_where_it_left_off() -> None:
    chronicle = Chronicle()
    for kind in ("ringing", "answered", "ended"):
        chronicle.note(kind)
    chronicle.close()
    assert [event.kind async for event in chronicle.follow(1)] == ["answered", "ended"]


async def test_a_long_call_keeps_the_newest_events_only() -> None:
    chronicle = Chronicle()
    for _ in range(chronicles.CAPACITY + 10):
        chronicle.note("transcript")
    chronicle.close()
    kept = [event.number async for event in chronicle.follow()]
    assert kept == list(range(10, chronicles.CAPACITY + 10))


async def test_a_reader_overtaken_by_the_newest_goes_on_with_what_is_left() -> None:
    chronicle = Chronicle()
    chronicle.note("first")
    reading = chronicle.follow()
    assert (await anext(reading)).kind == "first"
    for _ in range(chronicles.CAPACITY + 5):
        chronicle.note("later")
    assert (await anext(reading)).number == 6


async def test_what_is_soon_old_is_told_to_those_who_follow_and_takes_no_others_place() -> None:
    chronicle = Chronicle()
    chronicle.note("answered")
    reading = chronicle.follow()
    assert (await anext(reading)).kind == "answered"
    chronicle.pass_on("transcript-delta", delta="Hel")
    assert (await anext(reading)).fields == {"delta": "Hel"}
    for _ in range(2 * chronicles.CAPACITY):
        chronicle.pass_on("transcript-delta", delta="lo")
    chronicle.note("ended")
    chronicle.close()
    kept = [event async for event in chronicle.follow()]
    assert [event.kind for event in kept if not event.passing] == ["answered", "ended"]
    assert len(kept) == 2 + chronicles.PASSING_CAPACITY
    assert (await anext(reading)).number == kept[1].number
    assert [event.number async for event in chronicle.follow(kept[-1].number)] == [
        2 * chronicles.CAPACITY + 2
    ]
