"""The edge with telephones for a carrier and two bridges, which do as a test says."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tests.cluster.lone_edge import LoneEdge
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.waiting import until

__all__ = ["CARRIER", "OFFER", "OFFICE", "Row", "first", "record_routes", "row", "tag"]

CARRIER, OFFICE = "127.0.0.2", "127.0.0.3"
"""In group 1 and in group 2 of address.list."""
OFFER = describe(Line(host=CARRIER))


class Row:
    """An edge, a carrier, and two bridges that do as the test says."""

    def __init__(self, edge: LoneEdge, carrier: Phone, bridges: tuple[Phone, Phone]) -> None:
        self.edge, self.carrier, self.bridges = edge, carrier, bridges

    async def up(self, caller: Phone | None = None) -> tuple[SipCall, SipCall]:
        """A call that is up: the carrier's side, and the bridge's."""
        call = await (caller or self.carrier).invite(self.edge.address, OFFER)
        taken = await first(*self.bridges)
        assert taken.invite is not None
        taken.reply(taken.invite, "200 OK", body=OFFER)
        await call.expect(200)
        call.ack()
        await taken.expect("ACK")
        return call, taken

    async def load(self) -> int:
        """How many calls the edge believes that bridges have."""
        told = await self.edge.kamcmd("dispatcher.list")
        return sum(int(line.split()[1]) for line in told.splitlines() if "DLGLOAD" in line)


async def first(*phones: Phone) -> SipCall:
    """The call that comes to one of them."""
    await until(lambda: any(not phone._new.empty() for phone in phones))
    return await next(phone for phone in phones if not phone._new.empty()).called()


@contextlib.asynccontextmanager
async def row(
    folder: Path, change: Mapping[str, str] | None = None, more: str = ""
) -> AsyncIterator[Row]:
    async with (
        Phone(host=CARRIER) as carrier,
        Phone(host="127.0.0.11") as one,
        Phone(host="127.0.0.12") as other,
        LoneEdge(
            folder,
            bridges=(one.address, other.address),
            carriers=(carrier.address,),
            addresses=(f"2 {OFFICE} 32 0 office",),
            change=change,
            more=more,
        ) as lone,
    ):
        yield Row(lone, carrier, (one, other))
        # Of two BYEs the first may be answered before the second is sent, which is then none.
        wrong = [line for line in lone.log.splitlines() if " ERROR: " in line]
        assert not [line for line in wrong if "send_bye()" not in line]
        assert "CRITICAL" not in lone.log


def tag(address: str) -> str:
    return address.partition(";tag=")[2]


def record_routes(call: SipCall) -> list[str]:
    """What a bridge that was called sends its requests by."""
    assert call.invite is not None
    return [value for name, value in call.invite.headers if name == "Record-Route"]
