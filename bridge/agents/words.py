"""What can be said to an agent besides audio."""

from typing import Literal

from bridge.ultravox.messages import (
    ForcedAgentMessage,
    HangUp,
    Medium,
    Message,
    SetOutputMedium,
    Urgency,
    UserTextMessage,
)

__all__ = ["Words"]


class Words:
    """Each raises NotNow where no agent has joined, or it has left."""

    def send(self, message: Message) -> None:
        """Send a data message."""
        raise NotImplementedError

    def tell(self, text: str, urgency: Urgency | None = None) -> None:
        """Tell the agent something as if the caller had."""
        self.send(UserTextMessage(text=text, urgency=urgency))

    def say(
        self, text: str, *, urgency: Urgency | None = None, uninterruptible: bool = False
    ) -> None:
        """Have the agent say just this."""
        self.send(
            ForcedAgentMessage(content=text, urgency=urgency, uninterruptible=uninterruptible)
        )

    def set_output_medium(self, medium: Literal["voice", "text"]) -> None:
        """Have the agent write or speak from its next utterance on."""
        self.send(SetOutputMedium(medium=Medium(medium)))

    def hang_up(self, message: str | None = None) -> None:
        """Have the agent leave, after a last `message` where there is one."""
        self.send(HangUp(message=message))
