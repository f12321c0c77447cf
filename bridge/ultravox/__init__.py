"""The agent's side of a call: Ultravox's REST API, its data messages, and the session."""

from bridge.ultravox.session import Close, Session, leave

__all__ = ["Close", "Session", "leave"]
