"""From a tool back to the call it was used in: questions to the process of the calls."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any

from bridge.tools.answers import ToolError, Urgency

__all__ = ["HostChannel", "Questions"]

ANSWER_S = 5.0
"""How long what needs no waiting may take."""


class Questions:
    """What was asked and has not been answered; from any thread."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._send = send
        self._numbers = itertools.count()
        self._open: dict[int, Future[Any]] = {}

    def ask(self, call: str, what: str, values: Mapping[str, Any]) -> "Future[Any]":
        """Ask; the future raises ToolError where it cannot be done."""
        number, answer = next(self._numbers), Future[Any]()
        self._open[number] = answer
        self._send({"is": "ask", "number": number, "call": call, "what": what, "values": values})
        return answer

    def reply(self, frame: Mapping[str, Any]) -> None:
        """Take an answer."""
        answer = self._open.pop(frame["number"], None)
        if answer is None or not answer.set_running_or_notify_cancel():
            return
        if (error := frame.get("error")) is not None:
            answer.set_exception(ToolError(error))
        else:
            answer.set_result(frame.get("value"))


class HostChannel:
    """A tool's way to its call."""

    def __init__(
        self,
        call: str,
        questions: Questions,
        *,
        follow: Callable[[str, Awaitable[Any], Urgency], None],
    ) -> None:
        self._call = call
        self._questions = questions
        self._follow = follow

    def ask(self, what: str, **values: Any) -> None:
        """Have something done at once. Raises ToolError where it cannot be."""
        try:
            self._questions.ask(self._call, what, values).result(ANSWER_S)
        except TimeoutError:
            raise ToolError("The call did not answer.") from None

    async def request(self, what: str, **values: Any) -> Any:
        """Have something done, and wait for it. Raises ToolError where it cannot be."""
        return await asyncio.wrap_future(self._questions.ask(self._call, what, values))

    def follow(self, work: Awaitable[Any], urgency: Urgency) -> None:
        """Tell the agent what `work` comes to, unless the call ends before."""
        self._follow(self._call, work, urgency)
