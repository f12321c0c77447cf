"""What an operator, an agent or a tool may have done to a call that is up."""

from typing import TYPE_CHECKING, Any

from bridge import transfer
from bridge.dial_policy import Destination
from bridge.facts import Facts
from bridge.parties import prompts
from bridge.recording.recorder import RecordAction
from bridge.transfer import TransferOrder
from bridge.ultravox.messages import Urgency
from rtp.dtmf import EVENLY, Rhythm

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["CallControls"]


class CallControls:
    """The controls of one call, the same for all who have a hand on them."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self.messages: list[dict[str, str]] = []
        """What was left for those who could not come to the telephone."""

    @property
    def facts(self) -> Facts:
        """Who, whom, and where from."""
        return self._call.facts

    def transcript(self) -> list[dict[str, Any]]:
        """What was said so far, as the journal keeps it."""
        return self._call.talks.transcript()

    def press(self, digits: str, rhythm: Rhythm = EVENLY) -> None:
        """Press digits for the first party.

        Raises ValueError when they are none or too many, NotNow where the call cannot.
        """
        self._call.talking().keypad.press(digits, rhythm)
        self._call.attendance.note_digits("digits-sent", digits)

    def tell_agent(self, text: str, urgency: Urgency | None) -> None:
        """Tell the agent something as if the caller had. Raises NotNow where none has joined."""
        self._call.talk.tell(text, urgency)

    async def record(self, action: RecordAction) -> None:
        """Start, stop, pause or resume the recording. Raises NotNow where that cannot be."""
        self._call.talking()
        await self._call.recorder.obey(action)

    def take_message(self, text: str, caller: str) -> None:
        """Keep a message that somebody leaves: for the journal, and for those who follow."""
        self.messages.append({"text": text, "caller": caller})
        self._call.note("message", text=text, caller=caller)

    async def collect(self, count: int, *, end: str = "", timeout_s: float) -> str:
        """The first party's next digits, which no agent is told of.

        Up to `count`, the key `end` or `timeout_s`. Raises NotNow.
        """
        gatherer = self._call.talking().digits
        digits = await gatherer.collect(count, end=end, timeout_s=timeout_s)
        if digits:
            self._call.attendance.note_digits("digits", digits)
        return digits

    async def transfer(self, destination: Destination, summary: str = "") -> str:
        """Begin to transfer the first party as its agent's configuration says.

        The agent says the `summary` to whom it is transferred, where it goes by a word before.
        Returns what the agent is to know. Raises NotNow.
        """
        config = self._call.talk.agent.config.transfer
        order = TransferOrder.configured(config, destination, facts=self.facts, summary=summary)
        await transfer.begin(self._call, order)
        return transfer.BEGUN.format(to=order.name or order.to)

    async def park(self) -> None:
        """Hold the other party: it hears its agent's music on hold, or nothing.

        Raises NotNow before the answer, SipError where the re-INVITE cannot be sent, BadSound.
        """
        music = self._call.talk.agent.config.hold_music
        await prompts.hold(self._call, self._call.talking(), music=music)

    async def unpark(self) -> None:
        """Take the other party back; they talk again when it has agreed. Raises as `park`."""
        await prompts.resume(self._call.talking())
