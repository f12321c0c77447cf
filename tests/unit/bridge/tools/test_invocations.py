import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bridge.dial_policy import DialPolicy
from bridge.errors import NotNow
from bridge.tools.builtin import built_in
from bridge.tools.controls import Controls
from bridge.tools.definition import define
from bridge.tools.hosted import HostedTool
from bridge.tools.invocations import Invocations
from bridge.tools.options import Options
from bridge.tools.results import Kind, ToolResult, failure, refusal
from bridge.tools.usage import Usage
from bridge.ultravox.messages import (
    ClientToolInvocation,
    ClientToolResult,
    HangUp,
    Message,
    Urgency,
)
from tests.support.clock import run_virtually
from tests.support.controls import Line

Act = Callable[["Desk"], Any]


def hosted(name: str, **options: Any) -> HostedTool:
    made = Options(**options)
    return HostedTool.made(f"m:{name}", define(name, "", (), made), made)


class Desk:
    """One call's invocations, with tools in no process that take as long as they are told to."""

    def __init__(self, *tools: HostedTool, max_running: int = 9, max_per_call: int = 9) -> None:
        self.line = Line()
        self.sent: list[Message] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.seconds: list[float] = []
        self.used: list[str] = []
        self.cancelled: list[str] = []
        self.results: dict[str, ToolResult | float] = {}
        """What each tool comes to; a number is for how many seconds it takes."""
        self.usage = Usage(
            max_running=max_running, max_per_call=max_per_call, observe=self.seconds.append
        )
        offered = {each.name: each for each in tools}
        own = {"hang_up": built_in("hang_up", DialPolicy())}
        self.invocations = Invocations(
            {**offered, **own},
            self.line,
            use_hosted=self._use,
            usage=self.usage,
            send=self.sent.append,
            note=lambda kind, **fields: self.notes.append((kind, fields)),
        )

    async def _use(self, tool: HostedTool, _: Mapping[str, Any], __: Controls) -> ToolResult:
        self.used.append(tool.key)
        result = self.results.get(tool.name, ToolResult(text="done"))
        if isinstance(result, ToolResult):
            return result
        try:
            await asyncio.sleep(result)
        except asyncio.CancelledError:
            self.cancelled.append(tool.name)
            raise
        return ToolResult(text="done at last")

    def ask(self, name: str, number: str = "i-1", **parameters: object) -> None:
        self.invocations.take(
            ClientToolInvocation(tool_name=name, invocation_id=number, parameters=parameters)
        )

    @property
    def answers(self) -> list[ClientToolResult]:
        return [each for each in self.sent if isinstance(each, ClientToolResult)]


def lived(desk_of: Callable[[], Desk], *asked: str, seconds: float = 60) -> Desk:
    """A desk after tools were asked for one after the other, each under its own number."""

    async def live() -> Desk:
        desk = desk_of()
        for number, name in enumerate(asked):
            desk.ask(name, f"i-{number}")
        await asyncio.sleep(seconds)
        return desk

    return run_virtually(live())


def test_a_tool_is_used_answered_counted_and_told_of() -> None:
    desk = lived(lambda: Desk(hosted("lookup")), "lookup")
    (answer,) = desk.answers
    assert (answer.invocation_id, answer.result) == ("i-0", "done")
    assert desk.notes == [("tool", {"name": "lookup", "result": "ok", "ms": 0.0})]
    assert desk.invocations.uses == [{"name": "lookup", "result": "ok", "ms": 0.0}]
    assert desk.usage.results == {Kind.OK: 1}
    assert len(desk.seconds) == 1
    assert desk.usage.running == 0


def test_an_unknown_tool_gets_the_documented_error() -> None:
    desk = lived(Desk, "launch_rocket")
    (answer,) = desk.answers
    assert (answer.error_type, answer.result) == ("undefined", None)
    assert "launch_rocket" in (answer.error_message or "")
    assert desk.notes[0][1]["result"] == "unknown"


def test_a_tool_that_takes_too_long_is_given_up_before_ultravox_does() -> None:
    def desk_of() -> Desk:
        desk = Desk(hosted("slow", timeout_s=5))
        desk.results["slow"] = 30.0
        return desk

    desk = lived(desk_of, "slow")
    (answer,) = desk.answers
    assert answer.error_type == "implementation-error"
    assert answer.error_message == "slow took longer than 4.9 s"
    assert desk.cancelled == ["slow"]
    assert desk.seconds == [pytest.approx(4.9)]
    assert desk.usage.results == {Kind.TIMEOUT: 1}


def test_the_same_invocation_twice_is_used_once_and_answered_alike() -> None:
    async def live() -> Desk:
        desk = Desk(hosted("slow", timeout_s=5))
        desk.results["slow"] = 1.0
        desk.ask("slow")
        desk.ask("slow")
        await asyncio.sleep(2)
        assert len(desk.answers) == 1
        desk.ask("slow")
        await asyncio.sleep(2)
        return desk

    desk = run_virtually(live())
    assert desk.used == ["m:slow"]
    assert len(desk.answers) == 2
    assert desk.answers[0] == desk.answers[1]
    assert sum(desk.usage.results.values()) == 1


def test_more_than_a_call_may_use_at_once_is_answered_at_once() -> None:
    def desk_of() -> Desk:
        desk = Desk(hosted("slow", timeout_s=5), max_per_call=2)
        desk.results["slow"] = 1.0
        return desk

    desk = lived(desk_of, "slow", "slow", "slow")
    assert [each.invocation_id for each in desk.answers] == ["i-2", "i-0", "i-1"]
    assert desk.answers[0].error_type == "implementation-error"
    assert desk.usage.results == {Kind.BUSY: 1, Kind.OK: 2}


def test_more_than_all_calls_may_use_at_once_is_answered_at_once() -> None:
    def desk_of() -> Desk:
        desk = Desk(hosted("slow", timeout_s=5), max_running=1)
        desk.results["slow"] = 1.0
        return desk

    async def live() -> Desk:
        desk = desk_of()
        desk.ask("slow", "i-0")
        await asyncio.sleep(0.1)
        desk.ask("slow", "i-1")
        await asyncio.sleep(2)
        return desk

    assert run_virtually(live()).usage.results == {Kind.BUSY: 1, Kind.OK: 1}


def test_what_still_runs_when_the_call_ends_is_cancelled_and_counted() -> None:
    async def live() -> Desk:
        desk = Desk(hosted("slow", timeout_s=5))
        desk.results["slow"] = 3.0
        desk.ask("slow")
        await asyncio.sleep(1)
        desk.invocations.close()
        await asyncio.sleep(1)
        desk.ask("slow", "i-2")
        await asyncio.sleep(1)
        return desk

    desk = run_virtually(live())
    assert desk.answers == []
    assert desk.cancelled == ["slow"]
    assert desk.usage.results == {Kind.CANCELLED: 1}
    assert desk.notes[0][1]["result"] == "cancelled"


def test_a_late_tool_is_answered_at_once_and_its_result_is_told() -> None:
    def desk_of() -> Desk:
        desk = Desk(hosted("slow", late="I am looking that up.", timeout_s=60))
        desk.results["slow"] = 50.0
        return desk

    early = lived(desk_of, "slow", seconds=1)
    assert [each.result for each in early.answers] == ["I am looking that up."]
    assert early.line.done == []
    desk = lived(desk_of, "slow", seconds=55)
    assert desk.line.done == [("tell", "The result of slow: done at last", Urgency.SOON)]
    assert len(desk.answers) == 1
    assert desk.seconds == [pytest.approx(50)]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (failure(Kind.ERROR, "slow raised KeyError"), "slow could not be done."),
        (refusal("No such order."), "The result of slow: No such order."),
    ],
)
def test_a_late_tool_that_fails_is_told_too(result: ToolResult, told: str) -> None:
    def desk_of() -> Desk:
        desk = Desk(hosted("slow", late="Wait."))
        desk.results["slow"] = result
        return desk

    assert lived(desk_of, "slow").line.done == [("tell", told, Urgency.SOON)]


def test_a_late_tool_may_hang_up_and_is_no_trouble_when_the_agent_has_left() -> None:
    def hanging() -> Desk:
        desk = Desk(hosted("slow", late="Wait."))
        desk.results["slow"] = ToolResult(hang_up={"strict": True, "message": "Bye."})
        return desk

    assert lived(hanging, "slow").sent[-1] == HangUp(message="Bye.")

    def left() -> Desk:
        desk = Desk(hosted("slow", late="Wait."))
        desk.line.refusal = "no agent is on the call"
        return desk

    assert lived(left, "slow").line.done == []


def test_a_new_stage_has_the_tools_it_names_and_those_it_brings() -> None:
    brought = hosted("sell")

    def desk_of() -> Desk:
        desk = Desk(hosted("next"))
        desk.results["next"] = ToolResult(
            stage={"systemPrompt": "Sell."}, stage_tools=("hang_up", brought.as_json())
        )
        return desk

    desk = lived(desk_of, "sell", "next")
    assert desk.answers[0].error_type == "undefined"
    stage = json.loads(desk.answers[1].result or "")
    names = [each["temporaryTool"]["modelToolName"] for each in stage["selectedTools"]]
    assert names == ["hang_up", "sell"]

    async def on(desk: Desk) -> None:
        desk.ask("sell", "i-9")
        await asyncio.sleep(1)

    run_virtually(on(desk))
    assert desk.used[-1] == "m:sell"


def test_a_new_stage_with_a_tool_that_is_not_there_is_an_error() -> None:
    def desk_of() -> Desk:
        desk = Desk(hosted("next"))
        desk.results["next"] = ToolResult(stage={}, stage_tools=("fly",))
        return desk

    (answer,) = lived(desk_of, "next").answers
    assert answer.error_type == "implementation-error"
    assert "'fly'" in (answer.error_message or "")


def test_a_fault_of_the_bridge_is_an_answer_too() -> None:
    class Broken(Desk):
        async def _use(self, tool: HostedTool, _: Mapping[str, Any], __: Controls) -> ToolResult:
            raise NotNow("what nobody expected")

    (answer,) = lived(lambda: Broken(hosted("lookup")), "lookup").answers
    assert answer.error_message == "the bridge failed: NotNow"
