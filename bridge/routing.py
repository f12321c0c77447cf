"""Which agent takes an inbound call: the first route that matches it."""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from bridge.config import Route
from bridge.configuration.templates import header_values
from bridge.errors import NoRoute

__all__ = ["Choice", "choose"]

TOLD_ROUTES = 20
"""Routes that a refusal tells of one by one; a long table would fill the log."""
_WILD = re.compile(r"[*?]")
SHOWN_CHARACTERS = 64
"""How much is shown of a value that a stranger chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The route that took a call."""

    route: Route
    position: int
    """Which one it is in the configuration, counted from 1."""
    looked_at: tuple[str, ...]
    """Why each route above it did not match, up to `TOLD_ROUTES` of them."""

    @property
    def agent(self) -> str:
        """The name of the agent to take the call."""
        return self.route.agent


def choose(
    routes: Sequence[Route],
    *,
    trunk: str,
    to: str,
    from_: str,
    headers: Mapping[str, tuple[str, ...]],
) -> Choice:
    """Return the first of `routes` that matches a call.

    `to` and `from_` are the user parts of the SIP addresses. Raises NoRoute, whose detail says
    why each route failed.
    """
    looked_at: list[str] = []
    for position, route in enumerate(routes, 1):
        if _takes(route, trunk, to, from_, headers):
            return Choice(route=route, position=position, looked_at=tuple(looked_at))
        if len(looked_at) < TOLD_ROUTES:
            looked_at.append(f"{position}: {_mismatch(route, trunk, to, from_, headers)}")
    call = f"no route for {_shown(to)} from {_shown(from_)} by trunk {trunk}"
    if not routes:
        raise NoRoute(f"{call}; there are no routes")
    if (untold := len(routes) - len(looked_at)) > 0:
        looked_at.append(f"and {untold} more")
    raise NoRoute(f"{call}; looked at {'; '.join(looked_at)}")


def _takes(
    route: Route, trunk: str, to: str, from_: str, headers: Mapping[str, tuple[str, ...]]
) -> bool:
    """Whether `route` matches. Runs for each route of a long table while other calls wait."""
    return (
        (route.to is None or _matches(route.to, to))
        and (route.trunk is None or route.trunk == trunk)
        and (route.from_ is None or _matches(route.from_, from_))
        and all(
            any(_matches(pattern, value) for value in header_values(headers, name))
            for name, pattern in route.header.items()
        )
    )


def _mismatch(
    route: Route, trunk: str, to: str, from_: str, headers: Mapping[str, tuple[str, ...]]
) -> str:
    """Return the first reason why `route` does not match a call that it does not take."""
    if route.trunk is not None and route.trunk != trunk:
        return f"trunk {route.trunk} is not {trunk}"
    if route.to is not None and not _matches(route.to, to):
        return f"to {route.to} does not match {_shown(to)}"
    if route.from_ is not None and not _matches(route.from_, from_):
        return f"from {route.from_} does not match {_shown(from_)}"
    for name, pattern in route.header.items():
        values = header_values(headers, name)
        if not values:
            return f"header {name} is absent"
        if not any(_matches(pattern, value) for value in values):
            return f"header {name} {pattern} does not match {_shown(', '.join(values))}"
    raise AssertionError("the route matches")


def _matches(pattern: str, text: str) -> bool:
    """Whether `text` is what `pattern` says; one that begins otherwise is told at once."""
    wild = _WILD.search(pattern)
    if wild is None:
        return pattern == text
    return text.startswith(pattern[: wild.start()]) and _compiled(pattern).match(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Translate `pattern`, in which only ``*`` and ``?`` mean more than themselves."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


def _shown(text: str) -> str:
    """Make a stranger's text fit for one log line."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    if len(printable) > SHOWN_CHARACTERS:
        printable = printable[:SHOWN_CHARACTERS] + "…"
    return printable or "nobody"
