"""What is known about a call from its first moment: who, whom, where from, and when."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["CallId", "Direction", "Facts"]

CallId = str


class Direction(StrEnum):
    """Who sent the INVITE: the other side or the bridge."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


def _new_id() -> CallId:
    return f"c-{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The identity of one call: what templates may name and what the journal says first."""

    direction: Direction
    trunk: str
    caller: str
    callee: str
    agent: str
    id: CallId = field(default_factory=_new_id)
    caller_name: str = ""
    sip_call_id: str = ""
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The SIP headers of the INVITE, as received."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the order of an outbound call gave with it."""
    started: float = field(default_factory=time.time)
    """Wall-clock time of the INVITE or the order, seconds since the epoch; for papers only."""
