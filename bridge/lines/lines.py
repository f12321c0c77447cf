"""What calls are made of: media addresses, RTP streams on them, legs towards trunks."""

import asyncio
import logging
import math
import socket
import time
from collections.abc import Callable, Mapping

import rtp
from bridge.config import Config, TrunkConfig
from bridge.errors import NoPorts, OrderError, Unreachable
from bridge.lines.address import PublicAddress
from bridge.outbound.numbers import dialled
from sip import Leg, MediaAddress, Server, SipError, UserAgent

__all__ = ["Lines"]

log = logging.getLogger("bridge.lines")

TELL_EVERY_S = 60.0
"""How often the log says that there are no ports: callers come back."""


class Lines:
    """Leases, dials and opens for calls; `user_agent` is given once it exists."""

    user_agent: UserAgent

    def __init__(self, config: Config, *, address: PublicAddress, ports: rtp.PortPool) -> None:
        self._config = config
        self._address = address
        self.ports = ports
        self._told_at = -math.inf  # when it was last logged that there are none

    def number(self, trunk: str, to: str) -> str:
        """A number as a trunk wants it; SIP addresses stay as they are. Raises OrderError."""
        config = self._config.trunks[trunk]
        try:
            return dialled(to, config.number_format, country=config.country)
        except ValueError as error:
            raise OrderError(str(error)) from error

    @property
    def trunks(self) -> Mapping[str, TrunkConfig]:
        """The configured trunks, by name."""
        return self._config.trunks

    @property
    def opus(self) -> rtp.OpusTerms:
        """How Opus is sent."""
        opus = self._config.media.opus
        return rtp.OpusTerms(bitrate=opus.bitrate, complexity=opus.complexity)

    def lease(self, peer_host: str) -> MediaAddress | None:
        """Our media address for a call with `peer_host`; runs on the SIP thread too."""
        host = self._address.towards(peer_host)
        try:
            return MediaAddress(host=host, port=self.lease_port())
        except NoPorts:
            return None

    def unlease(self, media: MediaAddress) -> None:
        """Take back a media address that no call came to use; runs on the SIP thread too."""
        self.ports.release(self.ports.claim(media.port), time.monotonic())

    def lease_port(self) -> int:
        """A port for RTP, whichever trunk it will be used with. Raises NoPorts."""
        try:
            return self.ports.lease().rtp_port
        except rtp.NoPorts as error:
            now = time.monotonic()
            if now - self._told_at >= TELL_EVERY_S:
                self._told_at = now
                log.warning("= media.ports: %s; calls that need one are refused", error)
            raise NoPorts(str(error)) from error

    async def lease_towards(self, trunk: str) -> MediaAddress:
        """Our media address for a call out through `trunk`, whose server may be a name.

        Raises OrderError, Unreachable or NoPorts.
        """
        host = await self._peer(trunk)
        return MediaAddress(host=self._address.towards(host), port=self.lease_port())

    async def _peer(self, trunk: str) -> str:
        """The address of a trunk's server."""
        loop = asyncio.get_running_loop()
        try:
            host = self.user_agent.peer_host(trunk)
            family = 0 if ":" in self._config.media.bind_address else socket.AF_INET
            found = await loop.getaddrinfo(host, None, family=family, type=socket.SOCK_DGRAM)
        except SipError as error:
            raise OrderError(str(error)) from error
        except OSError as error:
            raise Unreachable(f"trunk {trunk}: {error.strerror or error}") from error
        return str(found[0][4][0])

    async def towards(self, trunk: str, port: int) -> MediaAddress:
        """Our media address on a leased `port`, as a trunk sees it. Raises as `lease_towards`."""
        host = await self._peer(trunk)
        return MediaAddress(host=self._address.towards(host), port=port)

    def stream(
        self,
        port: int,
        *,
        on_pcm: Callable[[bytes], None],
        on_digit: Callable[[str], None],
        on_talkspurt: Callable[[float], None],
    ) -> rtp.Stream:
        """The stream on a leased port, not yet open."""
        return rtp.Stream(
            self.ports.claim(port),
            on_pcm=on_pcm,
            on_digit=on_digit,
            on_talkspurt=on_talkspurt,
            reorder_cap_s=self._config.media.jitter_max_ms / 1000,
        )

    def servers(self, trunk: str, to: str) -> tuple[Server, ...]:
        """Those that a call is to try in turn; none where there is nothing to choose."""
        elsewhere = to.lower().startswith(("sip:", "sips:"))
        if elsewhere and self._config.trunks[trunk].outbound_proxy is None:
            return ()
        return self.user_agent.servers.choices(trunk)

    async def dial(
        self,
        trunk: str,
        to: str,
        *,
        media: MediaAddress,
        caller_id: str,
        headers: Mapping[str, str] | None = None,
        server: Server | None = None,
    ) -> Leg:
        """Send the INVITE. Raises SipError when none could be made of it."""
        return await self.user_agent.dial(
            trunk, to, media=media, from_user=caller_id, headers=headers, server=server
        )
