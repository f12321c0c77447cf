"""Runs a scenario: a class with `async def run(self, call)`, or a coroutine function."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from bridge import call as engine
from bridge.scenario import default
from bridge.scenario.blame import blamed
from bridge.scenario.call import Call

__all__ = ["Scenario", "complaint", "run"]

log = logging.getLogger("bridge.scenario")


class Living(Protocol):
    """One call's scenario."""

    async def run(self, call: Call) -> None:
        """Live the call, to its end."""


Scenario = type[Living] | Callable[[Call], Coroutine[Any, Any, None]]
"""A class, of which each call gets an instance of its own, or a coroutine function."""

GRACE_S = 5.0
"""How long a scenario may go on after its call is over, to put its own things away."""


def complaint(found: object) -> str | None:
    """Why something cannot be a scenario; None where it can."""
    if inspect.isclass(found):
        run = getattr(found, "run", None)
        if not inspect.iscoroutinefunction(run):
            return "is a class without `async def run(self, call)`"
        return _unfit(run, given=2) or _unfit(found, given=0)
    if inspect.iscoroutinefunction(found):
        return _unfit(found, given=1)
    return "is neither a class with `async def run(self, call)` nor a coroutine function"


async def run(scenario: Scenario, call: engine.Call) -> None:
    """Live `call` by a scenario; what ends the call cancels it.

    Raises CallError or SipError; ScenarioFailed where the scenario raised anything else.
    """
    loop = asyncio.get_running_loop()
    living = loop.create_task(_live(scenario, Call(call)), name=f"{call.id} scenario")
    try:
        await asyncio.shield(living)
    except asyncio.CancelledError:
        if (fault := _cancelled_by_itself(living)) is not None:
            raise blamed(fault, call.id) from fault
        living.cancel()
        await asyncio.wait([living], timeout=GRACE_S)
        if not living.done():
            log.error("= call %s its scenario does not end; it is left alone", call.id)
        elif not living.cancelled() and (error := living.exception()) is not None:
            log.debug("= call %s its scenario failed while it ended", call.id, exc_info=error)
        raise
    except Exception as error:
        if scenario in (default.Inbound, default.Outbound):
            raise
        raise blamed(error, call.id) from error
    finally:
        del living  # it holds the error, and the error this frame


async def _live(scenario: Scenario, call: Call) -> None:
    live = scenario().run if isinstance(scenario, type) else scenario
    try:
        await live(call)
    except SystemExit as error:  # out of a task it would end the whole bridge
        raise blamed(error, call.id) from error


def _cancelled_by_itself(living: asyncio.Task[None]) -> BaseException | None:
    """How a scenario ended that was cancelled, or awaited what was; None where the call is over."""
    task = asyncio.current_task()
    if not living.cancelled() or task is None or task.cancelling():
        return None
    try:
        living.result()
    except asyncio.CancelledError as error:
        return error
    return None


def _unfit(function: Any, *, given: int) -> str | None:
    """Whether a function cannot be called with so many arguments."""
    try:
        signature = inspect.signature(function)
        signature.bind(*[None] * given)
    except TypeError:
        wanted = "the call" if given else "nothing"
        return f"has to take {wanted} and nothing else"
    except ValueError:
        return None
    return None
