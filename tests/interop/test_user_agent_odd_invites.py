"""INVITEs as odd as they come, from `tests/data/sip/odd`: each gets its answer, and leaves nothing.

In the files {bridge} and {phone} are addresses, {host} is the phone's, and the rest are what a
phone makes up. Lines end with a line feed there, and are sent with both characters.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sip import Ended, Leg
from tests.support.exchange import Exchange, exchange
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="module")]

FILES = {path.stem: path for path in sorted(Path("tests/data/sip/odd").glob("*.sip"))}
REFUSED = {
    "body-of-another-type": 415,
    "contact-star": 400,
    "no-contact": 400,
    "sips-request-uri": 480,  # RFC 5630 section 4: over UDP nothing is secure
    "unknown-extension-required": 420,
}
CALLERS = {
    "anonymous": ("anonymous", "Anonymous"),
    "name-in-utf-8": ("ann", 'Änn "the boss" Müller, 東京'),
    "name-without-quotes": ("ann", "Ann Lee"),
    "addresses-without-brackets": ("ann", ""),
    "tel-addresses": ("+44-20-7946-0000", ""),
}


class Telephone(asyncio.DatagramProtocol):
    """Sends a file, and then what ends its call."""

    def __init__(self, bridge: tuple[str, int]) -> None:
        self.bridge = bridge
        self.inbox: asyncio.Queue[str] = asyncio.Queue()

    def begin(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self._filled = {
            "bridge": "{}:{}".format(*self.bridge),
            "phone": f"{host}:{port}",
            "host": host,
            "call_id": secrets.token_hex(6),
            "branch": f"z9hG4bK{secrets.token_hex(6)}",
        }

    def datagram_received(self, data: bytes, _address: tuple[str, int]) -> None:
        self.inbox.put_nowait(data.decode(errors="replace"))

    def send(self, text: str) -> None:
        head, _, body = (self._fill(part) for part in text.partition("\n\n"))
        head = head.replace("{length}", str(len(body.encode())))
        self.transport.sendto(f"{head}\r\n\r\n{body}".encode(), self.bridge)

    async def final(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await self.inbox.get()).startswith("SIP/2.0 1"):
                pass
        return answer

    def confirm(self, invite: str, answer: str) -> None:
        """The ACK of the answer."""
        self.send(self._request(invite, answer, "ACK", number=1))

    def hang_up(self, invite: str, answer: str) -> None:
        self.send(self._request(invite, answer, "BYE", number=2))

    def _request(self, invite: str, answer: str, method: str, *, number: int) -> str:
        refused = not answer.startswith("SIP/2.0 2")
        contact = re.search(r"^Contact: <([^>]+)>", answer, re.MULTILINE)
        target = contact[1] if contact else invite.split()[1]
        (caller,) = re.findall(r"^From: [^\r\n]*", answer, re.MULTILINE)
        (callee,) = re.findall(r"^To: [^\r\n]*", answer, re.MULTILINE)
        branch = "{branch}" if refused else "{branch}" + method
        lines = [f"{method} {target} SIP/2.0", f"Via: SIP/2.0/UDP {{phone}};branch={branch};rport"]
        lines += ["Max-Forwards: 70", caller, callee, "Call-ID: {call_id}"]
        return "\n".join([*lines, f"CSeq: {number} {method}", "Content-Length: 0"]) + "\n\n"

    def _fill(self, text: str) -> str:
        for name, value in self._filled.items():
            text = text.replace(f"{{{name}}}", value)
        return text.replace("\n", "\r\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ours() -> AsyncIterator[Exchange]:
    async with exchange() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def phone(ours: Exchange) -> AsyncIterator[Telephone]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(
        lambda: Telephone(ours.address), local_addr=("127.0.0.2", 0)
    )
    made.begin(transport)
    yield made
    transport.close()


async def answered(ours: Exchange) -> Leg:
    leg = await ours.leg()
    await leg.answer()
    return leg


@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
async def test_an_odd_invite_becomes_a_call_that_can_be_hung_up(
    ours: Exchange, phone: Telephone, name: str
) -> None:
    invite = FILES[name].read_text()
    phone.send(invite)
    leg = await answered(ours)
    assert leg.invite is not None
    caller = (leg.invite.from_user, leg.invite.from_display)
    assert caller == CALLERS.get(name, ("ann", "Ann"))
    assert leg.invite.to_user == "1000"
    assert "m=audio 6000 " in leg.invite.offer
    answer = await phone.final()
    assert answer.startswith("SIP/2.0 200")
    assert "m=audio 4" in answer
    phone.confirm(invite, answer)
    phone.hang_up(invite, answer)
    ended = await asyncio.wait_for(leg.wait_ended(), PATIENCE_S)
    assert isinstance(ended, Ended)
    assert (ended.code, ended.remote) == (200, True)
    assert not ours.agent.legs


@pytest.mark.parametrize("name", REFUSED)
async def test_an_invite_that_cannot_be_understood_is_refused(
    ours: Exchange, phone: Telephone, name: str
) -> None:
    invite = FILES[name].read_text()
    phone.send(invite)
    answer = await phone.final()
    assert answer.startswith(f"SIP/2.0 {REFUSED[name]} ")
    phone.confirm(invite, answer)
    assert ours.legs.empty()
    assert not ours.agent.legs


async def test_who_requires_what_we_do_not_know_is_told_what(
    ours: Exchange, phone: Telephone
) -> None:
    phone.send(FILES["unknown-extension-required"].read_text())
    assert "Unsupported: nothing-we-know\r\n" in await phone.final()
