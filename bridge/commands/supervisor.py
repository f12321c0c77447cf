"""Whoever started the process and waits to hear how it fares: systemd, by sd_notify(3).

NOTIFY_SOCKET, WATCHDOG_USEC ──> Supervisor ── READY=1, STATUS=…, WATCHDOG=1, STOPPING=1 ──> socket
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping

__all__ = ["Supervisor"]

log = logging.getLogger("bridge.serve")

STATUS_S = 5.0
"""How often the status is told."""
GRACE_S = 30.0
"""What the exit may take after the last call: BYEs, registrations, the journal."""


class Supervisor:
    """Tells it that we are ready, how we are, and that we leave. Without one, tells nobody."""

    def __init__(self, address: str = "", *, watchdog_s: float = 0.0) -> None:
        """``address`` of its datagram socket, empty for none; 0: it has no watchdog to feed."""
        self._address = address.replace("@", "\0", 1) if address.startswith("@") else address
        self._watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> "Supervisor":
        """The one that the environment names; taken out of it, so that no child speaks for us."""
        address = environ.pop("NOTIFY_SOCKET", "")
        microseconds = environ.pop("WATCHDOG_USEC", "")
        for_us = environ.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        watches = for_us and microseconds.isdecimal()
        return cls(address, watchdog_s=int(microseconds) / 1e6 if watches else 0.0)

    def ready(self, status: str) -> None:
        """All that was to be opened is open."""
        self._tell("READY=1", f"STATUS={status}")

    def stopping(self, status: str, *, within_s: float) -> None:
        """We leave when those alive have ended; it is to wait so long, whatever the unit says."""
        microseconds = round((within_s + GRACE_S) * 1e6)
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={microseconds}", f"STATUS={status}")

    async def keep_told(
        self, alive: Callable[[], Awaitable[bool]], status: Callable[[], str]
    ) -> None:
        """Tell the status for ever, and feed the watchdog as long as ``alive`` says yes.

        It is fed from the event loop: a loop that hangs feeds nobody.
        """
        if not self._address:
            return
        pause = min(STATUS_S, self._watchdog_s / 4) if self._watchdog_s else STATUS_S
        told = ""
        while True:
            await asyncio.sleep(pause)
            if self._watchdog_s:
                if await alive():
                    self._tell("WATCHDOG=1")
                else:
                    log.error("= the SIP thread does not answer; the watchdog is not fed")
            if (now := status()) != told:
                self._tell(f"STATUS={now}")
                told = now

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            with contextlib.suppress(OSError):  # it is gone or asleep; calls go on
                out.sendto("\n".join(lines).encode(), self._address)
