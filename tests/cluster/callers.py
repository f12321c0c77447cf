"""Whoever calls the cluster from the carrier's address: calls that talk, and hear themselves."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sip.uri import parse_uri
from tests.cluster.house import House
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line

__all__ = ["Callers", "Placed"]

PITCH = 1000.0
"""Hz that callers hum, and that the agent gives back."""


@dataclass(kw_only=True)
class Placed:
    """A call, and what became of it."""

    number: int
    line: Line
    call: SipCall | None = None
    status: int = 0
    """Final status of the INVITE."""
    retry_after: str = ""
    """What a refusal asked for, seconds."""
    waited_s: float = 0.0
    """Until then."""
    bridge: str = ""
    """Who took it."""
    hung_up: bool = False
    """By the caller."""
    exits: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def up(self) -> bool:
        """Answered, and not ended by the other side."""
        return self.call is not None and self.status == 200 and not self.call.over

    @property
    def lost(self) -> bool:
        """Answered, and ended by the other side."""
        return self.status == 200 and not self.up and not self.hung_up

    def talks(self, since: float) -> bool:
        """Whether something was heard since that loop time."""
        return any(packet.at >= since and packet.speech for packet in self.line.packets[-200:])


class Callers:
    """A telephone with many lines: an async context manager; hangs up on all at the end."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._host = house.places.address("carrier")
        self.phone = Phone(host=self._host, port=house.port)
        self.placed: list[Placed] = []

    async def __aenter__(self) -> Self:
        await self.phone.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(TimeoutError, AssertionError):
            await self.hang_up(self.placed)
        await self.phone.__aexit__(kind, error, trace)

    async def dial(self, calls: int, *, rate: float = 10.0) -> list[Placed]:
        """Place `calls`, `rate` a second, and wait until each is answered or refused."""
        async with asyncio.TaskGroup() as group:
            tasks = []
            for _ in range(calls):
                tasks.append(group.create_task(self._dial()))
                await asyncio.sleep(1 / rate)
        return [task.result() for task in tasks]

    async def _dial(self) -> Placed:
        loop = asyncio.get_running_loop()
        placed = Placed(number=len(self.placed) + 1, line=Line(host=self._host))
        began = loop.time()
        self.placed.append(placed)
        await placed.exits.enter_async_context(placed.line)
        caller = f"+1555010{placed.number:04}"
        call = await self.phone.invite(
            self._house.edge, describe(placed.line), user="+15550000", caller=caller
        )
        answer = await call.final()
        placed.call, placed.status, placed.waited_s = call, answer.code, loop.time() - began
        placed.retry_after = answer["Retry-After"]
        if answer.code == 200:
            call.ack()
            placed.bridge = self._house.name_of(parse_uri(call.target).host)
            placed.line.talk(answer.media, pitch=PITCH)
        return placed

    async def hang_up(self, calls: list[Placed]) -> None:
        """Say BYE in those that are up."""
        for placed in calls:
            if placed.up and placed.call is not None:
                await placed.call.hang_up()
                placed.hung_up = True
            await placed.exits.aclose()
