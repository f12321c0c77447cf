"""Tools in whole calls: what an agent uses, what its caller hears, and what is kept of it."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.call import Call, CallState
from bridge.config import ConfigError
from bridge.ultravox.messages import Urgency
from bridge.ultravox.standin.call import StandinCall
from tests.support.caller import Phone, SipCall, describe
from tests.support.service import Bridge, noted, running
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATA = Path(__file__).parents[2] / "data" / "tools"
CALLS = 20


def using(*steps: str, tools: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """An agent that greets and then does what `steps` say."""
    prompt = "\n".join(["say: Hello.", *steps])
    call = {"systemPrompt": prompt, "metadata": {"standin.agent": "receptionist"}}
    return {"call": call, "tools": tools or [], **more}


def own(*names: str) -> list[str]:
    return [f"trying_tools:{name}" for name in names]


AGENTS = {
    "adder": using('tool: add {"first": 2, "second": 3}', tools=own("add")),
    "stranger": using('tool: add {"first": "two"}', tools=own("add")),
    "steerer": using("tool: steer_from_thread", tools=own("steer_from_thread")),
    "holder": using("tool: hold", "tool: resume", tools=["hold", "resume"]),
    "collector": using('tool: collect_digits {"count": 4, "wait_s": 10}', tools=["collect_digits"]),
    "secretive": using(
        'tool: collect_digits {"count": 4, "wait_s": 10}',
        tools=["collect_digits"],
        dtmf={"hide": True},
    ),
    "secretary": using(
        'tool: take_message {"message": "Call back.", "caller": "Ann"}', tools=["take_message"]
    ),
    "waiter": using('tool: wait {"seconds": 30}', tools=own("wait")),
    "stager": using("tool: next_stage", tools=["hang_up", *own("next_stage")]),
    "later": using("tool: answer_twice", tools=own("answer_twice")),
    "burner": using('tool: burn {"seconds": 5}', tools=own("burn")),
    "operator": using(
        'on many: tool: add {"first": 2, "second": 3}',
        'on many: tool: add {"first": 3, "second": 3}',
        'on slow: tool: block {"seconds": 0.3}',
        "on wrong: tool: fail",
        "on garbage: tool: garbage",
        "on chat: say: We have talked of that, and of much else besides.",
        tools=own("add", "block", "fail", "garbage"),
    ),
}
CHANGES: dict[str, Any] = {
    "agents": AGENTS,
    "routes": [{"to": name, "agent": name} for name in AGENTS],
    "tools": {"threads": 8},
}


@pytest.fixture(scope="module", autouse=True)
def _modules() -> Any:
    """Where the tools' process finds the modules of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DATA))
        yield


def results(agent: StandinCall) -> list[dict[str, Any]]:
    """What the agent was answered."""
    answers = [json.loads(text) for text in agent.received if "client_tool_result" in text]
    return [
        {k: v for k, v in each.items() if k not in ("type", "invocationId")} for each in answers
    ]


@contextlib.asynccontextmanager
async def calling(
    bridge: Bridge, phone: Phone, user: str
) -> AsyncIterator[tuple[SipCall, Call, StandinCall]]:
    async with phone.call(bridge.address, user=user) as call:
        yield call, await bridge.answered(), await bridge.agent()


async def test_a_function_of_ones_own_answers_the_agent_and_is_kept(
    bridge: Bridge, phone: Phone
) -> None:
    bridge.skip()
    async with calling(bridge, phone, "adder") as (_, ours, agent):
        await until(lambda: bool(results(agent)))
        (tool,) = (each["temporaryTool"] for each in agent.body["selectedTools"])
        assert tool["description"] == "Add two numbers."
        assert results(agent) == [{"result": "5"}]
        await until(lambda: bool(noted(ours, "tool")))
    record = await bridge.record()
    (used,) = record["tools"]
    assert (used["name"], used["result"]) == ("add", "ok")
    assert noted(ours, "tool") == [used]
    metrics = await bridge.metrics()
    assert metrics['bridge_tool_calls_total{result="ok"}'] >= 1
    assert metrics["bridge_tool_seconds_count"] >= 1


async def test_an_agent_that_gives_wrong_arguments_is_told_what_to_mend(
    bridge: Bridge, phone: Phone
) -> None:
    async with calling(bridge, phone, "stranger") as (_, _ours, agent):
        await until(lambda: bool(results(agent)))
    (answer,) = results(agent)
    assert "first: Input should be a valid integer" in answer["result"]


async def test_a_tool_presses_keys_from_another_process(bridge: Bridge, phone: Phone) -> None:
    async with calling(bridge, phone, "steerer") as (_, ours, agent):
        await until(lambda: bool(results(agent)))
        assert noted(ours, "digits-sent") == [{"count": 1, "digits": "2"}]
    reaction = {"agentReaction": "listens", "updateCallState": {"pressed": 1}}
    assert results(agent) == [{"result": "pressed", **reaction}]


async def test_an_agent_holds_its_caller_and_takes_it_back(bridge: Bridge, phone: Phone) -> None:
    async with calling(bridge, phone, "holder") as (call, ours, agent):
        for version, (asked, agreed) in enumerate(
            [("sendonly", "recvonly"), ("sendrecv", "sendrecv")], 2
        ):
            offered = await call.expect("INVITE")
            assert f"a={asked}" in offered.body
            agreement = describe(call.line, direction=agreed, version=version)
            call.reply(offered, "200 OK", "Content-Type: application/sdp", body=agreement)
            await call.expect("ACK")
        await until(lambda: len(results(agent)) == 2)
        await until(lambda: not ours.current.held)
    assert [each.get("errorType") for each in results(agent)] == [None, None]


@pytest.mark.parametrize(("user", "shown"), [("collector", {"digits": "471"}), ("secretive", {})])
async def test_an_agent_collects_digits_that_are_shown_as_far_as_digits_are(
    bridge: Bridge,
    phone: Phone,
    caplog: pytest.LogCaptureFixture,
    *,
    user: str,
    shown: dict[str, str],
) -> None:
    caplog.set_level(logging.DEBUG, "bridge")
    async with calling(bridge, phone, user) as (call, ours, agent):
        await until(lambda: ours.first.digits._entry is not None)
        for digit in "471#":
            relay = "application/dtmf-relay"
            call.send("INFO", body=f"Signal={digit}\r\nDuration=160\r\n", kind=relay)
            await call.expect(200)
        await until(lambda: bool(results(agent)))
        assert noted(ours, "digits") == [{"count": 3, **shown}]
        assert not any("user_text_message" in text for text in agent.received)
    assert results(agent) == [{"result": "The caller entered 471."}]
    logged = [record.getMessage() for record in caplog.records if "standin" not in record.name]
    assert any("ClientToolResult" in line for line in logged)
    assert not any("471" in line for line in logged if "ClientToolResult" in line)


async def test_a_message_is_an_event_and_in_the_journal(bridge: Bridge, phone: Phone) -> None:
    bridge.skip()
    async with calling(bridge, phone, "secretary") as (_, ours, agent):
        await until(lambda: bool(results(agent)))
    message = {"text": "Call back.", "caller": "Ann"}
    assert noted(ours, "message") == [message]
    assert (await bridge.record())["messages"] == [message]


async def test_a_tool_that_still_runs_when_the_caller_hangs_up_is_counted(
    bridge: Bridge, phone: Phone
) -> None:
    before = (await bridge.metrics())['bridge_tool_calls_total{result="cancelled"}']
    async with calling(bridge, phone, "waiter") as (_, ours, agent):
        await until(lambda: bool(ours.talk.invocations._running))
    await bridge.idle()
    after = (await bridge.metrics())['bridge_tool_calls_total{result="cancelled"}']
    assert after == before + 1
    assert results(agent) == []


async def test_a_tool_begins_a_stage_with_its_own_tools(bridge: Bridge, phone: Phone) -> None:
    async with calling(bridge, phone, "stager") as (_, _ours, agent):
        await until(lambda: bool(results(agent)))
    (answer,) = results(agent)
    assert answer["responseType"] == "new-stage"
    stage = json.loads(answer["result"])
    assert [each["temporaryTool"]["modelToolName"] for each in stage["selectedTools"]] == [
        "hang_up",
        "sell",
    ]


async def test_what_a_tool_finds_later_reaches_the_agent_as_text(
    bridge: Bridge, phone: Phone
) -> None:
    async with calling(bridge, phone, "later") as (_, _ours, agent):
        await until(lambda: any('{\\"found\\":1}' in text for text in agent.received))
    assert results(agent) == [{"result": "I am looking that up."}]


async def test_a_call_that_is_over_is_forgotten_by_the_tools(bridge: Bridge, phone: Phone) -> None:
    async with calling(bridge, phone, "later") as (_, ours, agent):
        await until(lambda: bool(results(agent)))
        assert list(bridge.service.agency._workshop._calls) == [ours.id]
    await bridge.idle()
    assert not bridge.service.agency._workshop._calls


async def test_a_configuration_whose_tools_are_not_there_does_not_start(tmp_path: Path) -> None:
    change = {"agents": {"adder": using(tools=["no_such_module:f"])}}
    with pytest.raises(ConfigError, match=r"agents\.adder\.tools\.1: there is no module"):
        async with running(tmp_path, change):
            pass


async def test_twenty_calls_use_tools_while_their_audio_goes_on(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tools that compute, block, raise and return garbage, in all of 20 calls at once."""
    bridge.skip()
    async with Phone() as phone, contextlib.AsyncExitStack() as exits:
        for _ in range(CALLS):
            await exits.enter_async_context(phone.call(bridge.address, user="operator"))
        ours = list(bridge.service.calls.values())
        await until(lambda: all(call.state is CallState.ANSWERED for call in ours))
        # The agents speak and are interrupted as often, and use no tool.
        without = await Lateness.over(3.0, ours, while_asked=5 * ["chat"])
        await exits.enter_async_context(phone.call(bridge.address, user="burner"))
        await until(lambda: bridge.service.agency.tool_usage.running == 1)
        words = ["many", "slow", "wrong", "garbage", "many"]
        using_tools = await Lateness.over(3.0, ours, while_asked=words)
        # The tools' process gives way to the audio: on a loaded machine it answers later.
        await until(lambda: len(results_of(ours)) >= 2 * CALLS)
        await until(lambda: {"ok", "error"} <= set(results_of(ours)))
        used = results_of(ours)
    with capsys.disabled():
        print(f"\n{CALLS} calls without tools: {without}; {len(used)} uses, one computing for 5 s:")
        print(f"{using_tools}")
    if without.skipped > without.ticks / 20:
        pytest.skip("this machine is too busy to tell")
    # A thread that computes beside the audio has a third of the ticks left out.
    assert using_tools.late_ms < without.late_ms + 20
    assert using_tools.skipped <= without.skipped + using_tools.ticks / 4


def results_of(calls: list[Call]) -> list[str]:
    """What came of each tool that the agents of these calls have used."""
    return [fields["result"] for call in calls for fields in noted(call, "tool")]


async def ask(calls: list[Call], words: list[str]) -> None:
    """Have every agent do what it does at each word, whatever it is saying."""
    for word in words:
        for call in calls:
            call.controls.tell_agent(word, Urgency.IMMEDIATE)
        await asyncio.sleep(0.5)


@dataclass(frozen=True)
class Lateness:
    """How late the audio of calls was sent for some seconds."""

    ticks: int
    late_ms: float
    """On average."""
    worst_ms: float
    skipped: int
    """Ticks left out because their whole time had passed."""

    @classmethod
    async def over(cls, seconds: float, calls: list[Call], *, while_asked: list[str]) -> "Lateness":
        every = [call.first.stream.stats for call in calls]
        before = [(each.ticks, each.tick_late_sum, each.ticks_late) for each in every]
        for each in every:
            each.tick_late_max = 0.0
        await asyncio.gather(asyncio.sleep(seconds), ask(calls, while_asked))
        after = [(each.ticks, each.tick_late_sum, each.ticks_late) for each in every]
        ticks, late_s, skipped = (
            sum(each[i] for each in after) - sum(each[i] for each in before) for i in range(3)
        )
        worst_ms = max(each.tick_late_max for each in every) * 1000
        return cls(int(ticks), late_s / ticks * 1000, worst_ms, int(skipped))

    def __str__(self) -> str:
        return (
            f"{self.ticks} ticks, late by {self.late_ms:.2f} ms on average,"
            f" {self.worst_ms:.0f} at worst, {self.skipped} left out"
        )
