"""The steps of a hunt: each way, and where its trunk has several servers each of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.lines.lines import Lines
from bridge.outbound.ways import Way
from bridge.outcome import Cause, Outcome
from sip import Server

__all__ = ["Step", "steps"]

TROUBLED = 503
"""Service Unavailable (RFC 3261 section 21.5.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One attempt that may be made."""

    way: Way
    server: Server | None
    """Which of the trunk's it goes to; None where it has one."""
    others: bool
    """Whether more of its servers follow."""
    last: bool
    """Whether no other way follows."""

    def server_failed(self, outcome: Outcome, *, rang: bool) -> bool:
        """Whether that is to be laid to its server (RFC 3263 section 4.3): no answer, or 503."""
        troubled = outcome.cause is Cause.TRUNK_FAILED and outcome.sip_code == TROUBLED
        failed = troubled or outcome.cause is Cause.UNREACHABLE
        return self.server is not None and failed and not rang

    def goes_on(self, outcome: Outcome, *, rang: bool) -> bool:
        """Whether another attempt follows one that ended so."""
        if self.others and self.server_failed(outcome, rang=rang):
            return True
        return not self.last and self.way.failover.goes_on(outcome, rang=rang)


def steps(ways: Sequence[Way], lines: Lines) -> Iterator[Step]:
    """All of them in turn; which servers there are is asked when a way's turn comes."""
    for number, way in enumerate(ways, 1):
        servers = lines.servers(way.trunk, way.to) or (None,)
        for place, server in enumerate(servers, 1):
            yield Step(
                way=way,
                server=server,
                others=place < len(servers),
                last=number == len(ways),
            )
