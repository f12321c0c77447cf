"""What the SIP side is told: listeners, trunks, TLS files to start with; when to refuse calls."""

from dataclasses import replace

import sip
from bridge.config import Config
from bridge.errors import Refused
from bridge.lines.trunks import sip_trunks, tls_files
from bridge.media.formats import spoken
from rtp.srtp import available

__all__ = ["sip_refusal", "sip_settings"]

REFUSALS_AT_ONCE = 8
"""SIP calls beyond ours: without one to spare, PJSIP answers an INVITE too many with a bare 486."""


async def sip_settings(
    config: Config, *, public_address: str | None, inbound: bool = True
) -> sip.Settings:
    """The user agent's settings; host names of trunks are looked up here, off the loop.

    With `inbound` off it listens on free ports and registers nowhere, which is enough to place
    a call: the trunk needs no more than our credentials for it.
    """
    trunks = await sip_trunks(config)
    listen = tuple(
        sip.Listen(transport=each.transport, host=each.host, port=each.port)
        for each in config.sip.listen
    )
    if not inbound:
        trunks = tuple(
            replace(trunk, registrar=None, address=trunk.address or trunk.registrar)
            for trunk in trunks
        )
        listen = tuple(replace(each, port=0) for each in listen)
    return sip.Settings(
        listen=listen,
        trunks=trunks,
        public_address=public_address,
        user_agent=config.sip.user_agent,
        max_calls=config.sip.max_calls + REFUSALS_AT_ONCE,
        codecs=spoken(config.media.codecs),
        comfort_noise=sip.ComfortNoise(config.media.comfort_noise),
        srtp_suites=available(),
        nameservers=config.sip.nameservers,
        tls=tls_files(config.sip.tls),
    )


def sip_refusal(refused: Refused) -> sip.Refusal:
    """What an INVITE is answered on the SIP thread, while new calls are refused for this."""
    return sip.Refusal(
        code=refused.sip_code, reason=str(refused.cause), retry_after_s=refused.retry_after_s
    )
