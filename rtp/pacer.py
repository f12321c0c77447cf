"""When each packet leaves: an absolute schedule that bends, within a frame, to speech.

    slot      k-1            k             k+1            k+2
    nominal    |--------------|--------------|--------------|      origin + slot * frame
                    ^              ^              ^         ^
               speech comes   next beats: as early as    fallen silent:
               and leaves     the talkspurt began        back on the nominal beat
               at once

Every slot is sent once, or skipped when all its time has passed, and numbers the RTP timestamp,
so timestamps keep to the wall clock. Two liberties keep speech from waiting. A talkspurt that
begins between two beats takes the coming slot at once, and the beats after it are as early.
And a beat that finds a talkspurt's queue empty is held, up to a few milliseconds past nominal,
for the piece on its way: silence sent in its place would delay all the speech behind it.
"""

from enum import Enum, auto

__all__ = ["Beat", "Pacer"]

_GRACE_S = 0.008  # past nominal; less than the 20 ms of jitter any receiver has to bear
_ROUNDING_S = 0.001  # event loops fire timers this early: uvloop counts whole milliseconds
_DRIFTED_S = 0.002  # a beat later than this moves the talkspurt's beats with it


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
        "_due",
        "_frame_s",
        "_grace_s",
        "_origin",
        "late_s",
        "skipped",
        "slot",
        "speaking",
        "wake",
    )

    def __init__(self, *, frame_s: float, now: float, grace_s: float = _GRACE_S) -> None:
        self._frame_s = frame_s
        self._grace_s = grace_s
        self._origin = now
        self._advance = 0.0  # how far the present talkspurt's beats precede nominal, s
        self._due = now
        self.slot = 0
        """Number of the slot to be sent next; of the one being sent, while `poll` returns it."""
        self.speaking = False
        """Whether the last slot sent was speech."""
        self.skipped = 0
        """Slots left out before this one because their time had passed."""
        self.late_s = 0.0
        """How long after its `wake` the last poll came; 0 when it came before."""
        self.wake = now
        """When to poll next."""

    @property
    def eager(self) -> bool:
        """Whether speech, were there any, could go out before `wake`."""
        return not self.speaking or self.wake > self._due

    def poll(self, now: float, depth: float) -> Beat:
        """What to do now, with `depth` frames of speech queued. After a slot, call `sent`."""
        nominal = self._origin + self.slot * self._frame_s
        self.skipped = 0
        self.late_s = max(0.0, now - self.wake)
        if now >= nominal + self._frame_s:
            nominal = self._skip(now, nominal)
        if depth >= 1.0:
            if self.speaking and now < self._due - _ROUNDING_S:
                return self._hold(self._due)
            return self._speak(now, nominal)
        limit = nominal + self._grace_s if self.speaking or depth > 0 else nominal
        if now < limit - _ROUNDING_S:
            early = self.speaking and now < self._due - _ROUNDING_S
            return self._hold(self._due if early else limit)
        return self._speak(now, nominal) if depth > 0 else Beat.SILENCE

    def sent(self, beat: Beat) -> None:
        """The slot has gone out; the next one follows."""
        self.speaking = beat is Beat.SPEECH
        if not self.speaking:
            self._advance = 0.0
        self.slot += 1
        self._due = self._origin + self.slot * self._frame_s - self._advance
        self.wake = self._due

    def cut(self) -> None:
        """The talkspurt has been dropped: its beat need not be held for more of it."""
        self.speaking = False
        self._advance = 0.0
        self._due = self.wake = self._origin + self.slot * self._frame_s

    def _speak(self, now: float, nominal: float) -> Beat:
        if not self.speaking or now > self._due + _DRIFTED_S:
            self._advance = max(0.0, nominal - now)
        return Beat.SPEECH

    def _hold(self, wake: float) -> Beat:
        self.wake = wake
        return Beat.HOLD

    def _skip(self, now: float, nominal: float) -> float:
        """Leave out the slots whose whole time has passed; the nominal time of the next."""
        self.skipped = int((now - nominal) / self._frame_s)
        self.slot += self.skipped
        self._advance = 0.0
        self._due = self._origin + self.slot * self._frame_s
        return self._due
