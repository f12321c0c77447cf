"""A SIP telephone for tests, on asyncio: says what it is told to, and waits for what must come.

It knows just enough of RFC 3261 for a phone on loopback over UDP: nothing is sent twice, and
what arrives twice is taken once. SIPp, baresip and Kamailio are there for the rest.
"""

import asyncio
import contextlib
import itertools
import re
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.line import Line
from tests.support.waiting import PATIENCE_S

__all__ = ["PATIENCE_S", "Address", "Message", "Phone", "SipCall", "describe"]

Address = tuple[str, int]

_PORT = re.compile(r"^m=audio (\d+) ", re.MULTILINE)
_HOST = re.compile(r"^c=IN IP[46] (\S+)", re.MULTILINE)


def describe(
    line: Line,
    *,
    formats: str = "0 101",
    direction: str = "sendrecv",
    version: int = 1,
    host: str = "",
    more: Iterable[str] = (),
) -> str:
    """A session description that asks for RTP on `line`."""
    address = host or line.host
    family = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        f"o=phone 1 {version} IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=0 0",
        f"m=audio {line.port} RTP/AVP {formats}",
        f"a=ptime:{line.ptime}",
        f"a={direction}",
    ]
    if "101" in formats.split():
        lines.append("a=rtpmap:101 telephone-event/8000")
    return "\r\n".join([*lines, *more]) + "\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """A SIP message as it came."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> "Message":
        head, _, body = data.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(start, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)

    @property
    def code(self) -> int:
        """The status of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """Of a request, or of the request that a response answers."""
        return self["CSeq"].split()[1] if self.code else self.start.split()[0]

    def __getitem__(self, name: str) -> str:
        """The first header of that name; empty when there is none."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), "")

    @property
    def media(self) -> Address:
        """Where its description wants RTP."""
        port, host = _PORT.search(self.body), _HOST.search(self.body)
        assert port is not None, f"no audio in {self}"
        assert host is not None, f"no address in {self}"
        return host[1], int(port[1])


class Phone(asyncio.DatagramProtocol):
    """A SIP socket and the calls on it; an async context manager."""

    transport = "UDP"
    scheme = "sip"
    """Of the addresses that it calls."""

    def __init__(self, *, host: str = "127.0.0.2", port: int = 0) -> None:
        self.address: Address = (host, port)
        self._calls: dict[str, SipCall] = {}
        self._new: asyncio.Queue[Message] = asyncio.Queue()
        self._seen: set[bytes] = set()
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=self.address
        )
        self.address = self._transport.get_extra_info("sockname")[:2]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._transport is not None
        self._transport.close()

    @property
    def contact(self) -> str:
        """Where requests within its calls reach it."""
        way = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"Contact: <{self.scheme}:phone@{_at(self.address)}{way}>"

    async def invite(
        self, remote: Address, offer: str, *headers: str, user: str = "1000", caller: str = "ann"
    ) -> "SipCall":
        """Send an INVITE and return at once."""
        ours = f'"Ann" <sip:{caller}@{_at(self.address)}>;tag={secrets.token_hex(4)}'
        call = SipCall(
            self,
            call_id=secrets.token_hex(8),
            local=ours,
            remote=f"<{self.scheme}:{user}@{_at(remote)}>",
            target=f"{self.scheme}:{user}@{_at(remote)}",
            peer=remote,
        )
        self._calls[call.id] = call
        call.send("INVITE", *headers, body=offer)
        return call

    @contextlib.asynccontextmanager
    async def call(
        self,
        remote: Address,
        *headers: str,
        line: Line | None = None,
        user: str = "1000",
        caller: str = "ann",
        pitch: float = 0.0,
    ) -> AsyncIterator["SipCall"]:
        """An answered call that talks at `pitch`; it is hung up at the end if it still lives."""
        async with line or Line() as ours:
            call = await self.invite(remote, describe(ours), *headers, user=user, caller=caller)
            call.line = ours
            answer = await call.expect(200)
            call.ack()
            ours.talk(answer.media, pitch=pitch)
            try:
                yield call
            except BaseException:
                if not call.over:
                    call.send("BYE")  # what failed here is not to be found by the next test
                raise
            if not call.over:
                await call.hang_up()

    async def called(self) -> "SipCall":
        """Wait to be called; the INVITE is the call's `invite`."""
        message = await asyncio.wait_for(self._new.get(), PATIENCE_S)
        host, port = message["Via"].split()[1].partition(";")[0].rsplit(":", 1)
        call = SipCall(
            self,
            call_id=message["Call-ID"],
            local=f"{message['To']};tag={secrets.token_hex(4)}",
            remote=message["From"],
            target=_uri(message["Contact"]),
            peer=(host.strip("[]"), int(port)),
        )
        call.invite = message
        call.routes = [value for name, value in message.headers if name == "Record-Route"]
        self._calls[call.id] = call
        return call

    async def refuse(self, status: str, *headers: str, ringing: bool = False) -> "SipCall":
        """Wait to be called, and refuse."""
        call = await self.called()
        assert call.invite is not None
        if ringing:
            call.reply(call.invite, "180 Ringing")
        call.reply(call.invite, status, *headers)
        await call.expect("ACK")
        return call

    async def answer(self, line: Line) -> "SipCall":
        """Wait to be called, ring, and answer with `line`, which is silent yet."""
        call = await self.called()
        assert call.invite is not None
        call.line = line
        call.reply(call.invite, "180 Ringing")
        call.reply(call.invite, "200 OK", body=describe(line))
        await call.expect("ACK")
        return call

    def datagram_received(self, data: bytes, _address: Address) -> None:
        if data in self._seen:
            return
        self._seen.add(data)
        message = Message.parse(data)
        call = self._calls.get(message["Call-ID"])
        if call is not None:
            call.take(message)
        elif message.method == "INVITE":
            self._new.put_nowait(message)

    def transmit(self, data: bytes, peer: Address) -> None:
        """Send a datagram as it is."""
        assert self._transport is not None
        self._transport.sendto(data, peer)


@dataclass(eq=False)
class SipCall:
    """One dialog of a phone."""

    phone: Phone
    call_id: str
    local: str
    """Our From, or To where we were called, with its tag."""
    remote: str
    target: str
    peer: Address
    line: Line = field(default_factory=Line)
    invite: Message | None = None
    """The request that began it, where we were called."""
    routes: list[str] = field(default_factory=list)
    over: bool = False
    """A BYE has passed, or a final refusal."""

    def __post_init__(self) -> None:
        self.id = self.call_id
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.bye: Message | None = None
        """The BYE that ended it, where it came from the other side."""
        self._cseq = itertools.count(1)
        self._sent: dict[str, tuple[int, str, str]] = {}

    def take(self, message: Message) -> None:
        """A message of this dialog came in. A BYE is answered at once."""
        if message.method == "BYE" and not message.code:
            self.bye, self.over = message, True
            self.reply(message, "200 OK")
        self.inbox.put_nowait(message)

    async def expect(self, what: int | str) -> Message:
        """The next response or request, which has to be this one; 1xx before it are passed over.

        A refusal of our INVITE is acknowledged.
        """
        while True:
            message = await asyncio.wait_for(self.inbox.get(), PATIENCE_S)
            if message.code >= 300 and message.method == "INVITE":
                self._acknowledge(message)
            if what in (message.code, message.method if not message.code else ""):
                if message.code:
                    self._learn(message)
                return message
            assert 100 <= message.code < 200, f"{what} expected, not {message}"

    async def next(self) -> Message:
        """Whatever comes next."""
        return await asyncio.wait_for(self.inbox.get(), PATIENCE_S)

    async def final(self) -> Message:
        """The final response to our INVITE, whatever it is."""
        while True:
            message = await asyncio.wait_for(self.inbox.get(), PATIENCE_S)
            if message.code >= 200 and message.method == "INVITE":
                self._learn(message)
                if message.code >= 300:
                    self._acknowledge(message)
                return message

    async def ended(self) -> Message:
        """Wait for the other side's BYE; whatever comes before it is passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while self.bye is None:
                await self.inbox.get()
        return self.bye

    def send(self, method: str, *headers: str, body: str = "", kind: str = "") -> None:
        """Send a request of ours."""
        number = next(self._cseq)
        branch = f"z9hG4bK{secrets.token_hex(6)}"
        self._sent[method] = (number, branch, self.target)
        self._transmit(method, number, branch, *headers, body=body, kind=kind)

    def ack(self, body: str = "") -> None:
        """Acknowledge the 2xx of our last INVITE."""
        number, _, _ = self._sent["INVITE"]
        self._transmit("ACK", number, f"z9hG4bK{secrets.token_hex(6)}", body=body)

    def cancel(self) -> None:
        """Take the INVITE back."""
        number, branch, _ = self._sent["INVITE"]
        self._transmit("CANCEL", number, branch, routed=False)

    async def hang_up(self, *headers: str) -> None:
        """Say BYE and wait for its answer."""
        self.send("BYE", *headers)
        while (await self.expect(200)).method != "BYE":
            pass
        self.over = True

    def reply(self, request: Message, status: str, *headers: str, body: str = "") -> None:
        """Answer a request."""
        copied = [f"{n}: {v}" for n, v in request.headers if n in ("Via", "Record-Route")]
        to = request["To"] if ";tag=" in request["To"] or status[:3] == "100" else self.local
        lines = [f"SIP/2.0 {status}", *copied, f"From: {request['From']}", f"To: {to}"]
        lines += [f"Call-ID: {self.id}", f"CSeq: {request['CSeq']}"]
        self._write([*lines, self.phone.contact, *headers], body)

    def reinvite(self, offer: str, *headers: str) -> None:
        """Offer again."""
        self.send("INVITE", *headers, body=offer)

    def _learn(self, message: Message) -> None:
        """The other side's tag, contact and route (RFC 3261 section 12.1.2)."""
        if message.code < 300 and message.method == "INVITE":
            self.remote = message["To"]
            if contact := message["Contact"]:
                self.target = _uri(contact)
            found = [value for name, value in message.headers if name == "Record-Route"]
            self.routes = found[::-1] or self.routes

    def _acknowledge(self, refusal: Message) -> None:
        number, branch, target = self._sent["INVITE"]
        self.over = self.over or ";tag=" not in self.remote
        lines = [f"ACK {target} SIP/2.0", self._via(branch), "Max-Forwards: 70"]
        lines += [f"From: {self.local}", f"To: {refusal['To']}"]
        self._write([*lines, f"Call-ID: {self.id}", f"CSeq: {number} ACK"], "")

    def _transmit(
        self,
        method: str,
        number: int,
        branch: str,
        *headers: str,
        body: str = "",
        kind: str = "",
        routed: bool = True,
    ) -> None:
        lines = [f"{method} {self.target} SIP/2.0", self._via(branch), "Max-Forwards: 70"]
        lines += [f"Route: {route}" for route in self.routes if routed]
        lines += [f"From: {self.local}", f"To: {self.remote}", f"Call-ID: {self.id}"]
        lines += [f"CSeq: {number} {method}", self.phone.contact]
        self._write([*lines, *headers], body, kind)

    def _via(self, branch: str) -> str:
        return (
            f"Via: SIP/2.0/{self.phone.transport} {_at(self.phone.address)};branch={branch};rport"
        )

    def _write(self, lines: list[str], body: str, kind: str = "") -> None:
        if body:
            lines.append(f"Content-Type: {kind or 'application/sdp'}")
        lines.append(f"Content-Length: {len(body.encode())}")
        self.phone.transmit(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self.peer)


def _at(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _uri(contact: str) -> str:
    found = re.search(r"<([^>]+)>", contact)
    return found[1] if found else contact
