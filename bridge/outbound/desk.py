"""Where orders are taken: each gets its ways, a place on the first trunk that has one, a port."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from bridge.config import Config
from bridge.errors import CallError, Full, Unreachable
from bridge.lines.lines import Lines
from bridge.outbound.failover import Attempt
from bridge.outbound.gate import Gate
from bridge.outbound.hunt import Hunt
from bridge.outbound.order import Order
from bridge.outbound.ways import Way, ways
from sip import MediaAddress

__all__ = ["Desk"]

T = TypeVar("T")


class Desk:
    """Turns orders into hunts; knows how busy each trunk is."""

    def __init__(self, config: Config, *, lines: Lines, alive: Callable[[str], int]) -> None:
        """`alive` counts a trunk's calls, in both directions."""
        self._config = config
        self._lines = lines
        self._gates: Mapping[str, Gate] = {
            name: Gate(
                name,
                calls_per_second=trunk.calls_per_second,
                max_calls=trunk.max_calls,
                alive=partial(alive, name),
            )
            for name, trunk in config.trunks.items()
        }
        lines.gates = self._gates

    async def take(self, order: Order, begin: Callable[[Hunt, Way, MediaAddress], T]) -> T:
        """What `begin` makes of the hunt for an order, its first way, and a leased address.

        A trunk that is full, resting or unknown to DNS is passed over. Raises OrderError, NoPorts,
        and Full or Unreachable where no trunk is left.
        """
        found = ways(order, trunks=self._config.trunks, table=self._config.outbound)
        passed: list[Attempt] = []
        for number, way in enumerate(found):
            gate = self._gates[way.trunk]
            try:
                wait_s = gate.enter(asyncio.get_running_loop().time())
                gate.coming += 1
                try:
                    media = await self._lines.lease_towards(way.trunk)
                    hunt = self._hunt(order, found[number:], passed, media=media, wait_s=wait_s)
                    return begin(hunt, way, media)
                finally:
                    gate.coming -= 1
            except (Full, Unreachable) as error:
                passed.append(_passed(way, error))
                if number + 1 == len(found):
                    raise
        raise AssertionError("an order has a way")

    def _hunt(
        self,
        order: Order,
        ways_left: tuple[Way, ...],
        passed: list[Attempt],
        *,
        media: MediaAddress,
        wait_s: float,
    ) -> Hunt:
        return Hunt(
            ways_left,
            passed=passed,
            lines=self._lines,
            gates=self._gates,
            port=media.port,
            wait_s=wait_s,
            headers=order.headers,
        )


def _passed(way: Way, error: CallError) -> Attempt:
    return Attempt(trunk=way.trunk, to=way.to, outcome=error.outcome, seconds=0.0)
