"""Offers that met one of the other side on the way, and are made again (RFC 3261 section 14.1)."""

import random
from collections.abc import Callable
from typing import Final

from sip.commands import Hold, Reoffer

__all__ = ["Glare"]

OWNER_S: Final = (2.1, 4.0)
"""How long whoever began the call waits, who made its Call-ID."""
OTHER_S: Final = (0.0, 2.0)


class Glare:
    """Remembers each leg's latest offer. Sans I/O; times are in seconds of any one clock."""

    def __init__(self, pick: Callable[[float, float], float] = random.uniform) -> None:
        self._offers: dict[str, Hold | Reoffer] = {}
        self._due: dict[str, float] = {}
        self._pick = pick

    def offered(self, offer: Hold | Reoffer) -> None:
        """An offer is made; one that was to be made again before it has had its day."""
        self._offers[offer.leg] = offer
        self._due.pop(offer.leg, None)

    def crossed(self, leg: str, now: float, *, outbound: bool) -> None:
        """A leg's offer got 491; `outbound` where we began that call."""
        if leg in self._offers:
            self._due[leg] = now + self._pick(*(OWNER_S if outbound else OTHER_S))

    def take(self, now: float) -> list[Hold | Reoffer]:
        """The offers that are to be made again now."""
        legs = [leg for leg, due in self._due.items() if due <= now]
        for leg in legs:
            del self._due[leg]
        return [self._offers[leg] for leg in legs]

    def forget(self, leg: str) -> None:
        """A leg is over."""
        self._offers.pop(leg, None)
        self._due.pop(leg, None)
