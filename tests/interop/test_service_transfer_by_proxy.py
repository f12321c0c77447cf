"""Transfers, hold, early media and headers with a proxy in the way: Kamailio, which stays there.

telephones, SIPp ── SIP ── Kamailio ── SIP ── service
                └──────────── RTP ──────────────┘
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import pytest_asyncio

from bridge.call import Call
from deploy.ports import free_port
from tests.support.baresip import Baresip, needs_baresip, sound
from tests.support.caller import Message, Phone, SipCall, describe
from tests.support.kamailio import Kamailio, needs_kamailio
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.referring import ACCEPT, final, notify
from tests.support.scenario import (
    ACCEPTED,
    audio,
    invite,
    recv,
    response,
    scenario,
    send,
)
from tests.support.scenes import SEEN
from tests.support.service import Bridge, running
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import until
from tests.support.wavs import write_wav

pytestmark = [pytest.mark.interop, needs_kamailio, pytest.mark.asyncio(loop_scope="module")]

GATEWAY = "127.0.0.5"
"""Whose calls the proxy takes without a password, and to whom it gives those to nobody it knows."""
USERS = {name: f"s3cret-of-{name}" for name in ("bridge", "ann", "ben")}
NUMBER = "+15550177"
CALLER, OPERATOR, MUSIC = 1050, 1330, 700
CARRIED = {
    "X-Account": "42",
    "P-Asserted-Identity": "<sip:+4420222@pbx>",
    "User-to-User": "48656c6c6f;encoding=hex;purpose=isdn-interwork",
    "Diversion": "<sip:+4420111@pbx>;reason=unconditional",
    "History-Info": "<sip:+4420111@pbx>;index=1, <sip:bridge@pbx>;index=1.1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The service, the proxy that it is registered with, and a telephone at the proxy's gateway."""

    bridge: Bridge
    proxy: tuple[str, int]
    phone: Phone

    @property
    def place(self) -> str:
        """The proxy, as addresses name it."""
        return "{}:{}".format(*self.proxy)

    @contextlib.asynccontextmanager
    async def up(self, caller: str = "ann") -> AsyncIterator[tuple[SipCall, Call]]:
        """A call that is up, its caller at a pitch of its own."""
        async with self.phone.call(self.proxy, user="bridge", caller=caller, pitch=CALLER) as call:
            ours = await self.bridge.answered()
            await call.line.listen(0.1)
            yield call, ours

    @contextlib.asynccontextmanager
    async def picked_up(self) -> AsyncIterator[SipCall]:
        """Whom the call went to has answered, and talks."""
        async with Line() as line:
            call = await self.phone.answer(line)
            assert call.invite is not None
            assert by_proxy(call.invite)
            line.talk(call.invite.media, pitch=OPERATOR)
            yield call

    async def order(self, ours: Call, **body: Any) -> None:
        """Have a call transferred."""
        await self.bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": NUMBER, **body})

    async def told(self, text: str) -> None:
        """Wait until the agent has been told something."""
        agent = await self.bridge.agent()
        await until(lambda: any(text in each for each in agent.received))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Bridge, Kamailio, int]]:
    """The service behind the proxy, registered; and the port of the proxy's gateway."""
    port = free_port()
    async with Kamailio(USERS, gateway=(GATEWAY, port)) as proxy:
        carrier = {
            "registrar": f"sip:{proxy.host}:{proxy.port}",
            "username": "bridge",
            "password": USERS["bridge"],
            "accept_refer": True,
            "accept_replaces": True,
        }
        scenes = {"early": "early_agent", "carries": "passes_on"}
        change = {
            "trunks": {"pbx": None, "carrier": carrier},
            "routes": [
                *(
                    {"from": name, "agent": "silent", "scenario": f"tests.support.scenes:{scene}"}
                    for name, scene in scenes.items()
                ),
                {"from": "echo", "agent": "echo"},
                {"agent": "silent"},
            ],
        }
        async with running(tmp_path_factory.mktemp("service"), change) as bridge:
            service = bridge.service
            await until(lambda: service.registrations["carrier"].state.value == "registered")
            yield bridge, proxy, port


@pytest_asyncio.fixture(loop_scope="module")
async def house(opened: tuple[Bridge, Kamailio, int]) -> AsyncIterator[House]:
    """Everything, with nothing left of any call before and after."""
    bridge, proxy, port = opened
    await bridge.clear()
    async with Phone(host=GATEWAY, port=port) as phone:
        yield House(bridge=bridge, proxy=(proxy.host, proxy.port), phone=phone)
    await bridge.idle()


@pytest.fixture
def music(tmp_path: Path) -> str:
    return str(write_wav(tmp_path / "music.wav", MUSIC, seconds=0.5, rate=44100))


def by_proxy(request: Message) -> bool:
    """Whether a request of ours came through the proxy, and through nothing else."""
    return sum(name == "Via" for name, _ in request.headers) == 2


def sounds(line: Line) -> set[float]:
    """Who is to be heard on a line now."""
    return heard(line.heard()[-1600:], CALLER, OPERATOR, MUSIC)


def press(call: SipCall, key: str) -> None:
    body = f"Signal={key}\r\nDuration=100\r\n"
    call.send("INFO", body=body, kind="application/dtmf-relay")


def tag(address: str) -> str:
    return address.partition(";tag=")[2]


# Blind.


@needs_sipp
@pytest.mark.parametrize("status", ["200 OK", "486 Busy Here"])
async def test_a_refer_is_followed_to_its_end_and_where_it_fails_the_caller_stays(
    house: House, status: str
) -> None:
    story = scenario(
        send(invite(audio(), user="bridge")),
        *ACCEPTED,
        *ACCEPT,
        *notify("100 Trying", cseq=2),
        *notify("180 Ringing", cseq=3),
        *final(status, cseq=4),
        recv("BYE"),
        send(response("200 OK", tag=False)),
    )
    done = status.startswith("200")
    async with Sipp(story, host=GATEWAY, remote=house.proxy) as caller:
        ours = await house.bridge.answered()
        await house.order(ours, headers={"X-Ticket": "42"}, fallback=False)
        if not done:
            await house.told("has failed: Busy Here")
            assert ours.outcome is None
            await house.bridge.post(f"/v1/calls/{ours.id}/hangup")
        await caller.done()
        refer = caller.received("REFER")
    record = await house.bridge.record()
    assert record["outcome"]["cause"] == ("transferred" if done else "operator-hung-up")
    (transfer,) = record["transfers"]
    assert (transfer["code"], transfer["done"]) == (int(status[:3]), done)
    assert f"sip:{NUMBER}@{house.place}" in refer
    assert "\nX-Ticket: 42\n" in refer
    assert refer.count("\nVia: ") == 2


@needs_baresip
@pytest.mark.parametrize("mode", ["blind", "attended"])
async def test_a_registered_telephone_transfers_itself_to_another_one(
    house: House, tmp_path: Path, mode: str
) -> None:
    ann = _telephone(house, tmp_path / "ann", "127.0.0.3", CALLER, (10000, 10400))
    ben = _telephone(house, tmp_path / "ben", "127.0.0.4", OPERATOR, (10500, 10900))
    async with ann, ben:
        await ann.registered()
        await ben.registered()
        await ann.command("dial", f"sip:bridge@{house.place}")
        await ann.event("CALL_ESTABLISHED")
        ours = await house.bridge.answered()
        await until(lambda: ours.first.stream.stats.received > 20)
        await house.order(ours, to="ben", mode=mode, accept_key="")
        await ben.event("CALL_ESTABLISHED")
        record = await house.bridge.record()
        await ann.pause(1.0)
    assert record["outcome"]["cause"] == "transferred"
    (transfer,) = record["transfers"]
    assert (transfer["mode"], transfer["code"]) == (mode, 200)
    assert heard(sound(tmp_path / "ann"), OPERATOR, CALLER) == {OPERATOR}
    assert heard(sound(tmp_path / "ben"), OPERATOR, CALLER) == {CALLER}


def _telephone(
    house: House, folder: Path, host: str, hertz: int, rtp_ports: tuple[int, int]
) -> Baresip:
    folder.mkdir()
    return Baresip(
        host=host,
        user=folder.name,
        registrar=house.proxy,
        password=USERS[folder.name],
        codecs=("PCMU/8000/1",),
        source=f"ausine,{hertz}",
        heard=folder,
        rtp_ports=rtp_ports,
    )


# Bridged.


async def test_legs_are_joined_and_the_end_of_one_ends_the_other(house: House) -> None:
    async with house.up() as (call, ours):
        await house.order(ours, mode="bridged")
        async with house.picked_up() as other:
            await until(lambda: sounds(other.line) == {CALLER})
            await until(lambda: sounds(call.line) == {OPERATOR})
            await other.hang_up()
            assert by_proxy(await call.ended())
    record = await house.bridge.record()
    assert record["transfers"][0]["done"]
    assert record["outcome"]["cause"] == "callee-hung-up"


@pytest.mark.parametrize("answer", ["486 Busy Here: busy", "603 Decline: declined", ": no-answer"])
async def test_where_nobody_takes_a_bridged_transfer_the_caller_stays(
    house: House, answer: str
) -> None:
    status, _, why = answer.partition(": ")
    async with house.up("echo") as (call, ours):
        await house.order(ours, mode="bridged", timeout_s=30 if status else 0.5)
        if status:
            await house.phone.refuse(status, ringing=True)
        else:
            other = await house.phone.called()
            assert other.invite is not None
            other.reply(other.invite, "180 Ringing")
            other.reply(await other.expect("CANCEL"), "200 OK")
            other.reply(other.invite, "487 Request Terminated")
        await house.told(f"has failed: {why}")
        await until(lambda: sounds(call.line) == {CALLER})
        assert call.bye is None


# Warm.


@pytest.mark.parametrize("answer", ["1", "2", "hang-up"])
async def test_a_warm_transfer_is_accepted_by_its_key_or_gives_the_caller_back(
    house: House, music: str, answer: str
) -> None:
    async with house.up("echo") as (call, ours):
        await house.order(ours, mode="warm", music=music)
        async with house.picked_up() as other:
            await until(lambda: sounds(call.line) == {MUSIC})
            if answer == "hang-up":
                await other.hang_up()
                await house.told("hung up")
            else:
                press(other, answer)
            if answer == "1":
                await until(lambda: sounds(other.line) == {CALLER})
                await until(lambda: sounds(call.line) == {OPERATOR})
                await other.hang_up()
                await call.ended()
            elif answer == "2":
                assert by_proxy(await other.ended())
                await house.told("not accepted")
        if answer != "1":
            await until(lambda: sounds(call.line) == {CALLER})
    record = await house.bridge.record()
    assert record["transfers"][0]["done"] == (answer == "1")


# Attended.


@pytest.mark.parametrize("answer", ["202 Accepted", "403 Forbidden"])
async def test_a_refer_names_the_accepted_call_and_where_it_is_refused_the_legs_are_joined(
    house: House, answer: str
) -> None:
    async with house.up() as (call, ours):
        await house.order(ours, mode="attended")
        async with house.picked_up() as other:
            press(other, "1")
            refer = await call.expect("REFER")
            assert by_proxy(refer)
            names = f"{other.id};to-tag={tag(other.local)};from-tag={tag(other.remote)}"
            assert f"?Replaces={names}>" in unquote(refer["Refer-To"])
            call.reply(refer, answer)
            if answer.startswith("202"):
                call.send(
                    "NOTIFY",
                    "Event: refer",
                    "Subscription-State: terminated;reason=noresource",
                    body="SIP/2.0 200 OK\r\n",
                    kind="message/sipfrag;version=2.0",
                )
                await call.ended()
                await other.ended()
            else:
                await until(lambda: sounds(call.line) == {OPERATOR})
                await call.hang_up()
                await other.ended()
    record = await house.bridge.record()
    assert record["transfers"][0]["done"]


# Asked for by the other side.


async def test_whom_a_caller_refers_to_takes_its_place_with_the_agent(house: House) -> None:
    async with house.up("echo") as (call, _):
        call.send("REFER", f"Refer-To: <sip:{NUMBER}@{house.place}>")
        await call.expect(202)
        async with house.picked_up() as other:
            while "200 OK" not in (told := await call.next()).body:
                if told.method == "NOTIFY" and not told.code:
                    call.reply(told, "200 OK")
            call.reply(told, "200 OK")
            assert by_proxy(told)
            await call.hang_up()
            await until(lambda: sounds(other.line) == {OPERATOR})
            await other.hang_up()
    assert (await house.bridge.record())["outcome"]["cause"] == "callee-hung-up"


async def test_an_invite_with_replaces_takes_the_place_of_a_call_that_is_up(house: House) -> None:
    async with house.up("echo") as (call, ours), Line() as line:
        replaces = f"Replaces: {call.id};to-tag={tag(call.remote)};from-tag={tag(call.local)}"
        second = await house.phone.invite(house.proxy, describe(line), replaces, user="bridge")
        answer = await second.expect(200)
        second.ack()
        line.talk(answer.media, pitch=OPERATOR)
        assert by_proxy(await call.ended())
        await until(lambda: sounds(line) == {OPERATOR})
        assert list(house.bridge.service.calls) == [ours.id]
        await second.hang_up()


# Hold.


async def becomes(ours: Call, *, held: bool) -> None:
    await until(lambda: ours.current.held is held)


async def test_a_party_that_we_hold_is_taken_back(house: House) -> None:
    async with house.up("echo") as (call, ours):
        steps = (("hold", "sendonly", "recvonly"), ("resume", "sendrecv", "sendrecv"))
        for version, (order, direction, answered) in enumerate(steps, 2):
            await house.bridge.post(f"/v1/calls/{ours.id}/{order}")
            offer = await call.expect("INVITE")
            assert by_proxy(offer)
            assert f"a={direction}" in offer.body
            answer = describe(call.line, direction=answered, version=version)
            call.reply(offer, "200 OK", body=answer)
            await call.expect("ACK")
            await becomes(ours, held=order == "hold")
        before = len(call.line.packets)
        await until(lambda: len(call.line.packets) > before + 10 and sounds(call.line) == {CALLER})


async def test_a_party_that_holds_us_comes_back(house: House) -> None:
    async with house.up("echo") as (call, ours):
        steps = (("sendonly", "recvonly"), ("sendrecv", "sendrecv"))
        for version, (direction, answered) in enumerate(steps, 2):
            call.reinvite(describe(call.line, direction=direction, version=version))
            answer = await call.expect(200)
            call.ack()
            assert f"a={answered}" in answer.body
            await becomes(ours, held=direction == "sendonly")
        before = len(call.line.packets)
        await until(lambda: len(call.line.packets) > before + 10 and sounds(call.line) == {CALLER})


# Early media.


async def test_an_agent_is_heard_before_the_answer(house: House) -> None:
    SEEN.clear()
    async with Line() as line:
        offer = describe(line)
        call = await house.phone.invite(house.proxy, offer, user="bridge", caller="early")
        line.talk((await call.expect(183)).media)
        await line.speech()
        assert call.inbox.empty()
        SEEN.append("early media")
        await call.expect(200)
        call.ack()
        await call.hang_up()
    assert (await house.bridge.record())["outcome"]["cause"] == "caller-hung-up"


@pytest.mark.parametrize("status", ["200 OK", "486 Busy Here"])
async def test_early_media_of_whom_we_call_is_no_answer_and_may_become_one(
    house: House, status: str
) -> None:
    await house.bridge.post("/v1/calls", {"to": NUMBER, "agent": "talker"})
    async with Line() as line:
        call = await house.phone.called()
        assert call.invite is not None
        assert by_proxy(call.invite)
        call.reply(call.invite, "183 Session Progress", body=describe(line))
        line.talk(call.invite.media, pitch=CALLER)
        ours = await house.bridge.call()
        await until(lambda: "ringing" in ours.chronicle.timings)
        assert "answered" not in ours.chronicle.timings
        answered = status.startswith("200")
        call.reply(call.invite, status, body=describe(line) if answered else "")
        await call.expect("ACK")
        if answered:
            await line.speech()
            await call.hang_up()
        else:
            assert not any(packet.speech for packet in line.packets)
    cause = "callee-hung-up" if answered else "busy"
    assert (await house.bridge.record())["outcome"]["cause"] == cause


# Headers.


async def test_headers_pass_from_leg_to_leg_and_back_in_the_answers(house: House) -> None:
    async with Line() as line:
        call = await house.phone.invite(
            house.proxy,
            describe(line),
            *(f"{name}: {value}" for name, value in CARRIED.items()),
            user="bridge",
            caller="carries",
        )
        ringing = await call.expect(180)
        async with house.picked_up() as other:
            answer = await call.expect(200)
            call.ack()
            ours = await house.bridge.answered()
            assert other.invite is not None
            for message in (ringing, other.invite, answer):
                assert {name: message[name] for name in CARRIED} == CARRIED, message.start
            assert {name: ours.facts.headers[name] for name in CARRIED} == {
                name: (value,) for name, value in CARRIED.items()
            }
            await call.hang_up()
            await other.ended()
