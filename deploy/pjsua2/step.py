"""Run a build's steps, a line of progress each; one that fails shows its name and last lines."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

TAIL_LINES = 30
POLL_S = 0.05


class StepFailed(Exception):
    """A step of the build failed; the message is its name and the last lines it printed."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status  # the failed command's exit status, where there was one


class Running(NamedTuple):
    """A program that has been started."""

    name: str
    process: subprocess.Popen[bytes]


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print the name of a step and, when it is done, the seconds it took."""
    started = time.monotonic()
    print(f"  pjsip: {name} …", end=" ", flush=True)
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:.0f} s", flush=True)


def run(
    *commands: Sequence[str | Path],
    name: str,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run commands side by side, their output added to `log`, `env` added to the environment.

    When one fails, or this process is told to stop, the others are killed with all they have
    started. Raises StepFailed.
    """
    running: list[Running] = []
    with log.open("ab") as output:
        try:
            for command in commands:
                process = subprocess.Popen(
                    [str(word) for word in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                    start_new_session=True,
                )
                running.append(Running(str(command[0]), process))
            failed, status = first_failure(running)
        except OSError as error:
            raise StepFailed(f"{name}: {error}") from error
        finally:
            for program in running:
                kill(program.process)
    if status:
        raise StepFailed(f"{name}: {failed} exits with {status}\n{tail(log)}", status=status)


def first_failure(running: Sequence[Running]) -> tuple[str, int]:
    """Wait for the first program that fails, or for all. Returns its name and status, or 0."""
    waiting = list(running)
    while waiting:
        for program in list(waiting):
            status = program.process.poll()
            if status:
                return program.name, status
            if status == 0:
                waiting.remove(program)
        time.sleep(POLL_S)
    return "", 0


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, and everything it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: Path) -> str:
    """The last 30 lines of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])


def stop_on_sigterm() -> None:
    """Let SIGTERM unwind the stack, so that temporary files go and child processes end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
