"""Who may come in: trunks and their registrations, admission, strangers."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from sip.commands import Refusal
from sip.events import RegistrationChanged, Stranger
from sip.media import MediaAddress
from sip.registration import RegistrationMachine
from sip.stack import Hooks, StackStats
from sip.strangers import Strangers
from sip.trunk import Candidate, Registration, RegistrationState, Trunk, identify, new_token

__all__ = ["BAD_EVENT", "FULL", "MISPLACED", "NOT_ALLOWED", "STRANGER", "Gate", "Member"]

log = logging.getLogger("sip.gate")

STRANGER = Refusal(code=403, reason="Forbidden")
FULL = Refusal(code=503, reason="Service Unavailable", retry_after_s=5)
NO_DIALOG = Refusal(code=481, reason="Call/Transaction Does Not Exist")
BAD_EVENT = Refusal(code=489, reason="Bad Event")
MISPLACED = {
    "SUBSCRIBE": BAD_EVENT,
    **dict.fromkeys(("BYE", "INFO", "NOTIFY", "PRACK", "UPDATE"), NO_DIALOG),
}
"""Requests that mean nothing to us outside a dialog (RFC 3261 section 12.2.2, RFC 6665)."""
NOT_ALLOWED = Refusal(code=405, reason="Method Not Allowed")
"""To all other requests (RFC 3261 section 8.2.1)."""
NO_MEDIA = Refusal(code=503, reason="Service Unavailable", retry_after_s=5)


@dataclass(slots=True, kw_only=True)
class Member:
    """A trunk, with what is learnt of it while running."""

    trunk: Trunk
    machine: RegistrationMachine
    token: str
    resolved: frozenset[str] = frozenset()
    """Addresses its servers' names lead to."""
    answered_from: str = ""
    """Address that accepted our REGISTER."""
    told: tuple[object, ...] = ()

    @property
    def candidate(self) -> Candidate:
        """How it stands towards a request that comes in."""
        addresses = self.resolved | ({self.answered_from} if self.answered_from else frozenset())
        return Candidate(
            trunk=self.trunk,
            registered=self.machine.state is RegistrationState.REGISTERED,
            addresses=frozenset(addresses),
            token=self.token,
        )


class Gate:
    """Decides about requests before they are calls; lives on the SIP thread."""

    def __init__(self, trunks: Iterable[Trunk], *, hooks: Hooks, stats: StackStats) -> None:
        self.members = {
            trunk.name: Member(
                trunk=trunk,
                machine=RegistrationMachine(trunk.name, registers=trunk.registrar is not None),
                token=new_token(),
            )
            for trunk in trunks
        }
        self.refusal: Refusal | None = None
        self._hooks = hooks
        self._stats = stats
        self._strangers = Strangers()

    @property
    def due(self) -> float | None:
        """Loop time at which a registration next wants attention."""
        times = [m.machine.due for m in self.members.values()]
        return min((t for t in times if t is not None), default=None)

    def identify(self, source: str, request_uri: str) -> Trunk | None:
        """The trunk a request belongs to; None for a stranger."""
        candidates = (member.candidate for member in self.members.values())
        return identify(candidates, source=source, request_uri=request_uri)

    def admit(self, peer_host: str, *, full: bool = False) -> MediaAddress | Refusal:
        """Let a trunk's call in with a media address, or say what to answer it."""
        if (refusal := self.closed(full=full)) is not None:
            return refusal
        media = self._hooks.lease(peer_host)
        if media is None:
            self._stats.refused += 1
            return NO_MEDIA
        return media

    def closed(self, *, full: bool) -> Refusal | None:
        """What a trunk's call is answered while none is let in; None while they are."""
        refusal = FULL if full else self.refusal
        if refusal is not None:
            self._stats.refused += 1
        return refusal

    def turn_away(self, source: str, method: str, why: str, now: float) -> None:
        """Count a stranger; tell it when that is due."""
        self._stats.strangers += 1
        count = self._strangers.refused(source, now)
        if count:
            log.warning("= %s from %s turned away: %s (%d times)", method, source, why, count)
            self._hooks.emit(Stranger(source=source, method=method, why=why, count=count))

    def tell(self, member: Member, now: float) -> None:
        """Log and emit a trunk's registration when it changed, or was renewed."""
        registration = member.machine.registration(now)
        told = (registration.state, registration.code, member.machine.expires_at)
        if told == member.told:
            return
        if member.told[:2] != told[:2] and registration.state is not RegistrationState.NONE:
            self._log(registration)
        member.told = told
        self._hooks.emit(RegistrationChanged(registration=registration))

    def _log(self, registration: Registration) -> None:
        failed = registration.state in (
            RegistrationState.REJECTED,
            RegistrationState.UNREACHABLE,
            RegistrationState.EXPIRED,
        )
        answer = f", {registration.code} {registration.reason}" if registration.code else ""
        wait = registration.retry_in_s
        again = "" if wait is None else f", again in {wait:.0f} s"
        log.log(
            logging.WARNING if failed else logging.INFO,
            "= trunk %s is %s%s%s",
            registration.trunk,
            registration.state.value,
            answer,
            again,
        )
