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

A stall of ours leaves the beats later than the feed of an agent that speaks in real time: each
piece then waits for its beat. When many in a row have, beats come forward, a millisecond each.
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
_WAITS: Final = 32  # pieces in a row that came before their beat: no chance of the feed's jitter
_FORWARD_S: Final = 0.001  # per beat, towards the pieces
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
        "_spare_s",
        "_waits",
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
        self._waits = 0  # pieces in a row that waited for their beat
        self._spare_s = _NEVER  # the shortest of those waits
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
            ready = self._goes_on(now, late, depth) if self.speaking else self._begins(now)
            return self._take(Beat.SPEECH, depth) if ready else Beat.HOLD
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

    def _goes_on(self, now: float, late: float, depth: float) -> bool:
        """Whether a talkspurt's next frame leaves now."""
        comes = self.wake > self._due  # just now, into an empty queue
        if now < self._due - _ROUNDING_S:
            if comes:
                self._come_forward(self._due - now)
            self.wake = self._due
            return False
        if comes or late > _STALLED_S:
            self._waits = 0
        if late > _STALLED_S:
            self._advance = max(0.0, self._nominal - now)
        elif depth >= _AHEAD and self._advance:
            self._advance = max(0.0, self._advance - _RETURN_S)
        return True

    def _begins(self, now: float) -> bool:
        """Whether a talkspurt begins now, as it does unless it would be two slots early."""
        earliest = self._nominal - 2 * self._frame_s
        if now < earliest - _ROUNDING_S:  # the slot before left early, with a cut
            self.wake = earliest
            return False
        self._waits = 0
        self._advance = max(0.0, self._nominal - now)
        return True

    def _come_forward(self, wait_s: float) -> None:
        """A piece of speech waits for its beat so long: the beat comes nearer, if all have."""
        self._spare_s = min(self._spare_s, wait_s) if self._waits else wait_s
        self._waits += 1
        if self._waits > _WAITS and self._advance < self._frame_s:
            forward = min(_FORWARD_S, self._spare_s)
            self._advance += forward
            self._due -= forward
            self._spare_s -= forward

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
