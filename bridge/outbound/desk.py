"""Where orders are taken: each gets its ways, a place on the first trunk that has one, a port.

Second legs of calls go the same ways, and take their places within their calls.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from bridge.shared.limits import SharedLimits
from sip import MediaAddress

__all__ = ["Desk", "Errand"]

T = TypeVar("T")


class Desk:
    """Turns orders into hunts; knows how busy each trunk is."""

    def __init__(
        self,
        config: Config,
        *,
        lines: Lines,
        alive: Callable[[str], int],
        check_room: Callable[[], None],
        shared: SharedLimits,
    ) -> None:
        """`alive` counts a trunk's legs, in both directions; `check_room` raises Full where there
        is no place for one more.
        """
        self.lines = lines
        self.shared = shared
        self._config = config
        self._check_room = check_room
        self._gates: Mapping[str, Gate] = {
            name: Gate(
                name,
                calls_per_second=trunk.calls_per_second,
                max_calls=trunk.max_calls,
                alive=partial(alive, name),
            )
            for name, trunk in config.trunks.items()
        }

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
                    media = await self.lines.lease_towards(way.trunk)
                    hunt = self._hunt(
                        found[number:],
                        passed=passed,
                        port=media.port,
                        wait_s=wait_s,
                        headers=order.headers,
                    )
                    return begin(hunt, way, media)
                finally:
                    gate.coming -= 1
            except (Full, Unreachable) as error:
                passed.append(_passed(way, error))
                if number + 1 == len(found):
                    raise
        raise AssertionError("an order has a way")

    def second(self, order: Order, *, otherwise: str) -> "Errand":
        """How one more party of a call is reached, through `otherwise` where nothing says which.

        A port is leased for it. Raises OrderError, NoPorts, and Full where all places of
        sip.max_calls are taken.
        """
        found = ways(
            order,
            trunks=self._config.trunks,
            table=self._config.outbound,
            otherwise=otherwise,
        )
        self._check_room()
        port = self.lines.lease_port()
        hunt = self._hunt(found, passed=(), port=port, wait_s=None, headers=order.headers)
        return Errand(hunt=hunt, port=port, trunk=found[0].trunk)

    def _hunt(
        self,
        ways_left: Sequence[Way],
        *,
        passed: Sequence[Attempt],
        port: int,
        wait_s: float | None,
        headers: Mapping[str, str],
    ) -> Hunt:
        return Hunt(
            ways_left,
            passed=passed,
            lines=self.lines,
            gates=self._gates,
            shared=self.shared,
            port=port,
            wait_s=wait_s,
            headers=headers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What it takes to reach one more party of a call."""

    hunt: Hunt
    port: int
    """Leased for its RTP."""
    trunk: str
    """The first that is tried."""


def _passed(way: Way, error: CallError) -> Attempt:
    return Attempt(trunk=way.trunk, to=way.to, outcome=error.outcome, seconds=0.0)
