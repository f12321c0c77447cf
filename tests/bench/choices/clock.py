"""One clock per leg against one tick for all."""

import asyncio
import functools
import select
import time

import uvloop

from tests.bench.choices.sockets import BEATS, LEGS, PACKET, Meter, bound, phones
from tests.bench.choices.table import Choice, Figures


class _Legs:
    """All legs of one case."""

    def __init__(self, remotes: list[tuple[str, int]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._remotes = remotes
        self._sockets = {each.fileno(): each for each in (bound() for _ in remotes)}
        self._senders = list(self._sockets.values())
        self._poll = select.epoll()
        for descriptor in self._sockets:
            self._poll.register(descriptor, select.EPOLLIN)
        self.meter = Meter()
        self.ended = asyncio.Event()
        self._start = time.monotonic()

    def own(self) -> None:
        """A timer for each leg."""
        self._loop.add_reader(self._poll.fileno(), self._read)
        for number in range(LEGS):
            self._own_later(number, self._start + 0.02 * number / LEGS)

    def _own_later(self, number: int, due: float) -> None:
        # uvloop's own clock stands while it works.
        self._loop.call_later(due - time.monotonic(), self._own_beat, number, due)

    def _own_beat(self, number: int, due: float) -> None:
        if self._serve(number, due):
            self._own_later(number, due + 0.02)

    def tick(self, count: int = 0) -> None:
        """One tick for all."""
        if not count:
            self._loop.add_reader(self._poll.fileno(), self._read)
        wait = self._start + (count + 1) / 1000 - time.monotonic()
        self._loop.call_later(wait, self.tick, count + 1)
        self._serve_all(count)

    def rest(self, count: int = 0) -> None:
        """The same, asleep between."""
        self._loop.call_soon(self.rest, count + 1)
        time.sleep(max(0.0, self._start + count / 1000 - time.monotonic()))
        self._read()
        self._serve_all(count)

    def _serve_all(self, count: int) -> None:
        for number in range(count % BEATS, LEGS, BEATS):
            self._serve(number, self._start + count / 1000)

    def _serve(self, number: int, due: float) -> bool:
        if not self.meter.beat(due):
            self.ended.set()
            return False
        self._senders[number].sendto(PACKET, self._remotes[number])
        return True

    def _read(self) -> None:
        for descriptor, _ in self._poll.poll(0):
            self._sockets[descriptor].recvfrom(2048)
            self.meter.read += 1


async def run(kind: str) -> Figures:
    with phones() as remotes:
        legs = _Legs(remotes)
        getattr(legs, kind)()
        await legs.ended.wait()
        return legs.meter.figures()


def measured(kind: str) -> Figures:
    return uvloop.run(run(kind))


CHOICE = Choice(
    title="Clocks",
    text="""\
100 legs on uvloop, 50 packets a second each way on a socket of its own, all sockets in one epoll
set. A beat of a leg's own comes every 20 ms; a tick of all legs every millisecond, for those that
are due. uvloop's timers count in whole milliseconds. Resting is sleeping till the tick and reading
then what has come, instead of being woken for each packet.""",
    cases={
        "a timer for each leg": functools.partial(measured, "own"),
        "one tick for all": functools.partial(measured, "tick"),
        "one tick for all, resting between": functools.partial(measured, "rest"),
    },
)

if __name__ == "__main__":
    CHOICE.main()
