"""The ways to whom an order calls: through which trunks, in which order, and as which number."""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.configuration.outbound import OutboundRoute
from bridge.configuration.trunks import TrunkConfig
from bridge.errors import OrderError
from bridge.outbound.failover import Failover
from bridge.outbound.numbers import dialled
from bridge.outbound.order import Order

__all__ = ["Way", "ways"]

_SEPARATORS = re.compile(r"[\s().\-/\u00a0]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One trunk, and what to do with it."""

    trunk: str
    to: str
    """The number as this trunk wants it, or a SIP URI."""
    caller_id: str
    ring_timeout_s: float
    trying_timeout_s: float
    failover: Failover
    """Whether the next way is tried after this one."""


def ways(
    order: Order,
    *,
    trunks: Mapping[str, TrunkConfig],
    table: Sequence[OutboundRoute],
    otherwise: str | None = None,
) -> tuple[Way, ...]:
    """The ways for an order, the first to be tried first; never none.

    The trunks are those that the order names, else those of the first entry of `table` that
    matches, else the trunk `otherwise`, else the only one there is. Raises OrderError where there
    is none of that name, where nothing says which, or where the number is none.
    """
    names, codes = _named(order, trunks, table, otherwise)
    found = []
    for name in names:
        trunk = trunks[name]
        try:
            to = dialled(order.to, trunk.number_format, country=trunk.country)
        except ValueError as error:
            raise OrderError(str(error)) from error
        found.append(
            Way(
                trunk=name,
                to=to,
                caller_id=order.caller_id or trunk.caller_id,
                ring_timeout_s=order.ring_timeout_s or trunk.ring_timeout_s,
                trying_timeout_s=trunk.trying_timeout_s,
                failover=Failover(trunk.failover_codes if codes is None else codes),
            )
        )
    return tuple(found)


def _named(
    order: Order,
    trunks: Mapping[str, TrunkConfig],
    table: Sequence[OutboundRoute],
    otherwise: str | None,
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Names of trunks, and the codes of the table's entry where one decided."""
    for name in order.trunks:
        if name not in trunks:
            raise OrderError(f"there is no trunk {name!r}")
    if order.trunks:
        return tuple(dict.fromkeys(order.trunks)), None
    number = _SEPARATORS.sub("", order.to)
    for entry in table:
        if fnmatch.fnmatchcase(number, entry.to.replace("[", "[[]")):
            return entry.trunks, entry.failover_codes
    if otherwise is not None:
        return (otherwise,), None
    if table:
        raise OrderError("no entry of `outbound` matches the number; say which trunk to use")
    if len(trunks) != 1:
        raise OrderError("there are several trunks; say which one to call through")
    return tuple(trunks), None
