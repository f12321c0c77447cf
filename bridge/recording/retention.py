"""How long recordings are kept: by age, and by what they take up together."""

from pathlib import Path

from bridge.recording.files import FORMATS

__all__ = ["tidy"]

DAY_S = 86_400.0
FRESH_S = 120.0
"""A file written to so lately may still grow, and stays."""
MEGABYTE = 1_000_000


def tidy(folder: Path, *, now: float, keep_days: float, keep_mb: float) -> int:
    """Remove recordings below `folder` that are too old, then the oldest until they fit.

    Other files than recordings stay, and so does what may still be written. Returns how many
    went. A limit of 0 is none. Raises OSError.
    """
    found = []
    for path in folder.rglob("*"):
        if path.suffix.removeprefix(".") in FORMATS and path.is_file():
            stat = path.stat()
            found.append((stat.st_mtime, stat.st_size, path))
    found.sort()
    total = sum(size for _, size, _ in found)
    gone = 0
    for written, size, path in found:
        old = keep_days > 0 and now - written > keep_days * DAY_S
        many = keep_mb > 0 and total > keep_mb * MEGABYTE
        if not old and not many:
            break
        if now - written < FRESH_S:
            break
        path.unlink(missing_ok=True)
        _remove_if_empty(path.parent, folder)
        total -= size
        gone += 1
    return gone


def _remove_if_empty(folder: Path, top: Path) -> None:
    if folder != top and not any(folder.iterdir()):
        folder.rmdir()
