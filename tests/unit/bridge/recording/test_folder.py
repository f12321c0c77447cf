"""The folder of recordings, before anybody calls."""

from pathlib import Path

import pytest

from bridge.configuration.recordings import RecordingsConfig
from bridge.recording.recordings import Recordings


async def test_a_folder_that_cannot_be_made_is_told_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = RecordingsConfig.model_validate({"folder": str(tmp_path / "file" / "below")})
    with pytest.raises(OSError, match=r"^recordings\.folder \S+below: cannot be made: Not a dir"):
        async with Recordings(config):
            pass


async def test_a_folder_that_may_not_be_written_to_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    config = RecordingsConfig.model_validate({"folder": str(tmp_path)})
    with pytest.raises(OSError, match=rf"recordings\.folder {tmp_path}: may not be written to"):
        async with Recordings(config):
            pass
