"""Ends of a call that no real peer brings about on demand; SIP is a fake here, all else is real."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bridge.agents.agent import Agent
from bridge.call import Call
from bridge.errors import NotNow
from bridge.outcome import Outcome
from bridge.parties.parties import Parties
from bridge.switchboard import Switchboard
from rtp import Stream
from sip import SipError
from tests.support.fake_stack import FakeStack, Remote, describe_audio
from tests.support.service import Bridge, running
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    made = FakeStack()
    monkeypatch.setattr("sip.user_agent._pjsua", lambda: made)
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def bridge(stack: FakeStack, tmp_path: Path) -> AsyncIterator[Bridge]:
    async with running(tmp_path) as running_bridge:
        yield running_bridge
        await running_bridge.idle()


async def answered(stack: FakeStack, bridge: Bridge, agent: str = "silent") -> Remote:
    """A caller whose call is up."""
    remote = stack.invite(callee=agent, offer=describe_audio(("PCMU",)))
    assert (await remote.answered()).code == 200
    await until(
        lambda: any("answered" in c.chronicle.timings for c in bridge.service.calls.values())
    )
    return remote


async def test_a_peer_that_vanishes_ends_the_call_as_unreachable(
    stack: FakeStack, bridge: Bridge
) -> None:
    remote = await answered(stack, bridge)
    remote.fail(408, "Request Timeout")
    outcome = (await bridge.record())["outcome"]
    assert (outcome["result"], outcome["cause"]) == ("indeterminate", "unreachable")
    assert outcome["sip_code"] == 408


async def test_a_fault_of_the_bridge_costs_its_call_and_no_other(
    stack: FakeStack,
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = await answered(stack, bridge)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(Agent, "request", broken)
        remote = stack.invite(callee="echo")
        assert (await remote.answered()).code == 500
    record = await bridge.record()
    assert record["outcome"]["cause"] == "internal-error"
    assert record["outcome"]["detail"] == "RuntimeError"
    faults = [each for each in caplog.records if each.exc_info]
    assert len(faults) == 1
    assert record["id"] in faults[0].getMessage()
    caplog.clear()
    assert len(bridge.service.calls) == 1
    other.bye()
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"


@pytest.mark.plain
async def test_a_caller_whose_stream_cannot_be_opened_is_answered_and_accounted_for(
    stack: FakeStack,
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = Stream.open

    async def exhausted(stream: Stream) -> None:
        await opened(stream)
        raise OSError("too many open files")

    monkeypatch.setattr(Stream, "open", exhausted)
    remote = stack.invite(callee="echo")
    assert (await remote.answered()).code == 500
    outcome = (await bridge.record())["outcome"]
    assert (outcome["cause"], outcome["detail"]) == ("internal-error", "OSError")
    caplog.clear()


async def test_what_fails_while_a_call_is_ending_does_not_change_why_it_ends(
    stack: FakeStack, bridge: Bridge
) -> None:
    async def unruly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise SipError("it is too late for that")

    await answered(stack, bridge)
    ours = await bridge.call()
    ours.spawn(unruly(), name="unruly")
    await asyncio.sleep(0)
    await bridge.post(f"/v1/calls/{ours.id}/hangup")
    assert (await bridge.record())["outcome"]["cause"] == "operator-hung-up"


async def test_a_fault_in_hanging_up_leaves_no_agent_and_no_reader_behind(
    stack: FakeStack,
    bridge: Bridge,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(_: Parties, __: Outcome) -> None:
        raise RuntimeError("a fault")

    remote = await answered(stack, bridge)
    ours, agent = await bridge.call(), await bridge.agent()
    monkeypatch.setattr(Parties, "hang_up", broken)
    remote.bye()
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"
    await until(lambda: agent.ended is not None)
    assert [event.kind async for event in ours.chronicle.follow()][-1] == "ended"
    caplog.clear()


async def test_nothing_is_begun_for_a_call_that_does_not_live_yet(
    stack: FakeStack, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, refused = Switchboard.begin, []

    def begin_and_ask(board: Switchboard, call: Call, life: Coroutine[Any, Any, Outcome]) -> None:
        begin(board, call, life)
        try:
            call.spawn(asyncio.sleep(0), name="too soon")
        except NotNow as error:
            refused.append(error)

    monkeypatch.setattr(Switchboard, "begin", begin_and_ask)
    remote = await answered(stack, bridge)
    assert len(refused) == 1
    remote.bye()
    await bridge.record()


async def test_a_stack_that_cannot_answer_ends_the_call(
    stack: FakeStack, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(self: Remote, _: object) -> None:
        raise SipError("no transport")

    monkeypatch.setattr(Remote, "respond", stuck)
    remote = stack.invite(callee="silent")
    left = await remote.left()
    assert left.code == 500
    outcome = (await bridge.record())["outcome"]
    assert outcome["result"] == "upstream_error"
    assert "no transport" in outcome["detail"]


async def test_a_call_that_cannot_be_dialled_says_why(
    stack: FakeStack, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(self: FakeStack, _: object) -> None:
        raise SipError("too many calls")

    monkeypatch.setattr(FakeStack, "_dial", stuck)
    await bridge.post("/v1/calls", {"to": "1", "agent": "silent"})
    record = await bridge.record()
    assert record["outcome"]["result"] != "success"
    assert "too many calls" in record["outcome"]["detail"]


async def test_a_disk_that_fails_costs_lines_and_no_call(
    stack: FakeStack, bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    bridge.journal.unlink()
    bridge.journal.mkdir()
    for _ in range(3):
        remote = await answered(stack, bridge)
        remote.bye()
        await until(lambda: not bridge.service.calls)
    await until(lambda: bridge.service.papers.journal.lost == 3)
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 1
    assert str(bridge.journal) in errors[0].getMessage()
    caplog.clear()
    bridge.journal.rmdir()
    bridge.journal.touch()
