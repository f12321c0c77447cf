"""What an operator, an agent or a tool may have done to a call that is up."""

from typing import TYPE_CHECKING, Any

from bridge import transfer
from bridge.agents.talk import Talk
from bridge.agents.talks import Talks
from bridge.dial_policy import Destination
from bridge.errors import NotNow
from bridge.limits import CallState
from bridge.media.patchbay import Patchbay
from bridge.parties import prompts
from bridge.parties.party import Party
from bridge.recording.recorder import RecordAction, Recorder
from bridge.transfer import TransferOrder
from bridge.ultravox.messages import Urgency
from rtp.dtmf import EVENLY, Rhythm

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["CallControls"]


class CallControls:
    """One side of a `Call`, which has the rest."""

    patchbay: Patchbay
    talks: Talks
    recorder: Recorder
    current: Party
    messages: list[dict[str, str]]

    if TYPE_CHECKING:

        @property
        def state(self) -> CallState: ...
        @property
        def talk(self) -> Talk: ...
        def note(self, kind: str, **fields: object) -> None: ...
        def _whole(self) -> "Call": ...

    def press(self, digits: str, rhythm: Rhythm = EVENLY) -> None:
        """Press digits for the first party.

        Raises ValueError when they are none or too many, NotNow where the call cannot.
        """
        self.talking().keypad.press(digits, rhythm)
        self.note_digits("digits-sent", digits)

    def tell_agent(self, text: str, urgency: Urgency | None) -> None:
        """Tell the agent something as if the caller had. Raises NotNow where none has joined."""
        self.talk.tell(text, urgency)

    async def record(self, action: RecordAction) -> None:
        """Start, stop, pause or resume the recording. Raises NotNow where that cannot be."""
        self.talking()
        await self.recorder.obey(action)

    def playing(self) -> tuple[float, float]:
        """Seconds of speech that the first party was sent, and seconds that wait to be."""
        stream = self.current.stream
        return stream.heard, stream.depth

    def take_message(self, text: str, caller: str) -> None:
        """Keep a message that somebody leaves: for the journal, and for those who follow."""
        self.messages.append({"text": text, "caller": caller})
        self.note("message", text=text, caller=caller)

    def transcript(self) -> list[dict[str, Any]]:
        """What was said so far, as the journal keeps it."""
        return [each for talk in self.talks for each in talk.transcript()]

    async def collect(self, count: int, *, end: str = "", timeout_s: float) -> str:
        """The first party's next digits, which no agent is told of.

        Up to `count`, the key `end` or `timeout_s`. Raises NotNow.
        """
        digits = await self.talking().digits.collect(count, end=end, timeout_s=timeout_s)
        if digits:
            self.note_digits("digits", digits)
        return digits

    async def transfer(self, destination: Destination) -> str:
        """Begin to transfer the first party as its agent's configuration says.

        Returns what the agent is to know. Raises NotNow.
        """
        talk = self.talk
        order = TransferOrder.configured(talk.agent.config.transfer, destination)
        await transfer.begin(self._whole(), order)
        return transfer.BEGUN.format(to=order.name or order.to)

    async def park(self) -> None:
        """Hold the other party: it hears its agent's music on hold, or nothing.

        Raises NotNow before the answer, SipError where the re-INVITE cannot be sent, BadSound.
        """
        music = self.talk.agent.config.hold_music
        await prompts.hold(self._whole(), self.talking(), music=music)

    async def unpark(self) -> None:
        """Take the other party back; they talk again when it has agreed. Raises as `park`."""
        await prompts.resume(self.talking())

    def clear(self, talk: Talk) -> float:
        """Drop what an agent said and nobody heard; returns how many milliseconds."""
        for party in self._whole().parties:
            if self.patchbay.hears(party, talk):
                party.withheld = b""
        return self.patchbay.clear(talk)

    def talking(self) -> Party:
        """The first party, or who took its place. Raises NotNow before the answer, and after."""
        if self.current.media is None or self.state is not CallState.ANSWERED:
            raise NotNow(f"the call is {self.state.value}")
        return self.current

    def note_digits(self, kind: str, digits: str) -> None:
        """Note digits, or how many where they are to be hidden."""
        shown = {} if self.talk.agent.config.dtmf.hide else {"digits": digits}
        self.note(kind, count=len(digits), **shown)
