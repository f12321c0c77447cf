"""A user agent under test: trusted callers on 127.0.0.2, its legs and leases within reach."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import TypeVar

from sip import (
    Ended,
    Event,
    Leg,
    LegEvent,
    Listen,
    MediaAddress,
    Settings,
    Stack,
    Trunk,
    UserAgent,
)
from tests.support.waiting import PATIENCE_S

E = TypeVar("E", bound=LegEvent)

HOME = "127.0.0.1"
PBX = Trunk(name="pbx", hosts=(ip_network("127.0.0.2/32"),))
SETTINGS = Settings(listen=(Listen(host=HOME, port=0),), trunks=(PBX,))


class Exchange:
    """What a test wants to see of the user agent."""

    def __init__(self, settings: Settings, *, stack: Stack | None, media: bool) -> None:
        self.legs: asyncio.Queue[Leg] = asyncio.Queue()
        """Inbound legs, as they come."""
        self.events: list[Event] = []
        self.leased: list[MediaAddress] = []
        self.unleased: list[MediaAddress] = []
        self._media = media
        self.agent = UserAgent(
            settings,
            on_invite=self.legs.put_nowait,
            on_event=self.events.append,
            lease=self._lease,
            unlease=self.unleased.append,
            stack=stack,
        )

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens first."""
        first = self.agent.listening[0]
        return first.host, first.port

    async def leg(self) -> Leg:
        """The next inbound leg."""
        return await asyncio.wait_for(self.legs.get(), PATIENCE_S)

    def _lease(self, peer_host: str) -> MediaAddress | None:
        if not self._media:
            return None
        host = "::1" if ":" in peer_host else HOME
        address = MediaAddress(host=host, port=40000 + 2 * len(self.leased))
        self.leased.append(address)
        return address


@asynccontextmanager
async def exchange(
    settings: Settings = SETTINGS, *, stack: Stack | None = None, media: bool = True
) -> AsyncIterator[Exchange]:
    """A running user agent; without ``media`` it has no media address to give."""
    running = Exchange(settings, stack=stack, media=media)
    async with running.agent:
        yield running


async def next_event(leg: Leg, kind: type[E]) -> E:
    """The leg's next event of that kind; others before it are passed over."""
    async with asyncio.timeout(PATIENCE_S):
        async for event in leg.events:
            if isinstance(event, kind):
                return event
            if isinstance(event, Ended):
                raise AssertionError(f"the leg ended before {kind.__name__}: {event}")
    raise AssertionError(f"the leg ended without {kind.__name__}")


async def until_ended(leg: Leg) -> list[LegEvent]:
    """All the rest of a leg's events."""
    async with asyncio.timeout(PATIENCE_S):
        return [event async for event in leg.events]


def at(trunk: Trunk, host: str, port: int, transport: str = "udp") -> Trunk:
    """The trunk with its outbound address there."""
    return replace(trunk, address=f"sip:{host}:{port};transport={transport}")
