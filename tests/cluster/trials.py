"""What a cluster is put to besides: bridges that hang, stall, drain by order, restart in turn.

Each trial begins with both bridges up and leaves them so.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from tests.cluster.callers import Callers, Placed
from tests.cluster.house import BRIDGES, House
from tests.cluster.steady import Steady, Tally

__all__ = ["Trials"]

FIRST, SECOND = BRIDGES
STALL_S = 2.0
"""A suspension that nobody is to notice."""
ROUNDS = 3
"""Of restarts in turn."""
NO_ACK_S = 45.0
"""A bridge that answers a call after the edge has passed it over waits 32 s for an acknowledgement
(RFC 3261 section 13.3.1.4), which SIPp does not send."""

Say = Callable[[str], None]
Promise = Callable[[bool, str], None]


class Trials:
    """Of one house, with its callers."""

    def __init__(
        self, house: House, callers: Callers, say: Say, promise: Promise, *, rate: int
    ) -> None:
        self._house, self._callers, self._rate = house, callers, rate
        self._say, self._promise = say, promise

    async def all(self) -> None:
        """One after the other."""
        await self._stall()
        await self._hang()
        await self._edge_begins_anew()
        await self._order_to_drain()
        await self._rolling_restart()

    async def _stall(self) -> None:
        """A bridge that is suspended for a moment keeps its calls, and gets calls again."""
        placed = await self._callers.dial(4, rate=10)
        self._house.suspend(FIRST)
        await asyncio.sleep(STALL_S)
        self._house.resume(FIRST)
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(1)
        self._say(f"{FIRST} was suspended for {STALL_S:.0f} s")
        self._promise(all(each.talks(began) for each in placed), "a short stall costs no call")
        await self._callers.hang_up(placed)

    async def _hang(self) -> None:
        """A bridge that is suspended for long is passed over, and gets calls once it is back."""
        before = await self._callers.dial(4, rate=10)
        theirs = [each for each in before if each.bridge == FIRST]
        self._house.suspend(FIRST)
        began = time.monotonic()
        steady = await self._steadily("hang")
        await self._house.active(FIRST, wanted=False)
        self._say(f"{FIRST} hangs; given up after {time.monotonic() - began:.1f} s")
        await self._house.until(partial(_told, theirs), "its callers to be told")
        self._say(f"its {len(theirs)} callers told after {time.monotonic() - began:.1f} s")
        self._house.resume(FIRST)
        began = time.monotonic()
        await self._house.active(FIRST)
        self._say(f"{FIRST} is back: gets calls again after {time.monotonic() - began:.1f} s")
        await asyncio.sleep(1)
        self._promise(await self._house.calls(FIRST) > 0, f"{FIRST} gets calls again")
        self._judge("a bridge hangs", await steady.end())
        await self._callers.hang_up(before)
        left = f"{FIRST} to have no call left"
        await self._house.until(partial(self._idle, FIRST), left, FIRST, timeout_s=NO_ACK_S)
        self._say("it has none left of the calls that it answered too late")

    async def _edge_begins_anew(self) -> None:
        placed = await self._callers.dial(4, rate=10)
        began = time.monotonic()
        await self._house.restart_edge()
        for name in BRIDGES:
            await self._house.active(name)
        self._say(f"the edge was killed and is back after {time.monotonic() - began:.1f} s")
        await self._callers.hang_up(placed)
        for name in BRIDGES:
            await self._house.until(partial(self._idle, name), f"{name} to be idle")

    async def _order_to_drain(self) -> None:
        """POST /v1/drain: no call is refused, and the edge stops asking soon."""
        steady = await self._steadily("order")
        await asyncio.sleep(1)
        began = time.monotonic()
        await self._house.order_to_drain(SECOND)
        await self._house.active(SECOND, wanted=False)
        self._say(f"{SECOND} drains by API; the edge knows after {time.monotonic() - began:.1f} s")
        self._house.drain(SECOND)  # by order alone it stays
        await self._house.gone(SECOND)
        await self._begin_anew(SECOND)
        self._judge("a bridge drains by API", await steady.end())

    async def _rolling_restart(self) -> None:
        """Both bridges in turn, three times, under steady calls."""
        steady = await self._steadily("restart")
        began = time.monotonic()
        for name in ROUNDS * BRIDGES:
            self._house.drain(name)
            await self._house.gone(name)
            self._say(f"{name} has left {time.monotonic() - began:.1f} s after the first drained")
            await self._begin_anew(name)
            self._say(f"{name} is back {time.monotonic() - began:.1f} s after that")
        took_s = time.monotonic() - began
        self._say(f"both bridges were begun anew {ROUNDS} times in {took_s:.0f} s")
        self._judge("rolling restart", await steady.end())

    async def _begin_anew(self, name: str) -> None:
        """Ready first: the edge may not have noticed yet that it was gone."""
        await self._house.run_bridge(name)
        await self._house.ready(name)
        await self._house.active(name)

    async def _steadily(self, name: str) -> Steady:
        steady = Steady(self._house, self._rate)
        await steady.begin(name)
        return steady

    def _judge(self, when: str, tally: Tally) -> None:
        waits = tally.waits_ms
        self._say(
            f"  {when}: {tally.calls} calls at {self._rate} a second, {tally.failed} failed;"
            f" answered after {waits[len(waits) // 2]:.0f} ms, the slowest {waits[-1]:.0f} ms"
        )
        for failure in tally.failures:
            self._say(f"    {failure.at_s:5.2f} s after they began: {failure.met}")
        self._promise(tally.failed == 0, f"{when}: none refused, not {tally.failed}")

    async def _idle(self, name: str) -> bool:
        return await self._house.calls(name) == 0


async def _told(calls: Sequence[Placed]) -> bool:
    return not any(each.up for each in calls)
