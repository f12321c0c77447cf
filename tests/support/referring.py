"""SIPp's steps of a transfer: REFER and the NOTIFYs that tell what came of it (RFC 3515)."""

from tests.support.scenario import ack, audio, invite, recv, request, response, send

__all__ = ["ACCEPT", "ANSWERED", "final", "heard", "notify", "refer", "refuse"]

ANSWERED = (send(invite(audio())), recv(100, optional=True), recv(200), send(ack()))
"""A call of the trunk's, answered."""
# Not repeated: SIPp would wait for something to stop it.
ACCEPT = (recv("REFER"), send(response("202 Accepted", tag=False), retrans=0))


def refuse(status: str, *headers: str) -> tuple[str, ...]:
    """Our REFER, refused."""
    return recv("REFER"), send(response(status, *headers, tag=False), retrans=0)


def notify(status: str, *, cseq: int, state: str = "active;expires=60") -> tuple[str, ...]:
    """A NOTIFY with that status in its sipfrag, or without any, and the 200 to it."""
    text = request(
        "NOTIFY",
        "Event: refer",
        f"Subscription-State: {state}",
        body=f"SIP/2.0 {status}\n" if status else "",
        kind="message/sipfrag;version=2.0",
        cseq=cseq,
    )
    return send(text), recv(200)


def final(status: str, *, cseq: int) -> tuple[str, ...]:
    """The NOTIFY that ends the subscription."""
    return notify(status, cseq=cseq, state="terminated;reason=noresource")


def refer(*headers: str, cseq: int = 2, in_dialog: bool = True) -> str:
    """Ask for a transfer."""
    return send(request("REFER", *headers, cseq=cseq, in_dialog=in_dialog))


def heard(times: int = 1) -> tuple[str, ...]:
    """NOTIFYs of ours, and the 200 to each."""
    return (recv("NOTIFY"), send(response("200 OK", tag=False), retrans=0)) * times
