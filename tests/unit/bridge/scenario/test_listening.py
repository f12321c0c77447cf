import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

from bridge.errors import NotNow
from bridge.happenings import Event, HangUp
from bridge.scenario.listening import Listening


async def test_what_happens_while_a_call_is_ending_begins_no_reaction_and_troubles_nobody() -> None:
    def spawn(work: Coroutine[Any, Any, None], *, name: str) -> None:
        work.close()
        raise NotNow(name)

    call = SimpleNamespace(listeners=[], spawn=spawn)
    begun: list[Event] = []

    async def react(event: HangUp) -> None:
        begun.append(event)

    Listening(cast("Any", call)).attach(HangUp, react)
    (listener,) = call.listeners
    listener(HangUp(leg=cast("Any", None), outcome=cast("Any", None)))
    await asyncio.sleep(0)
    assert begun == []
