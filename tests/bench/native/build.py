"""Compile the benchmark's load, once, into the cache.

python -m tests.bench.native.build      prints where the programs are
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

__all__ = ["LIBRARIES", "built"]

FOLDER = Path(__file__).parent
COMPILER = ("cc", "-std=gnu11", "-O2", "-Wall", "-Wextra")
LIBRARIES: dict[str, tuple[str, ...]] = {"phones": (), "echo": ("-lssl", "-lcrypto")}
"""The programs, and what each is linked with."""
_PARTS = {
    "phones": ("phones.c", "phone.c", "mark.c", "clock.c", "orders.c"),
    "echo": (
        "echo.c",
        "agent.c",
        "link.c",
        "websocket.c",
        "bytes.c",
        "mark.c",
        "clock.c",
        "orders.c",
    ),
}


def built(program: str) -> str:
    """The path of a program, made of the present sources. Raises CalledProcessError."""
    place = _cache() / program
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            made = Path(folder) / program
            sources = [str(FOLDER / part) for part in _PARTS[program]]
            subprocess.run([*COMPILER, "-o", str(made), *sources, *LIBRARIES[program]], check=True)
            made.rename(place)
    return str(place)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    sources = [path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]"))]
    key = hashlib.sha256(repr((COMPILER, sources)).encode()).hexdigest()[:16]
    return Path(base) / "uvbridge" / "load" / key


if __name__ == "__main__":
    for each in LIBRARIES:
        print(built(each))
