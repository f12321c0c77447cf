"""The seam between the asyncio face and a SIP stack: settings and commands in, events out.

Only values cross it, so that the two sides can be two threads, or two processes.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from sip.commands import Command
from sip.events import Event
from sip.media import MediaAddress
from sip.settings import Listen, Settings

__all__ = ["Hooks", "ListenError", "OfferPending", "SipError", "Stack", "StackStats"]


class SipError(Exception):
    """The SIP stack could not do what was asked."""


class OfferPending(SipError):
    """An offer of ours waits for its answer; no other can be made yet (RFC 3261 section 14.1)."""


class ListenError(SipError):
    """A listener could not be opened."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"cannot listen on {where}: {why}")
        self.where = where
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a stack calls, on its own thread: all fast and thread-safe."""

    emit: Callable[[Event], None]
    lease: Callable[[str], MediaAddress | None]
    """Our media address for a call with that peer; None when there is none to give."""
    unlease: Callable[[MediaAddress], None]
    """Takes back a lease whose call never became a leg."""


@dataclass(slots=True)
class StackStats:
    """Counters of the SIP side; written there, read anywhere."""

    invites: int = 0
    """Received, from anybody."""
    strangers: int = 0
    refused: int = 0
    """INVITEs of trunks refused on the SIP side: not admitted, or no media address."""
    rejected: int = 0
    """INVITEs the SIP stack refused by itself: malformed, nothing in common, too many."""
    dialled: int = 0
    refers_declined: int = 0
    """REFERs of trunks that may not transfer us (``Trunk.accept_refer``)."""
    replaces_declined: int = 0
    """INVITEs with Replaces of trunks that may not do that (``Trunk.accept_replaces``)."""


class Stack(Protocol):
    """A SIP stack: pjsua2 in ``sip.pjsua``, or a fake in tests."""

    stats: StackStats
    listening: tuple[Listen, ...]
    """Once started: where it really listens."""

    def start(self, settings: Settings, hooks: Hooks) -> None:
        """Open the listeners and start to register. Blocks; raises ListenError, SipError."""

    def submit(self, command: Command) -> "Future[None]":
        """Carry out a command soon; the future holds SipError when it cannot be done.

        Commands for a leg that is over do nothing.
        """

    def stop(self) -> None:
        """Unregister, end what is left, close everything. Blocks for seconds at most."""
