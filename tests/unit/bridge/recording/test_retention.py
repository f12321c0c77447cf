import os
from pathlib import Path

from bridge.recording.retention import DAY_S, tidy

NOW = 1_000_000_000.0


def keep(folder: Path, name: str, *, days_old: float, size: int = 1000) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (NOW - days_old * DAY_S,) * 2)
    return path


def test_what_is_too_old_goes_and_its_folder_with_it(tmp_path: Path) -> None:
    old = keep(tmp_path, "2001/a.wav", days_old=31)
    young = keep(tmp_path, "2002/b.opus", days_old=29)
    other = keep(tmp_path, "2003/notes.txt", days_old=400)
    assert tidy(tmp_path, now=NOW, keep_days=30, keep_mb=0) == 1
    assert not old.parent.exists()
    assert young.exists()
    assert other.exists()


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    paths = [keep(tmp_path, f"{day}.flac", days_old=day, size=400_000) for day in range(5, 0, -1)]
    assert tidy(tmp_path, now=NOW, keep_days=0, keep_mb=1.0) == 3
    assert [path.exists() for path in paths] == [False, False, False, True, True]


def test_what_is_still_being_written_stays(tmp_path: Path) -> None:
    growing = keep(tmp_path, "a.wav", days_old=0, size=5_000_000)
    assert tidy(tmp_path, now=NOW, keep_days=0, keep_mb=1.0) == 0
    assert growing.exists()
