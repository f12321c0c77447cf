"""A trunk whose address is a name with SRV records: which of its servers a call goes to."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.caller import Phone, SipCall
from tests.support.dns import name_server
from tests.support.line import Line
from tests.support.service import Bridge, running

pytestmark = pytest.mark.interop

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
ORDER = {"to": "+15550177", "agent": "echo"}


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """A bridge, and the two servers of its only trunk."""

    bridge: Bridge
    first: Phone
    second: Phone

    async def attempts(self) -> list[tuple[int, str | None]]:
        """Status and cause of each attempt of the last call."""
        record = await self.bridge.record()
        return [(each["sip_code"], each["cause"]) for each in record["attempts"]]


@contextlib.asynccontextmanager
async def carrier(folder: Path, **others: Any) -> AsyncIterator[Carrier]:
    """`others` are further trunks."""
    async with Phone(host=FIRST) as first, Phone(host=SECOND) as second:
        hosts = {"one.carrier.test": FIRST, "two.carrier.test": SECOND}
        servers = [("one.carrier.test", first.address[1]), ("two.carrier.test", second.address[1])]
        async with name_server(a=hosts, srv={"_sip._udp.carrier.test": servers}) as (dns, _):
            change = {
                "sip": {"nameservers": [dns]},
                "trunks": {
                    "pbx": None,
                    "carrier": {
                        "hosts": [FIRST, SECOND],
                        "address": "sip:carrier.test",
                        "trying_timeout_s": 1,
                    },
                    **others,
                },
            }
            async with running(folder, change) as bridge:
                yield Carrier(bridge=bridge, first=first, second=second)


async def talk(phone: Phone) -> SipCall:
    """Answer a call to that server, and hang up."""
    async with Line(host=phone.address[0]) as line:
        call = await phone.answer(line)
        await call.hang_up()
    return call


async def test_a_server_that_says_nothing_is_followed_by_the_next_and_then_comes_last(
    tmp_path: Path,
) -> None:
    async with carrier(tmp_path) as here:
        await here.bridge.post("/v1/calls", ORDER)
        call = await talk(here.second)
        assert call.invite is not None
        assert call.invite.start.startswith("INVITE sip:+15550177@carrier.test ")
        assert call.invite["Route"] == ""
        assert await here.attempts() == [(0, "unreachable"), (200, None)]

        await here.bridge.idle()
        await here.bridge.post("/v1/calls", ORDER)
        await talk(here.second)
        assert await here.attempts() == [(200, None)]


async def test_a_server_that_says_503_is_followed_by_the_next(tmp_path: Path) -> None:
    async with carrier(tmp_path) as here:
        await here.bridge.post("/v1/calls", ORDER)
        await here.first.refuse("503 Service Unavailable", "Retry-After: 60")
        await talk(here.second)
        assert await here.attempts() == [(503, "trunk-failed"), (200, None)]


@pytest.mark.parametrize("status", ["486 Busy Here", "500 Server Internal Error"])
async def test_what_else_a_server_says_holds_for_all_of_them(tmp_path: Path, status: str) -> None:
    async with carrier(tmp_path) as here:
        await here.bridge.post("/v1/calls", ORDER)
        await here.first.refuse(status)
        assert [code for code, _ in await here.attempts()] == [int(status[:3])]


async def test_where_all_servers_fail_the_next_trunk_gets_the_call(tmp_path: Path) -> None:
    async with Phone(host="127.0.0.4") as other:
        backup = {"hosts": ["127.0.0.4"], "address": "sip:{}:{}".format(*other.address)}
        async with carrier(tmp_path, backup=backup) as here:
            await here.bridge.post("/v1/calls", {**ORDER, "trunk": ["carrier", "backup"]})
            await here.first.refuse("503 Service Unavailable")
            await here.second.refuse("503 Service Unavailable")
            await talk(other)
            assert [code for code, _ in await here.attempts()] == [503, 503, 200]
