"""What is asked for in a transfer, and what came of it."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

from bridge.configuration.agents import TransferConfig
from bridge.configuration.templates import fill
from bridge.dial_policy import Destination
from bridge.facts import Facts
from bridge.outbound.headers import check_headers
from bridge.outcome import Outcome

__all__ = ["Mode", "TransferOrder", "TransferResult", "TransferTerms"]

Mode = Literal["blind", "bridged", "warm", "attended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOrder:
    """Whom the first party is to talk with, and how it gets there.

    blind      the other side is asked to call there itself (REFER), and we leave
    bridged    we call there, join the two legs and carry their audio
    warm       as bridged; whom we call is told of the caller, who hears music, and accepts first
    attended   as warm; then the other side is asked to call in our place (REFER with Replaces)
    """

    to: str
    """A number or a SIP address."""
    name: str = ""
    """What the agent calls it."""
    mode: Mode = "blind"
    trunk: str | Sequence[str] | None = None
    """Through which to call, the next where one fails; as `outbound` says, or the call's own, where
    none is named."""
    caller_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the REFER, or of the INVITE."""
    timeout_s: float = 30.0
    """How long it may ring there."""
    music: Path | str | None = None
    """WAV file for the waiting caller; without one a tone now and then, unless it is `bridged`."""
    announcement: Path | str | None = None
    """WAV file for whom we call, before the caller is joined."""
    summary: str = ""
    """What the agent says to whom we call, before the announcement."""
    accept_key: str = "1"
    """Key that accepts the caller; empty: whoever answers has accepted."""
    accept_timeout_s: float = 15.0
    """How long it is waited for after the announcement."""
    agent: Literal["leave", "listen"] = "leave"
    """What the agent does once the legs are joined."""
    fallback: bool = True
    """Where the REFER is refused, join the legs here."""

    @classmethod
    def configured(
        cls, config: TransferConfig, destination: Destination, *, facts: Facts, summary: str
    ) -> "TransferOrder":
        """One that an agent asks for: as its configuration says."""
        return cls(
            to=destination.target,
            name=destination.name,
            mode=config.mode,
            trunk=config.trunk,
            caller_id=config.caller_id,
            headers=_filled(config.headers, facts),
            timeout_s=config.timeout_s,
            music=config.music,
            announcement=config.announcement,
            summary=summary,
            accept_key=config.accept_key,
            accept_timeout_s=config.accept_timeout_s,
            agent=config.agent,
            fallback=config.fallback,
        )


def _filled(headers: Mapping[str, str], facts: Facts) -> Mapping[str, str]:
    """Headers with what is known of the call; what is empty then, or may not be sent, is none."""
    filled: dict[str, str] = {}
    for name, value in fill(headers, facts).items():
        if value:
            with contextlib.suppress(ValueError):
                filled = check_headers(filled | {name: value})
    return filled


class TransferTerms(TypedDict, total=False):
    """What may be said of a transfer besides to whom and in which mode; see `TransferOrder`."""

    name: str
    trunk: str | Sequence[str] | None
    caller_id: str
    headers: Mapping[str, str]
    timeout_s: float
    music: Path | str | None
    announcement: Path | str | None
    summary: str
    accept_key: str
    accept_timeout_s: float
    agent: Literal["leave", "listen"]
    fallback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
    """What came of a transfer."""

    done: bool
    mode: Mode
    """In which it ended: a blind one may have fallen back to a bridged one."""
    to: str
    code: int = 0
    """The SIP status that decided it; 0 where none was told."""
    reason: str = ""

    @classmethod
    def failed(cls, order: TransferOrder, outcome: Outcome) -> "TransferResult":
        """Whoever was called did not come to the telephone."""
        reason = f"{outcome.cause}" + (f" ({outcome.detail})" if outcome.detail else "")
        return cls(done=False, mode=order.mode, to=order.to, code=outcome.sip_code, reason=reason)

    def papers(self) -> dict[str, Any]:
        """As events and journal show it."""
        return {"to": self.to, "mode": self.mode, "code": self.code, "reason": self.reason}
