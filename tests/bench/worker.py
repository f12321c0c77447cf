"""A child process of the benchmark: pinned to cores, asked in lines, answering in JSON lines."""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["ROOT", "Worker", "pinned"]

ROOT = Path(__file__).parents[2]
"""The checkout, where the packages are found."""


def pinned(
    command: list[str], cores: set[int], *, cwd: Path = ROOT, **how: Any
) -> subprocess.Popen[str]:
    """Start `command` on `cores` only."""
    taskset = ["taskset", "--cpu-list", ",".join(map(str, sorted(cores)))]
    return subprocess.Popen([*taskset, *command], cwd=cwd, text=True, **how)


class Worker:
    """A program of the benchmark that runs as a process of its own.

    It tells that it is ready by a first line, answers every line on its standard input by one
    JSON object on its standard output, and leaves when its input ends.
    """

    def __init__(self, *command: str, cores: set[int]) -> None:
        self._process = pinned(list(command), cores, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.ready = self._read()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ask(self, order: str, *arguments: str) -> dict[str, Any]:
        """Give an order and wait for the answer. Raises EOFError when the worker has died."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join([order, *arguments]) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(f"{self._process.args!r} left with {self._process.wait(5)}")
        answer: dict[str, Any] = json.loads(line)
        return answer
