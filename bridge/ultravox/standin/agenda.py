"""What a scripted agent does next: the steps at hand, then the turns of its script. Sans-I/O."""

from collections import deque
from collections.abc import Iterable, Mapping

from bridge.ultravox.standin.agents import Leave, Say, Script, Step

__all__ = ["Agenda"]

NOTHING_LEFT = Say(text="I have nothing more to say.")


class Agenda:
    """Steps in order; whoever interrupts has the rest of them dropped."""

    def __init__(self, script: Script, cues: Mapping[str, tuple[Step, ...]]) -> None:
        """`cues` are steps that a word in what the caller writes brings about."""
        self._script = script
        self._cues = cues
        self._turn = 0
        self._steps: deque[Step] = deque()

    def __bool__(self) -> bool:
        return bool(self._steps)

    @property
    def leaves_at_once(self) -> bool:
        """Whether the next step is to leave, heard out or not."""
        return bool(self._steps) and self._steps[0] == Leave(heard=False)

    def pop(self) -> Step:
        """The next step, which is no longer at hand."""
        return self._steps.popleft()

    def add(self, *steps: Step) -> None:
        """Do these after all that is at hand."""
        self._steps.extend(steps)

    def insert(self, steps: Iterable[Step]) -> None:
        """Do these, in their order, before all that is at hand."""
        self._steps.extendleft(reversed(tuple(steps)))

    def replace(self, *steps: Step) -> None:
        """Do these instead of all that is at hand."""
        self._steps = deque(steps)

    def take_turn(self) -> None:
        """Have the script's next turn at hand."""
        whole = self._turn < len(self._script)
        self.add(*(self._script[self._turn] if whole else (NOTHING_LEFT,)))
        self._turn += 1

    def answer(self, text: str) -> None:
        """Have what a word in the caller's text brings about at hand, or the next turn."""
        said = text.casefold()
        cued = next((steps for word, steps in self._cues.items() if word in said), ())
        if cued:
            self.add(*cued)
        else:
            self.take_turn()

    def interrupt(self) -> None:
        """Drop what is at hand. A turn that was to do more than speak will be taken again."""
        if self._steps:
            self._turn = max(0, self._turn - 1)
            self._steps.clear()

    def restage(self, script: Script, cues: Mapping[str, tuple[Step, ...]] | None) -> None:
        """Go on by another script, from its first turn; None leaves the cues as they are."""
        self._script, self._turn = script, 0
        if cues is not None:
            self._cues = cues
        self._steps.clear()
        self.take_turn()
