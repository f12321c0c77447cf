"""Tools that do what tools may do to a bridge."""

import asyncio
import os
import signal
import sys
import threading
import time
from typing import Any

from bridge.tools import HangUp, NewStage, Reply, ToolContext, ToolError, tool

USED = 0


def add(first: int, second: int) -> int:
    """Add two numbers."""
    return first + second


async def whoami(call: ToolContext) -> dict[str, Any]:
    """Tell what is known of the call."""
    return {
        "caller": call.caller,
        "direction": call.direction,
        "account": call.headers["x-account"][0],
        "name": call.variables["name"],
        "said": call.transcript[0]["text"],
    }


def count() -> int:
    """Count how often it was used in this process."""
    global USED  # noqa: PLW0603
    USED += 1
    return USED


@tool(timeout_s=1)
def block(seconds: float) -> str:
    """Sleep in a thread."""
    time.sleep(seconds)
    return "slept"


@tool(timeout_s=1)
async def block_loop(seconds: float) -> str:
    """Sleep where nobody else may: on the loop."""
    time.sleep(seconds)  # noqa: ASYNC251
    return "slept"


@tool(timeout_s=1)
async def wait(seconds: float, call: ToolContext) -> str:
    """Wait, and tell when it is cancelled."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        call.tell("cancelled")
        raise
    return "waited"


@tool(timeout_s=10)
def burn(seconds: float) -> int:
    """Compute for so long."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number = sum(range(1_000_000))
    return number


@tool(timeout_s=10, process=True)
def burn_apart(seconds: float) -> int:
    """Compute for so long, in a process of its own."""
    burn(seconds)
    return os.getpid()


@tool(timeout_s=1, process=True)
def stick_apart() -> None:
    """Compute without end, in a process of its own."""
    burn(1000)


def depart() -> None:
    """Exit, as a script would."""
    sys.exit("for good")


async def depart_later() -> None:
    """The same, from a coroutine."""
    sys.exit("for good")


def process() -> int:
    """Tell in which process it runs."""
    return os.getpid()


def fail() -> str:
    """Fail."""
    raise RuntimeError("password=hunter2")


async def fail_later() -> str:
    """Fail, having waited."""
    await asyncio.sleep(0)
    raise RuntimeError("password=hunter2")


def refuse(number: int) -> str:
    """Tell what the agent can do about it."""
    raise ToolError(f"There is no order {number}.")


def garbage() -> object:
    """Return what no JSON can hold."""
    return threading.Lock()


def leave() -> None:
    """End the process."""
    os._exit(3)


def die() -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


async def steer(call: ToolContext) -> str:
    """Do everything that can be done to a call."""
    call.press("1#")
    call.tell("told", "immediate")
    call.take_message("call back", "Ann")
    await call.hold()
    digits = await call.collect_digits(3, end="*", timeout_s=5)
    await call.resume()
    return digits


def steer_from_thread(call: ToolContext) -> Reply:
    """Press keys, from a thread."""
    call.press("2")
    return Reply("pressed", reaction="listens", state={"pressed": 1})


async def answer_twice(call: ToolContext, seconds: float = 0.0) -> str:
    """Answer at once, and again."""

    async def find() -> dict[str, int]:
        await asyncio.sleep(seconds)
        return {"found": 1}

    call.later(find(), "later")
    call.later("a word meanwhile")
    return "I am looking that up."


def farewell() -> HangUp:
    """End the call."""
    return HangUp("Bye.")


def sell(amount: int) -> str:
    """Sell."""
    return f"sold {amount}"


def next_stage() -> NewStage:
    """Begin to sell."""
    return NewStage(system_prompt="Sell.", tools=["hang_up", sell])
