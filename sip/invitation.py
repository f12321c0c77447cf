"""An INVITE read for those who route it."""

import time

from sip.events import Address, Invite, MediaAddress
from sip.message import Message
from sip.trunk import Trunk
from sip.uri import parse_name_addr

__all__ = ["read_invite"]


def read_invite(
    leg: str, trunk: Trunk, message: Message, source: Address, media: MediaAddress
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
    )
