"""Whether a packet whose place has been filled already is played all the same."""

from typing import Final

__all__ = ["Lateness"]

_TURNED_S: Final = 0.060  # of packets refused and not catching up: the sender's clock moved


class Lateness:
    """Judges packets before the head, once that is our guess and no longer the sender's own.

    Two reasons excuse one. It may begin a talkspurt, or lie within its own length of the head:
    then it is the guess that was wrong. Or refusals have gone on too long.
    """

    __slots__ = ("_refused", "_resumes_at")

    def __init__(self) -> None:
        self._resumes_at = 0  # timestamp that would follow the sender's last packet
        self._refused: tuple[float, float] | None = None  # since when, how far behind then (s)

    def rest(self, timestamp: int) -> None:
        """The sender has fallen silent; its clock stood here."""
        self._resumes_at = timestamp

    def settle(self) -> None:
        """A packet has been played: refusals before it mean nothing any more."""
        self._refused = None

    def excuses(
        self,
        timestamp: int,
        behind_s: float,
        *,
        marker: bool,
        after_loss: bool,
        length_s: float,
        patience_s: float,
    ) -> bool:
        """Whether the head is moved back by `behind_s` to this packet.

        The first packet of a talkspurt may do so by as much as we would have waited for it. It is
        known by its marker, or by a gap in the timestamps where the sequence has none.
        """
        talkspurt = marker or (timestamp != self._resumes_at and not after_loss)
        return behind_s <= (patience_s if talkspurt else length_s)

    def turned(self, behind_s: float, now: float) -> bool:
        """Whether packets refused without end, up to this one, show a clock that moved for good.

        A backlog let loose by the network catches up with us; a sender that paused its clock
        stays as far behind as it was.
        """
        if self._refused is None:
            self._refused = (now, behind_s)
            return False
        since, behind_then_s = self._refused
        elapsed = now - since
        if elapsed < _TURNED_S:
            return False
        self._refused = (now, behind_s)
        return behind_then_s - behind_s < elapsed / 2
