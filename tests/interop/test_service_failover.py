"""`uvbridge call` over two trunks, SIPp behind each: the first fails in its own way."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.kamailio import Kamailio, needs_kamailio
from tests.support.scenario import (
    ANSWER,
    RING,
    callee_request,
    pause,
    recv,
    recv_invite,
    response,
    scenario,
    send,
)
from tests.support.serving import Serving, command, serving
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, needs_sipp]

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
ANSWERS = scenario(
    recv_invite(),
    RING,
    *ANSWER,
    pause(500),
    send(callee_request("BYE")),
    recv(200),
)


def refuses(status: str, *headers: str) -> str:
    return scenario(
        recv_invite(),
        send(response("100 Trying", tag=False)),
        send(response(status, *headers)),
        recv("ACK"),
    )


def over(first: str, second: str) -> dict[str, Any]:
    """A configuration with two trunks, tried one after the other."""
    return {
        "trunks": {
            "pbx": None,
            "first": {"hosts": [FIRST], "address": first, "trying_timeout_s": 1},
            "second": {
                "hosts": [SECOND],
                "address": second,
                "number_format": "e164",
                "country": "GB",
            },
        },
        "outbound": [{"to": "*", "trunks": ["first", "second"]}],
        "routes": [{"agent": "silent"}],
    }


async def call(served: Serving, *words: str) -> tuple[int, str]:
    """Place a call and follow it: its exit status, and what was told."""
    words = ("020 7183 8750", "--agent=silent", "--wait", *words, "-c", str(served.config))
    status, out, err = await command("call", *words)
    return status, out + err


@contextlib.asynccontextmanager
async def nobody() -> AsyncIterator[tuple[str, int]]:
    """An address that takes everything and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind((FIRST, 0))
        yield deaf.getsockname()


async def attempts(served: Serving) -> list[tuple[str, int, str | None]]:
    record = await served.record()
    return [(each["trunk"], each["sip_code"], each["cause"]) for each in record["attempts"]]


@pytest.mark.parametrize("status", ["503 Service Unavailable", "500 Server Internal Error"])
async def test_the_second_trunk_answers_where_the_first_fails(tmp_path: Path, status: str) -> None:
    async with (
        Sipp(refuses(status, "Retry-After: 1"), host=FIRST) as first,
        Sipp(ANSWERS, host=SECOND) as second,
        serving(
            tmp_path, over(f"sip:{FIRST}:{first.port}", f"sip:{SECOND}:{second.port}")
        ) as served,
    ):
        exit_status, told = await call(
            served, "--caller-id=442079460000", "--header=X-Campaign: spring"
        )
        await asyncio.gather(first.done(), second.done())
        assert exit_status == 0, told
        assert "trunk first: trunk-failed" in told
        assert await attempts(served) == [
            ("first", int(status[:3]), "trunk-failed"),
            ("second", 200, None),
        ]
        invite = second.received("INVITE")
        assert invite.startswith(f"INVITE sip:442071838750@{SECOND}")
        assert "<sip:442079460000@" in invite
        assert "\nX-Campaign: spring" in invite


async def test_a_busy_phone_is_not_called_again_through_the_second(tmp_path: Path) -> None:
    async with (
        Sipp(refuses("486 Busy Here"), host=FIRST) as first,
        serving(tmp_path, over(f"sip:{FIRST}:{first.port}", f"sip:{SECOND}:9")) as served,
    ):
        exit_status, told = await call(served)
        await first.done()
        assert exit_status == 10, told
        assert await attempts(served) == [("first", 486, "busy")]


async def test_the_second_answers_where_the_first_says_nothing(tmp_path: Path) -> None:
    async with (
        nobody() as (host, port),
        Sipp(ANSWERS, host=SECOND) as second,
        serving(tmp_path, over(f"sip:{host}:{port}", f"sip:{SECOND}:{second.port}")) as served,
    ):
        exit_status, told = await call(served)
        await second.done()
        assert exit_status == 0, told
        assert await attempts(served) == [("first", 0, "unreachable"), ("second", 200, None)]


async def test_where_nobody_says_anything_the_call_was_unreachable(tmp_path: Path) -> None:
    async with (
        nobody() as (host, port),
        serving(tmp_path, over(f"sip:{host}:{port}", f"sip:{host}:{port}")) as served,
    ):
        exit_status, told = await call(served, "--trunk=first")
        assert exit_status == 13, told


@needs_kamailio
async def test_a_failure_behind_the_carriers_proxy_leads_to_the_second(tmp_path: Path) -> None:
    async with (
        Sipp(refuses("503 Service Unavailable"), host="127.0.0.4") as gateway,
        Kamailio({"bridge": "s3cret"}, host=FIRST, gateway=("127.0.0.4", gateway.port)) as proxy,
        Sipp(ANSWERS, host=SECOND) as second,
    ):
        change = over("", f"sip:{SECOND}:{second.port}")
        change["trunks"]["first"] = {
            "registrar": f"sip:{proxy.host}:{proxy.port}",
            "username": "bridge",
            "password": "s3cret",
        }
        async with serving(tmp_path, change) as served:
            await until(lambda: "trunk first is registered" in served.log)
            exit_status, told = await call(served)
            await asyncio.gather(gateway.done(), second.done())
            assert exit_status == 0, told
            (first, _, cause), last = await attempts(served)
            assert (first, cause) == ("first", "trunk-failed")
            assert last == ("second", 200, None)
