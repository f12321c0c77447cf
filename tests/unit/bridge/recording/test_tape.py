import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import soundfile

from bridge.configuration.recordings import RecordingsConfig
from bridge.recording.files import MONO
from bridge.recording.gatherer import BATCHES_WAITING
from bridge.recording.recording import Recording, Result
from bridge.recording.recordings import Recordings
from bridge.recording.tape import Tape
from tests.support.tones import tone
from tests.support.waiting import until

RATE = 8000
SECOND = tone(440, 1)

Story = Callable[[Recordings], Awaitable[None]]


def with_thread(story: Story) -> None:
    async def run() -> None:
        async with Recordings(RecordingsConfig()) as recordings:
            await story(recordings)
            assert recordings.alive == 0

    asyncio.run(run())


def begun(recordings: Recordings, *paths: Path) -> tuple[Tape, list[Recording]]:
    """A tape for the first of the paths that is free, and what has been told to be over."""
    over: list[Recording] = []
    tape = Tape(
        Recording(iter(paths), "wav", RATE, mute=False, channels=MONO),
        rate=RATE,
        recordings=recordings,
        on_stop=lambda _, recording: over.append(recording),
    )
    return tape, over


def test_all_that_was_heard_until_the_stop_is_in_the_file_once(tmp_path: Path) -> None:
    async def story(recordings: Recordings) -> None:
        tape, over = begun(recordings, tmp_path / "a.wav")
        take = tape.inlet(live=True)
        for _ in range(5):
            take(SECOND[:6400])
        tape.stop()
        tape.stop()
        take(SECOND)
        (recording,) = over
        kept = await recordings.run(recording.close)
        assert kept.result is Result.WHOLE
        frames, _ = soundfile.read(tmp_path / "a.wav", dtype="int16", always_2d=True)
        assert frames.shape[1] == 1
        assert frames.tobytes() == 5 * SECOND[:6400]

    with_thread(story)


def test_a_file_that_cannot_be_made_ends_the_tape_alone() -> None:
    async def story(recordings: Recordings) -> None:
        tape, over = begun(recordings)
        await until(lambda: tape.over)
        assert [recording.result for recording in over] == [Result.FAILED]

    with_thread(story)


def test_a_disk_that_stalls_costs_the_rest_of_the_tape_and_nobody_waits(tmp_path: Path) -> None:
    async def story(recordings: Recordings) -> None:
        disk = threading.Event()
        recordings.run(disk.wait)
        tape, over = begun(recordings, tmp_path / "a.wav")
        take = tape.inlet(live=True)
        for _ in range(BATCHES_WAITING + 3):
            take(SECOND)
        assert not tape.over  # whoever gave it the sound is in the middle of it
        await until(lambda: tape.over)
        disk.set()
        (recording,) = over
        kept = await recordings.run(recording.close)
        assert (kept.result, kept.duration_s) == (Result.OVERFLOW, BATCHES_WAITING)

    with_thread(story)
