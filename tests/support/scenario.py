"""SIPp scenarios as Python: the steps of one side of a call, printed as SIPp's XML.

    scenario(send(invite(PCMU)), recv(100, optional=True), recv(200), send(ack()), ...)

Words in square brackets are SIPp's own keywords and are filled in by it.
"""

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tests.support.waiting import PATIENCE_S

PATIENCE_MS = round(1000 * PATIENCE_S)
AUDIO = """v=0
o=sipp 1 {version} IN IP{family} {address}
s=-
c=IN IP{family} {address}
t=0 0
m=audio {port} RTP/AVP {formats}
{lines}"""

_TO_US = "sip:{user}@[remote_ip]:[remote_port]"


def audio(
    formats: str = "0 8 101",
    *,
    address: str = "[media_ip]",
    port: int | str = 6000,
    direction: str = "sendrecv",
    ptime: int = 20,
    version: int = 1,
    family: str = "[media_ip_type]",
) -> str:
    """An audio description with telephone-event on 101."""
    lines = [f"a=ptime:{ptime}", f"a={direction}"]
    if "101" in formats.split():
        lines += ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16"]
    return AUDIO.format(
        version=version,
        family=family,
        address=address,
        port=port,
        formats=formats,
        lines="\n".join(lines),
    )


def request(
    method: str,
    *headers: str,
    body: str = "",
    kind: str = "application/sdp",
    cseq: int = 1,
    user: str = "1000",
    uri: str = "",
    in_dialog: bool = True,
    caller: str = '"Ann" <sip:ann@[local_ip]:[local_port]>',
) -> str:
    """A request of the calling side; inside the dialog it goes to the peer's Contact."""
    target = uri or ("[next_url]" if in_dialog else _TO_US.format(user=user))
    to = f"<{_TO_US.format(user=user)}>"
    return _message(
        f"{method} {target} SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        "[routes]" if in_dialog else "",
        "Max-Forwards: 70",
        f"From: {caller};tag=[pid]SIPpTag[call_number]",
        f"To: {to}[peer_tag_param]" if in_dialog else f"To: {to}",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:ann@[local_ip]:[local_port];transport=[transport]>",
        *headers,
        body=body,
        kind=kind,
    )


def invite(body: str, *headers: str, user: str = "1000", **rest: str) -> str:
    """The INVITE that opens a call."""
    return request("INVITE", *headers, body=body, user=user, in_dialog=False, **rest)  # type: ignore[arg-type]


def ack(cseq: int = 1, body: str = "") -> str:
    """The ACK of a 2xx."""
    return request("ACK", cseq=cseq, body=body)


def ack_failure(cseq: int = 1, user: str = "1000") -> str:
    """The ACK of a refusal, which belongs to the INVITE's transaction."""
    return _message(
        f"ACK {_TO_US.format(user=user)} SIP/2.0",
        "[last_Via:]",
        "[last_From:]",
        "[last_To:]",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} ACK",
        "Max-Forwards: 70",
    )


def cancel(user: str = "1000") -> str:
    """A CANCEL of the first INVITE."""
    return _message(
        f"CANCEL {_TO_US.format(user=user)} SIP/2.0",
        "[last_Via:]",
        "[last_From:]",
        f"To: <{_TO_US.format(user=user)}>",
        "Call-ID: [call_id]",
        "CSeq: 1 CANCEL",
        "Max-Forwards: 70",
        'Reason: SIP;cause=200;text="Call completed elsewhere"',
    )


def response(status: str, *headers: str, body: str = "", tag: bool = True) -> str:
    """A response to the request received last."""
    return _message(
        f"SIP/2.0 {status}",
        "[last_Via:]",
        "[last_Record-Route:]",
        "[last_From:]",
        "[last_To:];tag=[pid]SIPpTag[call_number]" if tag else "[last_To:]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>",
        *headers,
        body=body,
    )


def callee_request(method: str, *headers: str, cseq: int = 1, body: str = "") -> str:
    """A request of the called side, after ``recv_invite`` kept what it needs."""
    return _message(
        f"{method} [$contact] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        "Max-Forwards: 70",
        "From:[$callee];tag=[pid]SIPpTag[call_number]",
        "To:[$caller]",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>",
        *headers,
        body=body,
    )


def send(message: str, *, retrans: int = 500) -> str:
    """Send a message; requests other than ACK are repeated over UDP."""
    repeat = (
        f' retrans="{retrans}"' if retrans and not message.startswith(("ACK", "SIP/2.0 1")) else ""
    )
    return f"<send{repeat}><![CDATA[\n{message}]]></send>"


def recv(what: int | str, *, optional: bool = False, timeout_ms: int = PATIENCE_MS) -> str:
    """Expect a response (a number) or a request (a method)."""
    kind = "response" if isinstance(what, int) else "request"
    more = ' optional="true"' if optional else f' timeout="{timeout_ms}"'
    return f'<recv {kind}="{what}" rrs="true"{more}></recv>'


def recv_invite() -> str:
    """Expect the INVITE and keep what requests of the called side need."""
    return f"""<recv request="INVITE" rrs="true" timeout="{PATIENCE_MS}"><action>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="callee"/>
<ereg regexp="sips?:[^>;]*" search_in="hdr" header="Contact:" assign_to="contact"/>
</action></recv>"""


def pause(ms: int) -> str:
    """Wait."""
    return f'<pause milliseconds="{ms}"/>'


def play(capture: str | Path) -> str:
    """Send the packets of a capture to where the other side takes audio, without waiting."""
    return f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'


def scenario(*steps: str, name: str = "test") -> str:
    """The whole XML document."""
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8" ?>',
            f"<scenario name={quoteattr(name)}>",
            *steps,
            _reference(steps),
            "</scenario>",
        ]
    )


def refusing(status: str, *headers: str) -> tuple[str, ...]:
    """An INVITE from us, refused."""
    return recv_invite(), send(response(status, *headers)), recv("ACK")


def _reference(steps: Iterable[str]) -> str:
    """SIPp refuses variables that are set and never used."""
    kept = any("assign_to" in step for step in steps)
    return '<Reference variables="caller,callee,contact"/>' if kept else ""


def _message(start: str, *headers: str, body: str = "", kind: str = "application/sdp") -> str:
    lines = [start, *(h for h in headers if h)]
    if body:
        lines += [f"Content-Type: {kind}", "Content-Length: [len]", "", body]
    else:
        lines += ["Content-Length: 0", ""]
    return "\n".join(lines) + "\n"


ACCEPTED = (recv(100, optional=True), recv(180, optional=True), recv(200), send(ack()))
"""What follows an INVITE that is answered."""
BYE = (send(request("BYE", cseq=9)), recv(200))
HEAR_BYE = (recv("BYE"), send(response("200 OK", tag=False)))
RING = send(response("180 Ringing"))
ANSWER = (send(response("200 OK", body=audio("0 101"))), recv("ACK"))
"""Of an INVITE from us, with PCMU."""
