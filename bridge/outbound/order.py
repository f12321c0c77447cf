"""What someone asks for who wants a call placed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bridge.outbound.headers import check_headers
from sip.uri import check_sendable, parse_uri

__all__ = ["Callee", "Number", "Order", "OrderBody", "SipHeaders", "Trunks", "trunks_named"]

LONGEST_NUMBER = 256
LONGEST_RING_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A call to be placed."""

    to: str
    """A number or a SIP URI."""
    agent: str
    trunks: tuple[str, ...] = ()
    """Which trunks to call through, the next where one fails; none leaves it to the bridge."""
    variables: Mapping[str, str] = field(default_factory=dict)
    caller_id: str = ""
    """The number shown to whom we call; empty is the trunk's."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """SIP headers added to the INVITE, as `outbound.headers` let them pass."""
    ring_timeout_s: float | None = None
    """How long each trunk may let it ring; None is the trunk's own."""


def trunks_named(trunk: str | Sequence[str] | None) -> tuple[str, ...]:
    """The trunks that somebody named: none, one, or several, the next where one fails."""
    if trunk is None:
        return ()
    return (trunk,) if isinstance(trunk, str) else tuple(trunk)


def _one_or_many(value: object) -> object:
    """Let one stand for itself; what is neither is told by whoever reads it."""
    return trunks_named(value) if value is None or isinstance(value, str) else value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has a line break or another control character in it")
    return value


def _callable(to: str) -> str:
    """Refuse what names nobody, so that whoever ordered learns it and not the call's outcome."""
    bare = to.strip()
    address = bare.lower().startswith(("sip:", "sips:"))
    if not bare or (address and not parse_uri(bare).host):
        raise ValueError("names nobody to call")
    if address:
        check_sendable(bare)
    return bare


Number = Annotated[str, Field(max_length=LONGEST_NUMBER), AfterValidator(_printable)]
"""One that is shown."""
Callee = Annotated[str, Field(max_length=LONGEST_NUMBER), AfterValidator(_callable)]
"""A number or a SIP address to be called."""
SipHeaders = Annotated[dict[str, str], AfterValidator(check_headers)]
"""Headers that somebody gives for a request of ours."""

Trunks = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class OrderBody(BaseModel):
    """The body of POST /v1/calls."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    to: Callee
    agent: str
    trunk: Trunks = ()
    variables: dict[str, str] = {}
    caller_id: Number = ""
    headers: SipHeaders = {}
    ring_timeout_s: Annotated[float, Field(gt=0, le=LONGEST_RING_S)] | None = None

    def order(self) -> Order:
        """The order."""
        return Order(
            to=self.to,
            agent=self.agent,
            trunks=self.trunk,
            variables=self.variables,
            caller_id=self.caller_id,
            headers=self.headers,
            ring_timeout_s=self.ring_timeout_s,
        )
