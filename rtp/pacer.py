"""When each packet leaves: an absolute schedule that bends, within a frame, to speech.

    slot      k-1            k             k+1            k+2
    nominal    |--------------|--------------|--------------|      origin + slot * frame
                    ^              ^              ^         ^
               speech comes   next beats: as early as    fallen silent:
               and leaves     the talkspurt began        back on the nominal beat
               at once

Every slot is sent once, or skipped when all its time has passed, and numbers the RTP timestamp,
so timestamps keep to the wall clock. Three liberties keep things from waiting. A talkspurt that
begins between two beats takes the coming slot at once, and the beats after it are as early,
drifting back to nominal once the agent is well ahead of them. And a beat that finds a talkspurt's
queue empty is held, up to a few milliseconds past nominal, for the piece on its way: silence sent
in its place would delay all the speech behind it. And the slot that ends a talkspurt which was cut
off leaves half a frame after the cut at the latest.
"""

from enum import Enum, auto
from typing import Final

__all__ = ["Beat", "Pacer"]

_NEVER: Final = float("inf")
_GRACE_S: Final = 0.008  # past nominal; less than the 20 ms of jitter any receiver has to bear
_ROUNDING_S: Final = 0.001  # event loops fire timers this early: uvloop counts whole milliseconds
_STALLED_S: Final = 0.010  # a wake-up later than this moves the talkspurt's beats with it
_AHEAD: Final = 4.0  # frames queued, from which being early gains nothing any more
_RETURN_S: Final = 0.001  # per beat, back to nominal while speech is that far ahead
_CUT_S: Final = 0.010  # after a cut, to the end of what was cut: half a frame, as packets go
_GRID_S: Final = 0.005  # nominal times of all streams fall on it, and share their wake-ups


class Beat(Enum):
    """What to do now."""

    HOLD = auto()
    SPEECH = auto()
    SILENCE = auto()


class Pacer:
    """Decides, from the time and the speech queued, whether the next slot goes out now.

    Sans I/O: call `poll` at `wake`, and whenever speech is queued while `eager`.
    """

    __slots__ = (
        "_advance",
        "_cut_at",
        "_due",
        "_frame_s",
        "_grace_s",
        "_nominal",
        "late_s",
        "skipped",
        "slot",
        "speaking",
        "wake",
    )

    def __init__(self, *, frame_s: float, now: float, grace_s: float = _GRACE_S) -> None:
        now = -(-now // _GRID_S) * _GRID_S
        self._frame_s = frame_s
        self._grace_s = grace_s
        self._nominal = now  # of the coming slot
        self._advance = 0.0  # how far the present talkspurt's beats precede nominal, s
        self._due = now  # when the coming slot leaves if speech is there
        self._cut_at = _NEVER  # when it leaves without any, if that is earlier than nominal
        self.slot = -1
        """Number of the last slot: the one to be sent now, when `poll` has just said so."""
        self.speaking = False
        """Whether that slot is speech."""
        self.skipped = 0
        """Slots left out because their time had passed; the owner takes them off the count."""
        self.late_s = 0.0
        """How long after its `wake` the last poll came; 0 when it came before."""
        self.wake = now
        """When to poll next."""

    @property
    def eager(self) -> bool:
        """Whether speech, were there any, could change what happens before `wake`."""
        return not self.speaking or self.wake > self._due

    def lag(self, now: float) -> float:
        """Seconds since the nominal time of the slot that was just taken; negative before it."""
        return now - self._nominal + self._frame_s

    def poll(self, now: float, depth: float) -> Beat:
        """What to do now, with `depth` frames of speech queued; a slot it names is taken."""
        late = now - self.wake
        self.late_s = late if late > 0.0 else 0.0
        if now >= self._nominal + self._frame_s:
            self._skip(now)
        if depth >= 1.0:
            if self.speaking:
                if now < self._due - _ROUNDING_S:
                    self.wake = self._due
                    return Beat.HOLD
                if late > _STALLED_S:
                    self._advance = max(0.0, self._nominal - now)
                elif depth >= _AHEAD and self._advance:
                    self._advance = max(0.0, self._advance - _RETURN_S)
            else:
                earliest = self._nominal - 2 * self._frame_s
                if now < earliest - _ROUNDING_S:  # the slot before left early, with a cut
                    self.wake = earliest
                    return Beat.HOLD
                self._advance = max(0.0, self._nominal - now)
            return self._take(Beat.SPEECH, depth)
        if self.speaking or depth > 0:
            limit = self._nominal + self._grace_s
        else:
            limit = min(self._nominal, self._cut_at)
        if now < limit - _ROUNDING_S:
            self.wake = limit
            return Beat.HOLD
        self._advance = 0.0
        return self._take(Beat.SPEECH if depth > 0 else Beat.SILENCE, depth)

    def cut(self, now: float) -> None:
        """The talkspurt has been dropped: its beat need not be held for more of it.

        The slot that ends it leaves early, unless other speech takes it before.
        """
        self.speaking = False
        self._cut_at = now + _CUT_S
        self._due = self._nominal
        self.wake = min(self._nominal, self._cut_at)

    def _take(self, beat: Beat, depth: float) -> Beat:
        """Use up the coming slot, and say when to look at the one after it."""
        self.slot += 1
        self.speaking = beat is Beat.SPEECH
        self._cut_at = _NEVER
        self._nominal += self._frame_s
        self._due = self._nominal - self._advance
        # A queue that this slot empties has nothing to send at its next beat: whatever comes
        # brings its own poll, and until then the beat is as good as held.
        empties = self.speaking and depth < 2.0
        self.wake = self._nominal + self._grace_s if empties else self._due
        return beat

    def _skip(self, now: float) -> None:
        """Leave out the slots whose whole time has passed."""
        skipped = int((now - self._nominal) / self._frame_s)
        self.skipped += skipped
        self.slot += skipped
        self._nominal += skipped * self._frame_s
        self._advance = 0.0
        self._due = self._nominal
