"""An INVITE, and a REFER, read for those who decide about it."""

import time
from collections.abc import Callable

from sip.events import Invite, ReferRequested
from sip.media import Address, MediaAddress
from sip.message import Message
from sip.replaces import Replaces, parse_refer_to
from sip.trunk import Trunk
from sip.uri import parse_name_addr

__all__ = ["read_invite", "read_refer"]


def read_invite(
    leg: str,
    trunk: Trunk,
    message: Message,
    source: Address,
    media: MediaAddress,
    *,
    replaces: str | None = None,
) -> Invite:
    """What a trunk's INVITE says, with the media address leased for it."""
    headers = message.headers
    caller, callee = parse_name_addr(headers.first("From")), parse_name_addr(headers.first("To"))
    via = headers.first("Via").split()
    return Invite(
        leg=leg,
        trunk=trunk.name,
        sip_call_id=headers.first("Call-ID"),
        request_uri=message.request_uri,
        from_uri=caller.uri,
        from_user=caller.user,
        from_display=caller.display,
        to_uri=callee.uri,
        to_user=callee.user,
        headers=headers,
        source=source,
        transport=via[0].rpartition("/")[2].lower() if via else "",
        media=media,
        offer=message.sdp,
        at=time.monotonic(),
        replaces=replaces,
    )


def read_refer(
    leg: str, message: Message, find: Callable[[Replaces], str | None]
) -> ReferRequested:
    """Whom the other side of a leg wants called; ``find`` knows the legs of ours by dialog.

    Raises ValueError when it does not say.
    """
    refer_to = parse_refer_to(message.headers)
    referred_by = message.headers.first("Referred-By")
    carried = dict(refer_to.headers)
    if referred_by:
        carried["Referred-By"] = referred_by
    replaces: bool | str = refer_to.replaces is not None
    if refer_to.replaces is not None:
        replaces = find(refer_to.replaces) or True
    return ReferRequested(
        leg=leg,
        target=refer_to.target,
        referred_by=referred_by,
        replaces=replaces,
        invite_headers=carried,
        headers=message.headers,
    )
