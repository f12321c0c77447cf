"""Requests outside any call, and what they cost, against PJSIP."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sip import Answered, Listen
from sip.pjsua.build import CAN_SCREEN
from tests.support.caller import Message, Phone, SipCall
from tests.support.exchange import HOME, SETTINGS, Exchange, exchange, next_event
from tests.support.scenario import audio
from tests.support.service import offer_to

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not CAN_SCREEN, reason="PyPI's build of PJSIP asks nobody about these"),
]

TRUNK, STRANGER = "127.0.0.2", "127.0.0.3"
PCMU = audio(address=STRANGER, family="4")


class Prober(Phone):
    """Counts every datagram, repetitions too, and asks what it likes."""

    got = 0

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.got += 1
        super().datagram_received(data, address)

    async def ask(self, remote: tuple[str, int], method: str, *headers: str) -> Message:
        """The answer to a request that belongs to nothing."""
        target = f"sip:1000@{remote[0]}:{remote[1]}"
        call = SipCall(
            self,
            call_id=secrets.token_hex(8),
            local=f"<sip:ann@{self.address[0]}>;tag={secrets.token_hex(4)}",
            remote=f"<{target}>",
            target=target,
            peer=remote,
        )
        self._calls[call.id] = call
        call.send(method, *headers)
        return await call.next()


@pytest.fixture
async def ours() -> AsyncIterator[Exchange]:
    async with exchange() as running:
        yield running


async def test_no_request_is_left_unanswered(ours: Exchange) -> None:
    codes = dict.fromkeys(("REGISTER", "PUBLISH", "NEWMETHOD"), 405)
    codes |= dict.fromkeys(("BYE", "INFO", "NOTIFY", "PRACK", "UPDATE"), 481)
    async with Prober(host=TRUNK) as trunk, Prober(host=STRANGER) as stranger:
        for method, code in codes.items():
            answer = await trunk.ask(ours.address, method, "Event: keep-alive")
            assert answer.code == code
            assert answer["Allow"].startswith("INVITE, ACK") == (code == 405)
            assert (await stranger.ask(ours.address, method)).code == 403
        refused = await trunk.ask(ours.address, "SUBSCRIBE", "Event: presence")
        assert (refused.code, refused["Allow-Events"]) == (489, "refer")
    assert ours.agent.stats.strangers == len(codes)


async def test_what_a_stranger_is_refused_with_is_said_once_and_forgotten(ours: Exchange) -> None:
    async with Prober(host=STRANGER) as stranger:
        call = await stranger.invite(ours.address, PCMU)
        assert (await call.next()).code == 403
        await asyncio.sleep(0.7)  # unacknowledged, a transaction says it again after 0.5 s
        assert stranger.got == 1
    assert (ours.agent.stats.strangers, ours.agent.stats.invites) == (1, 1)


async def test_a_crowd_of_strangers_takes_no_call_from_a_trunk(ours: Exchange) -> None:
    async with Prober(host=STRANGER) as stranger, Phone(host=TRUNK) as trunk:
        for _ in range(1500):  # more than PJSIP has calls
            await stranger.invite(ours.address, PCMU)
            if stranger.got % 50 == 0:
                await asyncio.sleep(0)
        await offer_to(trunk, ours.address)
        assert (await ours.leg()).trunk == "pbx"


REFER_EVENT = ("Event: refer", "Subscription-State: active")


@pytest.mark.parametrize(
    ("method", "headers", "kind", "code"),
    [
        ("OPTIONS", (), "", 200),
        ("MESSAGE", (), "text/plain", 501),
        ("PUBLISH", ("Event: presence",), "", 501),
        ("NEWMETHOD", (), "", 501),
        ("SUBSCRIBE", ("Event: presence", "Expires: 60"), "", 489),
        ("NOTIFY", ("Event: keep-alive",), "", 489),
        ("NOTIFY", REFER_EVENT, "", 481),
        ("INFO", (), "", 200),
        ("INFO", (), "application/dtmf", 200),
        ("INFO", (), "application/dtmf-relay", 200),
        ("INFO", (), "application/vnd.example", 415),
        ("INFO", ("Info-Package: example",), "application/vnd.example", 469),
    ],
)
async def test_requests_within_a_call_are_answered_once_and_it_goes_on(
    ours: Exchange, method: str, headers: tuple[str, ...], kind: str, code: int
) -> None:
    async with Prober(host=TRUNK) as phone:
        call = await offer_to(phone, ours.address)
        leg = await ours.leg()
        await leg.answer()
        await call.expect(200)
        call.ack()
        await next_event(leg, Answered)
        phone.got = 0
        call.send(method, *headers, body="Signal=5\r\n" if kind else "", kind=kind)
        assert (await call.next()).code == code
        await call.hang_up()
        assert phone.got == 2
        assert (await leg.wait_ended()).code == 200


async def test_connections_that_come_and_go_fill_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listen = (Listen(host=HOME, port=0), Listen(transport="tcp", host=HOME, port=0))
    async with exchange(replace(SETTINGS, listen=listen)) as ours:
        place = ours.agent.listening[1]
        for _ in range(60):
            _, writer = await asyncio.open_connection(
                place.host, place.port, local_addr=(STRANGER, 0)
            )
            writer.write(b"INVITE sip:x SIP/2.0\r\n")
            await writer.drain()
            writer.transport.abort()
        async with Prober(host=STRANGER) as stranger:
            assert (await stranger.ask(ours.address, "OPTIONS")).code == 200
    broke = [record for record in caplog.records if "connection broke" in record.message]
    assert 0 < len(broke) <= 10
