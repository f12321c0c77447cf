import asyncio
import os
from pathlib import Path

import pytest

from bridge.configuration.recordings import RecordingsConfig
from bridge.recording.recording import Kept, Recording, Result
from bridge.recording.recordings import Recordings
from tests.support.waiting import until


def test_a_recording_that_goes_on_is_not_removed_however_long_it_was_paused(tmp_path: Path) -> None:
    config = RecordingsConfig.model_validate({"folder": str(tmp_path), "keep_days": 1})

    async def run() -> bool:
        # The sweep at the start finds the folder empty.
        async with Recordings(config) as recordings:
            await recordings.run(lambda: None)
            recording = Recording(iter([tmp_path / "a.wav"]), "wav", 8000, mute=False)
            path = await recordings.make(recording)
            os.utime(path, (0, 0))
            await recordings._sweep(tmp_path)
            there = path.exists()
            recordings.ended(await recordings.run(recording.close))
            await recordings._sweep(tmp_path)
            assert not path.exists()
            return there

    assert asyncio.run(run())


async def test_what_is_too_old_is_removed_while_the_service_runs(tmp_path: Path) -> None:
    old = tmp_path / "old.wav"
    old.touch()
    os.utime(old, (0, 0))
    config = RecordingsConfig.model_validate({"folder": str(tmp_path), "keep_days": 1})
    async with Recordings(config):
        await until(lambda: not old.exists())


def test_a_disk_that_refuses_the_end_of_a_recording_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with Recordings(RecordingsConfig()) as recordings:
            path = tmp_path / "a.wav"
            recordings.ended(Kept(path=path, duration_s=1, bytes=44, result=Result.DISK_FULL))
            recordings.ended(Kept(path=path, duration_s=1, bytes=44, result=Result.DISK_FULL))

    asyncio.run(run())
    (line,) = [record.getMessage() for record in caplog.records]
    assert "a.wav: disk-full" in line
