"""Small objects on huge pages, each time in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.native.build import digests, installed

ROOT = Path(__file__).parents[3]
PROGRAM = """
import bridge.memory

def kilobytes(what):
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what + ":"))

used = bridge.memory.use_huge_pages()
bridge.memory.use_huge_pages()
before = kilobytes("Rss")
many = [str(number) * 4 for number in range(1_000_000)]
assert many[777_777] == "777777" * 4
huge, full = kilobytes("AnonHugePages"), kilobytes("Rss")
del many
after = kilobytes("Rss")
again = [str(number) * 4 for number in range(1_000_000)]
assert again[777_777] == "777777" * 4
print(used, huge // 1024, (full - before) // 1024, (full - after) // 1024)
"""


def run(*, pure: str = "") -> list[str]:
    environment = {**os.environ, "UVBRIDGE_PURE": pure}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_small_objects_lie_on_huge_pages_and_give_their_memory_back() -> None:
    if installed() != digests():
        pytest.skip("not compiled from the present sources: make setup")
    enabled = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not enabled.exists() or "[never]" in enabled.read_text():
        pytest.skip("the kernel has no huge pages")
    used, huge, taken, returned = run()
    assert used == "True"
    assert int(huge) > 32
    assert int(returned) > 0.8 * int(taken)


def test_what_is_not_compiled_uses_what_python_has() -> None:
    used, _, taken, returned = run(pure="1")
    assert used == "False"
    assert int(returned) > 0.8 * int(taken)
