"""Digits in writing: what an agent is told of keys that the caller pressed."""

from bridge.configuration.agents import DtmfConfig
from bridge.ultravox.messages import Medium, Role, Transcript, Urgency, UserTextMessage

__all__ = ["DigitWords"]


class DigitWords:
    """The words for digits, as an agent's configuration has them."""

    def __init__(self, config: DtmfConfig) -> None:
        self._config = config

    def told(self, digits: str) -> UserTextMessage | None:
        """What the agent is to be told; None where it is not to know."""
        config = self._config
        if not config.to_agent:
            return None
        text = config.text.replace("{digits}", digits)
        return UserTextMessage(text=text, urgency=Urgency(config.urgency))

    def hide(self, message: Transcript) -> bool:
        """Whether a part of the transcript may hold digits that are to be kept nowhere.

        What the agent is told of them comes back as the caller's words, in writing.
        """
        written = message.role is Role.USER and message.medium is Medium.TEXT
        return written and self._config.hide
