"""Which routes never get a call, because one above takes all of theirs."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.config import Route

__all__ = ["unreached"]

_Header = tuple[str, str]
_Asked = tuple[str | None, str | None, str | None]
_Place = tuple[str | None, str | None, str | None, _Header | None]
"""What a route asks of trunk, To and From, and one of the headers it asks for."""


def unreached(routes: "Sequence[Route]") -> Iterator[tuple[int, int]]:
    """Yield the position of each route without calls, and of the first above that takes them.

    Positions count from 0. Tables have tens of thousands of routes, so that each is looked for
    in the few places where one that covers it can be, not compared with all others.
    """
    filed: dict[_Place, list[tuple[int, frozenset[_Header]]]] = {}
    for position, route in enumerate(routes):
        asked, headers = _asked(route), _headers(route)
        above = [
            earlier
            for place in _wider(asked, headers)
            for earlier, needed in filed.get(place, ())
            if needed <= headers
        ]
        if above:
            yield position, min(above)
        else:
            filed.setdefault((*asked, next(iter(sorted(headers)), None)), []).append(
                (position, headers)
            )


def _asked(route: "Route") -> _Asked:
    """Return trunk, To and From, None standing for any."""
    to, from_ = (None if text == "*" else text for text in (route.to, route.from_))
    return route.trunk, to, from_


def _headers(route: "Route") -> frozenset[_Header]:
    return frozenset((name.lower(), pattern) for name, pattern in route.header.items())


def _wider(asked: _Asked, headers: frozenset[_Header]) -> Iterator[_Place]:
    """Yield where a route can be filed that asks no more than these."""
    trunks, tos, froms = (dict.fromkeys((value, None)) for value in asked)
    yield from product(trunks, tos, froms, (*headers, None))
