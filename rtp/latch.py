"""Where a symmetric RTP peer really is: the source its packets come from (RFC 4961)."""

from collections.abc import Callable

__all__ = ["Address", "Latch"]

Address = tuple[str, int] | tuple[str, int, int, int]
"""Numeric host and port; from an IPv6 socket also flow and scope."""


class Latch:
    """Follows the source of valid packets, and keeps a running stream from being taken over.

    The signalled address is the target until packets come. The first valid source is latched; a
    packet from the signalled address itself overrules any other. After that another source is a
    stranger until the latched one has been silent for a while, or an offer/answer says so.
    """

    __slots__ = ("_on_latch", "_silence_s", "signalled", "source", "target")

    def __init__(
        self,
        signalled: Address,
        *,
        silence_s: float,
        on_latch: Callable[[Address], None] | None = None,
    ) -> None:
        self._on_latch = on_latch
        self._silence_s = silence_s
        self.signalled = signalled
        self.target = signalled
        """Where to send."""
        self.source: Address | None = None
        """Whose packets are ours; None before the first."""

    def reopen(self, signalled: Address) -> None:
        """A new offer/answer: the next valid packet decides again."""
        if signalled != self.signalled:
            self.signalled = signalled
            self.target = signalled
        self.source = None

    def admits(self, source: Address, now: float, last_received: float | None) -> bool:
        """Whether a valid packet from another than the latched source is to be taken.

        `last_received` is when the latched source was last heard.
        """
        if self.source is not None and source[:2] != self.signalled:
            silent = last_received is None or now - last_received >= self._silence_s
            if not silent:
                return False
        self.source = source
        self.target = source
        if self._on_latch is not None:
            self._on_latch(source)
        return True
