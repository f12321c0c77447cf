"""Who hears whom in a call, and what: the scenario's side of it."""

from pathlib import Path

from bridge import bridging
from bridge import call as engine
from bridge.bridging import End
from bridge.media import wav
from bridge.media.playback import Playback
from bridge.parties import prompts
from bridge.parties.party import Party
from bridge.recording.recorder import RecordAction
from bridge.recording.tape import Tape
from rtp.dtmf import Rhythm

__all__ = ["Sound"]


class Sound:
    """One side of a scenario's `Call`, which has the rest."""

    def __init__(self, call: engine.Call) -> None:
        self._call = call

    @property
    def leg(self) -> Party:
        """The caller, or whom we call; whoever is in their place, where they were transferred."""
        return self._call.current

    def bridge(self, a: End, b: End) -> None:
        """Let two hear each other: any two of legs, agents, players and recorders.

        Players are only heard, recorders only hear. Of two legs, a hang-up of one ends the call,
        one before this too.
        """
        bridging.connect(self._call, a, b)
        self._let_speak()

    def unbridge(self, a: End, b: End) -> None:
        """Let them hear each other no more."""
        bridging.disconnect(self._call, a, b)

    async def player(self, file: Path | str, *, loop: bool = False) -> Playback:
        """A WAV file for `bridge`: legs and agents hear it, along with all else that they hear.

        It begins with the first of them, and is over at its end or by its `stop`; `ended` waits
        for that. With `loop` it has no end. Raises BadSound.
        """
        call = self._call
        pcm = await wav.load(file, call.rate)
        return Playback(pcm, rate=call.rate, loop=loop, patchbay=call.patchbay)

    async def recorder(self) -> Tape:
        """A recording for `bridge`: the sum of the legs, agents and players that it hears.

        Its file is kept beside that of `record`, which it leaves alone, in the format and under the
        name of those, with a number. It ends with `stop` or the call. Where an announcement is
        configured the caller is told first. Raises NotNow before the answer, or where there is no
        folder for recordings.
        """
        self._call.talking()
        return await self._call.recorder.tape(self._call.rate)

    async def play(self, file: Path | str, *, to: Party | None = None, loop: bool = False) -> None:
        """Play a WAV file to a leg, which hears nothing else meanwhile.

        Returns when it has been heard; with `loop` at once, and `silence` ends it. Raises BadSound,
        NotNow where the leg has no media yet.
        """
        await prompts.play(self._call, to or self.leg, file, loop=loop)

    def silence(self, leg: Party | None = None) -> None:
        """End what is played to a leg."""
        prompts.silence(leg or self.leg)

    async def collect_digits(
        self,
        count: int,
        *,
        leg: Party | None = None,
        end: str = "#",
        timeout_s: float = 10.0,
        interdigit_s: float = 4.0,
        prompt: Path | str | None = None,
    ) -> str:
        """Wait for up to `count` digits, of which agents are not told.

        They end with `count`, with the key `end` (not returned), or when none came for
        `timeout_s` at first and `interdigit_s` after another. The `prompt`, a WAV file, is played
        before, and cut short by the first digit.
        """
        return await prompts.collect_digits(
            self._call,
            leg or self.leg,
            count,
            end=end,
            timeout_s=timeout_s,
            interdigit_s=interdigit_s,
            prompt=prompt,
        )

    def press(
        self,
        digits: str,
        *,
        leg: Party | None = None,
        duration_ms: int = 100,
        pause_ms: int = 100,
    ) -> None:
        """Press keys for a leg: 0-9 * # A-D; `w` waits half a second, `,` two.

        Returns at once. Raises ValueError where they are none or too many, NotNow where the leg has
        no media yet, or no way for them.
        """
        rhythm = Rhythm(tone_ms=duration_ms, pause_ms=pause_ms)
        (leg or self.leg).keypad.press(digits, rhythm)
        self._call.attendance.note_digits("digits-sent", digits)

    async def hold(self, leg: Party | None = None, *, music: Path | str | None = None) -> None:
        """Hold a leg: agents hear silence of it, and it hears nothing but the `music`.

        Raises NotNow before the answer, and while the leg has not answered a former hold or resume.
        """
        await prompts.hold(self._call, leg or self.leg, music=music)

    async def resume(self, leg: Party | None = None) -> None:
        """Take a held leg back. Raises as `hold`."""
        await prompts.resume(leg or self.leg)

    async def record(self, action: RecordAction = "start") -> None:
        """Start, stop, pause or resume the recording. Raises NotNow where that cannot be."""
        await self._call.controls.record(action)

    def _let_speak(self) -> None:
        """Let agents be heard that are connected with somebody who listens."""
        call = self._call
        for talk in call.talks:
            listeners = [p for p in call.parties if call.patchbay.hears(p, talk)]
            if not talk.speech.begun and any(p.answered.is_set() for p in listeners):
                talk.begin()
