"""The callers' media: many telephones in one process, each on an absolute 20 ms schedule.

    python -m tests.bench.caller HOST PHONES

The phones' beats are spread over the 20 ms as real callers' are. Orders on standard input: `begin`
a window, `end FILE` it and write what was seen (numpy .npz), `status`.
"""

import gc
import json
import os
import select
import socket
import sys
import time
from pathlib import Path

from tests.bench.columns import write_columns
from tests.bench.phone import Phone, Record
from tests.bench.timer import Timer

FRAME_S = 0.02
PHASES = 80
"""Beats within a frame: 0.25 ms apart."""
STRIDE = 49
"""From one phone's phase to the next's: prime to PHASES and near its golden section, so that any
number of phones is spread evenly."""
PORTS = range(30000, 32700, 2)
"""Below the kernel's ephemeral range, so that nobody is given them meanwhile."""


class Callers:
    """All telephones, their clock, and what they see."""

    def __init__(self, host: str, phones: int) -> None:
        self._wall = time.time() - time.monotonic()
        self._record = Record()
        self._quiet: list[socket.socket] = []
        self.phones = [Phone(number, self._bind(host), wall=self._wall) for number in range(phones)]
        self._phases: list[list[Phone]] = [[] for _ in range(PHASES)]
        for number, phone in enumerate(self.phones):
            self._phases[number * STRIDE % PHASES].append(phone)
        self._timer = Timer(FRAME_S / PHASES)

    def _bind(self, host: str) -> socket.socket:
        """An RTP socket on the next free pair of ports; the RTCP port only swallows."""
        first = self._quiet[-1].getsockname()[1] + 1 if self._quiet else PORTS.start
        for port in range(first, PORTS.stop, 2):
            pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
            try:
                pair[0].bind((host, port))
                pair[1].bind((host, port + 1))
            except OSError:
                for each in pair:
                    each.close()
                continue
            pair[1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
            self._quiet.append(pair[1])
            return pair[0]
        raise OSError(f"no pair of ports is free from {first} to {PORTS.stop}")

    def run(self) -> None:
        """Talk and listen until the input ends."""
        poll = select.epoll()
        orders, timer = sys.stdin.fileno(), self._timer.fileno()
        by_descriptor = {phone.socket.fileno(): phone for phone in self.phones}
        for descriptor in (orders, timer, *by_descriptor):
            poll.register(descriptor, select.EPOLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == timer:
                    self._beat()
                elif descriptor == orders:
                    if not self._obey(os.read(orders, 4096).decode().split()):
                        return
                else:
                    by_descriptor[descriptor].receive(self._record)

    def _beat(self) -> None:
        timer, record = self._timer, self._record
        for beat in timer.due():
            due = timer.start + beat * timer.period_s
            for phone in self._phases[beat % PHASES]:
                now = time.monotonic()
                if phone.send(now):
                    record.sent += 1
                    record.late.append(now - due)

    def _obey(self, order: list[str]) -> bool:
        match order:
            case []:
                return False
            case ["begin"]:
                self._record = Record()
                answer = self._status()
            case ["end", path]:
                record, self._record = self._record, Record()
                answer = {**self._status(), "sent": record.sent, "filled": record.filled}
                write_columns(Path(path), record.columns())
            case ["status"]:
                answer = self._status()
            case _:
                raise ValueError(f"unknown order {order}")
        print(json.dumps(answer), flush=True)
        return True

    def _status(self) -> dict[str, int]:
        now = time.monotonic()
        return {"live": sum(phone.live(now) for phone in self.phones)}


def main() -> None:
    callers = Callers(sys.argv[1], int(sys.argv[2]))
    gc.collect()
    gc.freeze()
    gc.disable()
    print(json.dumps({"ports": [phone.port for phone in callers.phones]}), flush=True)
    callers.run()


if __name__ == "__main__":
    main()
