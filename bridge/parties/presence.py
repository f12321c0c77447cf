"""Whether a party is there: how it is reached, when it came, how it went."""

import asyncio
from typing import TYPE_CHECKING

from bridge.outbound.failover import Attempt
from bridge.outcome import Outcome
from sip import Ended, Headers, Leg

if TYPE_CHECKING:
    from bridge.parties.party import Party

__all__ = ["Presence"]


class Presence:
    """One side of a `Party`, which has the rest: the life of its leg.

    dialled, or calls us ──> answered ──> ended
       └── tried again, through another trunk: a new leg
       └── picked up from another telephone: `successor`
    """

    def __init__(self, *, trunk: str, to: str) -> None:
        self.trunk = trunk
        """Through which it is reached: of several that are tried, the latest."""
        self.to = to
        """Whom we called, as it was asked for; empty where it called us."""
        self.leg: Leg | None = None
        self.sent_away = False
        """Whether we hung up, or tried to."""
        self.dialling = False
        """Whether its leg is one attempt, of perhaps several, to reach it."""
        self.attempts: list[Attempt] = []
        """How we tried to reach it."""
        self.answered = asyncio.Event()
        self.answer_headers = Headers()
        """Of its 2xx, where we called it."""
        self.successor: asyncio.Future[Party] = asyncio.get_running_loop().create_future()
        """Who picked it up from another telephone while it was dialled."""
        self.essential = False
        """Whether the call is over when this party is gone."""
        self.claimed = False
        """Whether somebody takes its place, or is about to."""
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.outcome: Outcome | None = None
        """How its leg ended, where it did so before the call."""
        self.closed = False
        """Whether its call has let go of it."""
        self.timings: dict[str, float] = {}
        """Seconds from the call's beginning to each step of its leg, by the step's name."""

    @property
    def headers(self) -> Headers:
        """The SIP headers of its INVITE where it called us, of its answer where we called it.

        Names are alike in any case.
        """
        invite = None if self.leg is None else self.leg.invite
        return self.answer_headers if invite is None else invite.headers

    @property
    def last_headers(self) -> Headers:
        """Of the BYE, the CANCEL or the refusal by which it ended its leg, where it did so."""
        return self.ended.result().headers if self.ended.done() else Headers()

    @property
    def alive(self) -> bool:
        """Whether it takes a place: it is on the telephone, or being dialled."""
        if self.closed or self.outcome is not None:
            return False
        return self.dialling or not self.ended.done()

    def attempt(self, trunk: str) -> None:
        """Another attempt to reach it begins, through another trunk."""
        self.leg, self.dialling, self.trunk = None, True, trunk
        self.sent_away = False
        self.ended = asyncio.get_running_loop().create_future()
