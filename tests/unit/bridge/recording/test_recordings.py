import asyncio
import os
from pathlib import Path

from bridge.configuration.recordings import RecordingsConfig
from bridge.recording.recording import Recording
from bridge.recording.recordings import Recordings


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
