"""Every call of the stand-in: made, joined once, and ended when nobody joins."""

import asyncio
import hmac
from typing import Any

from bridge.ultravox.standin.call import StandinCall
from bridge.ultravox.standin.settings import Settings

HISTORY = 1000
"""Ended calls kept."""


class CallBook:
    """Calls by id, and who may join them."""

    def __init__(self, *, max_calls: int | None = None) -> None:
        self.max_calls = max_calls
        self._joins: dict[str, asyncio.TimerHandle] = {}
        self.calls: dict[str, StandinCall] = {}

    @property
    def live(self) -> int:
        """Calls that have not ended, joined or not."""
        return sum(call.ended is None for call in self.calls.values())

    @property
    def full(self) -> bool:
        """The account's concurrency limit is reached."""
        return self.max_calls is not None and self.live >= self.max_calls

    def create(self, settings: Settings, body: dict[str, Any]) -> StandinCall:
        """A call that ends as `unjoined` unless it is joined in time."""
        call = StandinCall(settings=settings, body=body, on_ended=self._ended)
        self.calls[call.id] = call
        loop = asyncio.get_running_loop()
        self._joins[call.id] = loop.call_later(settings.join_timeout_s, call.end, "unjoined")
        return call

    def admit(self, call_id: str, token: str) -> StandinCall | None:
        """The call that this join opens; it will not open again."""
        call = self.calls.get(call_id)
        if call is None or call.ended or not hmac.compare_digest(call.token, token):
            return None
        timer = self._joins.pop(call_id, None)
        if timer is None:
            return None
        timer.cancel()
        return call

    def close(self) -> None:
        """End what is left."""
        for call in list(self.calls.values()):
            call.end("system_error")

    def _ended(self, call: StandinCall) -> None:
        timer = self._joins.pop(call.id, None)
        if timer is not None:
            timer.cancel()
        if len(self.calls) > HISTORY:
            oldest = next(known for known in self.calls.values() if known.ended is not None)
            del self.calls[oldest.id]
