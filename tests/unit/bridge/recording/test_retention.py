import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bridge.recording.retention import DAY_S, STEP, Sweep

NOW = 1_000_000_000.0


def keep(folder: Path, name: str, *, days_old: float, size: int = 1000) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (NOW - days_old * DAY_S,) * 2)
    return path


def tidy(folder: Path, *, keep_days: float = 0, keep_mb: float = 0, **rest: Any) -> Sweep:
    sweep = Sweep(folder, now=NOW, keep_days=keep_days, keep_mb=keep_mb, **rest)
    while sweep.step():
        pass
    return sweep


def test_what_is_too_old_goes_and_its_folder_with_it(tmp_path: Path) -> None:
    old = keep(tmp_path, "2001/a.wav", days_old=31)
    young = keep(tmp_path, "2002/b.opus", days_old=29)
    other = keep(tmp_path, "2003/notes.txt", days_old=400)
    assert tidy(tmp_path, keep_days=30).gone == 1
    assert not old.parent.exists()
    assert young.exists()
    assert other.exists()


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    paths = [keep(tmp_path, f"{day}.flac", days_old=day, size=400_000) for day in range(5, 0, -1)]
    assert tidy(tmp_path, keep_mb=1.0).gone == 3
    assert [path.exists() for path in paths] == [False, False, False, True, True]


def test_what_is_still_being_written_stays(tmp_path: Path) -> None:
    growing = keep(tmp_path, "a.wav", days_old=0, size=5_000_000)
    assert tidy(tmp_path, keep_mb=1.0).gone == 0
    assert growing.exists()


def test_what_goes_on_stays_however_long_it_was_paused(tmp_path: Path) -> None:
    paused = keep(tmp_path, "a.wav", days_old=0.5, size=5_000_000)
    assert tidy(tmp_path, keep_mb=1.0, spared={str(paused)}).gone == 0
    assert paused.exists()


def test_after_the_clock_was_set_back_the_oldest_still_go(tmp_path: Path) -> None:
    older = keep(tmp_path, "a.wav", days_old=-399, size=800_000)
    newer = keep(tmp_path, "b.wav", days_old=-400, size=800_000)
    assert tidy(tmp_path, keep_mb=1.0).gone == 1
    assert (older.exists(), newer.exists()) == (False, True)


def test_one_that_cannot_be_removed_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = keep(tmp_path, "a.wav", days_old=40)
    keep(tmp_path, "b.wav", days_old=39)
    remove = Path.unlink

    def unlink(path: Path) -> None:
        if path == stuck:
            raise PermissionError(errno.EACCES, "denied", str(path))
        remove(path)

    monkeypatch.setattr(Path, "unlink", unlink)
    sweep = tidy(tmp_path, keep_days=30)
    assert sweep.gone == 1
    assert sweep.refusal is not None
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_thousands_are_looked_through_in_small_steps(tmp_path: Path) -> None:
    for number in range(10 * STEP):
        keep(tmp_path, f"{number % 7}/{number}.wav", days_old=number / STEP, size=10)
    sweep = Sweep(tmp_path, now=NOW, keep_days=5, keep_mb=0)
    steps = 1
    while sweep.step():
        steps += 1
    assert steps >= 15
    assert sweep.gone == len(range(5 * STEP + 1, 10 * STEP))
