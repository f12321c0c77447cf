"""Which address of ours a peer can reach: written into SDP and Contact.

A fixed public address serves everyone. With ``auto`` it is the address that the kernel would
send from, asked for each peer, so that one bridge can serve a carrier outside and a PBX inside.
"""

import ipaddress
import socket
import time
from collections.abc import Callable

from bridge.lines import stun

__all__ = ["PublicAddress"]

REMEMBERED_PEERS = 1024
"""Routes kept; a flood of peers starts the memory anew rather than growing it."""
REMEMBERED_S = 10.0
"""How long one is: the address of a machine may change while calls come and go."""

_DISCARD_PORT = 9


class PublicAddress:
    """Our media address towards a peer. Safe to ask on any thread."""

    def __init__(
        self,
        fixed: str | None,
        *,
        dual: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fixed` serves everyone or, where media has both IP versions (`dual`), its own."""
        self._fixed = fixed
        self._dual = dual
        self._clock = clock
        self._routes: dict[str, tuple[str, float]] = {}  # and until when they are remembered

    @classmethod
    async def resolve(cls, setting: str, *, dual: bool = False) -> "PublicAddress":
        """From the configuration's ``auto``, an IP address, or ``stun:host:port``.

        Raises stun.StunError when the STUN server gives no address.
        """
        if setting == "auto":
            return cls(None, dual=dual)
        if not setting.startswith("stun:"):
            return cls(setting, dual=dual)
        host, _, port = setting.removeprefix("stun:").rpartition(":")
        return cls(await stun.query(host.strip("[]"), int(port)), dual=dual)

    @property
    def fixed(self) -> str | None:
        """The configured address, where there is one."""
        return self._fixed

    def towards(self, peer: str) -> str:
        """The address that `peer` (numeric) can reach us at."""
        if self._fixed is not None and (not self._dual or _ipv6(self._fixed) is _ipv6(peer)):
            return self._fixed
        now = self._clock()
        known, until = self._routes.get(peer, ("", now))
        if now >= until:
            known = _route_to(peer)
            if len(self._routes) >= REMEMBERED_PEERS:
                self._routes.clear()
            self._routes[peer] = known, now + REMEMBERED_S
        return known


def _ipv6(host: str) -> bool:
    return ":" in host


def _route_to(peer: str) -> str:
    """Ask the kernel which source address a datagram to `peer` would have; none is sent."""
    family = socket.AF_INET6 if ipaddress.ip_address(peer).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((peer, _DISCARD_PORT))
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
        host: str = probe.getsockname()[0]
        return host
