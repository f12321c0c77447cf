"""RTP legs to the benchmark's phones, and what their packets cost."""

import gc
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.choices.table import Figures
from tests.bench.lab import HOST
from tests.bench.native.build import built
from tests.bench.worker import Worker

__all__ = ["BEATS", "LEGS", "PACKET", "Meter", "bound", "phones"]

LEGS = 100
BEATS = 20
"""Of a millisecond each; legs are spread over them."""
PACKET = b"\x80\x00" + bytes(10) + b"\xff" * 160
SETTLE_S, WINDOW_S = 0.7, 2.5


@contextmanager
def phones() -> Iterator[list[tuple[str, int]]]:
    """Where `LEGS` phones wait for their first packet."""
    cores = os.sched_getaffinity(0)
    others = set(range(os.cpu_count() or 1)) - cores or cores
    with Worker(built("phones"), HOST, str(LEGS), cores=others) as worker:
        yield [(HOST, port) for port in worker.ready["ports"]]


def bound() -> socket.socket:
    """A socket that does not block."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind((HOST, 0))
    return made


class Meter:
    """Counts packets read, and in a window how late each beat was and what all of it cost."""

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()
        self.read = 0
        self._begin = time.monotonic() + SETTLE_S
        self._end = self._begin + WINDOW_S
        self._started: tuple[float, int] | None = None
        self._late: list[float] = []

    def beat(self, due: float) -> bool:
        """Note a beat that was due at a monotonic time; false when the window is over."""
        now = time.monotonic()
        if now < self._begin:
            return True
        if self._started is None:
            self._started = time.process_time(), self.read
        self._late.append(now - due)
        return now < self._end

    def figures(self) -> Figures:
        """CPU of a packet read and one sent, and the beats' lateness."""
        assert self._started is not None
        spent, read = time.process_time() - self._started[0], self.read - self._started[1]
        expected = 50 * LEGS * WINDOW_S
        if read < 0.9 * expected:
            raise RuntimeError(f"{read} packets of {expected:.0f} were read")
        late = sorted(self._late)
        return {
            "us of CPU for a packet both ways": 1e6 * spent / read,
            "beats late p50, ms": 1000 * late[len(late) // 2],
            "p99, ms": 1000 * late[len(late) * 99 // 100],
        }
