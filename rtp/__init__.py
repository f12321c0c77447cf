"""RTP: packets to continuous PCM and back. Knows nothing of SIP or of who speaks."""

import contextlib

with contextlib.suppress(ImportError):  # where it was not compiled, it runs as it is
    from uvbridge_native import adopt

    adopt("rtp", __path__)

from rtp.format import Format, OpusTerms
from rtp.latch import Address
from rtp.ports import NoPorts, PortPair, PortPool
from rtp.srtp import Keys
from rtp.stats import StreamStats
from rtp.stream import Stream

__all__ = [
    "Address",
    "Format",
    "Keys",
    "NoPorts",
    "OpusTerms",
    "PortPair",
    "PortPool",
    "Stream",
    "StreamStats",
]
