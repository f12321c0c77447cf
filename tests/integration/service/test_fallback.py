"""Calls whose agent cannot be had, or is lost, and what the configuration has for them."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import pytest_asyncio

from bridge.agents import talks
from bridge.scenario import rescue
from deploy.ports import free_port
from tests.support.caller import Phone, describe
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge, noted, offer
from tests.support.waiting import until
from tests.support.wavs import write_wav

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port()
SORRY, WAIT, BEEP = 700, 880, 440
STEPS: dict[str, list[Any]] = {
    "next": ["error-503", {"agent": "hang", "timeout_s": 0.3}, "echo"],
    "sorry": [{"play": "sorry.wav"}],
    "human": [{"transfer": "+15550177", "timeout_s": 5}],
    "busy": ["resume", {"reject": 486}],
    "unanswered": [{"transfer": "+15550177", "timeout_s": 0.5}, {"reject": 480}],
    "unplayable": [{"play": "spoilt.wav"}, {"reject": 487}],
}
LOST: dict[str, list[Any]] = {
    "resumed": ["resume"],
    "waits": [{"agent": "slow", "music": "wait.wav"}],
    "to a human": ["error-500", {"transfer": "+15550177"}],
    "plays": [{"play": "sorry.wav"}],
    "in turn": ["drop", "echo"],
    "anew": ["drop"],
    "waits in vain for music": [{"agent": "slow", "music": "spoilt.wav"}],
}


FOLDER = Path(tempfile.mkdtemp(prefix="fallback-"))
"""Where the sounds are: they have to be there before the service is."""


def changes(folder: Path) -> dict[str, Any]:
    write_wav(folder / "sorry.wav", SORRY, seconds=0.5)
    write_wav(folder / "wait.wav", WAIT, seconds=0.5)
    write_wav(folder / "spoilt.wav", WAIT, seconds=0.5)

    def placed(step: Any) -> Any:
        if not isinstance(step, dict):
            return step
        return {k: str(folder / v) if k in ("play", "music") else v for k, v in step.items()}

    routes = [
        {"to": to, "header": {"X-Case": case}, "agent": to, "on_agent_failure": steps}
        for to, cases in (("error-500", STEPS), ("drop", LOST))
        for case, steps in ((case, [*map(placed, steps)]) for case, steps in cases.items())
    ]
    return {
        "ultravox": {"timeout_s": 1.5},
        "trunks": {"pbx": {"address": f"sip:127.0.0.2:{PORT}"}},
        "agents": {"outbound": {"agent_id": "error-500", "on_agent_failure": ["echo"]}},
        "routes": routes,
    }


CHANGES = changes(FOLDER)


@pytest_asyncio.fixture(loop_scope="module")
async def human() -> AsyncIterator[Phone]:
    async with Phone(port=PORT) as phone:
        yield phone


@pytest.fixture(autouse=True, scope="module")
def _folder() -> Iterator[None]:
    with mock.patch.object(talks, "LAST_WORDS_S", 0.5):
        yield
    shutil.rmtree(FOLDER, ignore_errors=True)


async def test_the_next_agent_takes_the_call_while_it_rings(bridge: Bridge, phone: Phone) -> None:
    headers = ("X-Case: next",)
    async with phone.call(bridge.address, *headers, user="error-500", pitch=1050) as call:
        await call.line.speech()
        assert heard(await call.line.listen(0.3), 1050) == {1050}
        ours = await bridge.answered()
    kinds = [event.kind for event in ours.chronicle._events]
    assert kinds.index("agent-failed") < kinds.index("agent-joined")
    assert kinds.count("fallback") == 3
    refused, late = noted(ours, "fallback-failed")
    assert "503" in refused["detail"]
    assert late["detail"] == "timeout"  # its own, long before Ultravox's


async def test_a_file_is_played_and_the_call_ends_with_its_cause(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, "X-Case: sorry", user="error-500") as call:
        await call.ended()
        assert heard(call.line.heard(), SORRY) == {SORRY}
    assert (await bridge.record())["outcome"]["cause"] == "agent-unavailable"


async def test_a_caller_whose_agent_cannot_be_had_is_put_through_to_a_human(
    bridge: Bridge, phone: Phone, human: Phone
) -> None:
    async with Line() as line, Line() as other:
        call = await phone.invite(bridge.address, describe(line), "X-Case: human", user="error-500")
        second = await human.called()
        assert second.invite is not None
        second.reply(second.invite, "200 OK", body=describe(other))
        await second.expect("ACK")
        answer = await call.expect(200)
        call.ack()
        line.talk(answer.media, pitch=1050)
        other.talk(second.invite.media, pitch=1330)
        await until(lambda: heard(line.heard()[-1600:], 1330) == {1330})
        await until(lambda: heard(other.heard()[-1600:], 1050) == {1050})
        await call.hang_up()
        await second.ended()


@pytest.mark.parametrize(("case", "code"), [("busy", 486), ("unanswered", 480)])
async def test_a_call_that_nobody_takes_gets_the_configured_status(
    bridge: Bridge, phone: Phone, human: Phone, case: str, code: int
) -> None:
    call = await offer(phone, bridge, f"X-Case: {case}", user="error-500")
    if case == "unanswered":
        second = await human.called()
        assert second.invite is not None
        second.reply(second.invite, "180 Ringing")
        cancel = await second.expect("CANCEL")
        second.reply(cancel, "200 OK")
        second.reply(second.invite, "487 Request Terminated")
    assert (await call.final()).code == code
    assert (await bridge.record())["outcome"]["cause"] == "agent-unavailable"


def spoil() -> None:
    """Make a file that cannot be played of one that could be when the service was started."""
    (FOLDER / "spoilt.wav").write_bytes(b"RIFF")


async def test_a_file_that_cannot_be_played_leads_to_the_next_step(
    bridge: Bridge, phone: Phone
) -> None:
    spoil()
    call = await offer(phone, bridge, "X-Case: unplayable", user="error-500")
    assert (await call.final()).code == 487
    assert (await bridge.record())["outcome"]["cause"] == "agent-unavailable"


async def test_a_caller_whose_music_cannot_be_played_hears_a_tone(
    bridge: Bridge, phone: Phone
) -> None:
    spoil()
    headers = ("X-Case: waits in vain for music",)
    async with phone.call(bridge.address, *headers, user="drop") as call:
        await until(lambda: BEEP in heard(call.line.heard()[-1600:], BEEP), timeout_s=8)
        await call.line.speech(call.line.packets[-1].at)
        assert call.bye is None


async def test_a_lost_agent_goes_on_in_a_new_call_that_knows_the_old_one(
    bridge: Bridge, phone: Phone
) -> None:
    before = len(bridge.standin.calls)
    async with phone.call(bridge.address, "X-Case: resumed", user="drop") as call:
        await until(lambda: len(bridge.standin.calls) == before + 2)
        first, second = list(bridge.standin.calls.values())[-2:]
        await until(lambda: second.joined is not None)
        asked = [each for each in bridge.standin.requests if "priorCallId" in each.query]
        assert asked[-1].query["priorCallId"] == first.id
        since = call.line.packets[-1].at
        await call.line.speech(since)
        assert call.bye is None
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"
    assert second.audio.overflows == second.audio.underflows == 0


async def test_where_the_next_agent_is_lost_at_once_the_one_after_it_takes_the_call(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, "X-Case: in turn", user="drop", pitch=1050) as call:
        ours = await bridge.answered()
        await until(lambda: ours.talk.agent.name == "echo", timeout_s=8)
        await call.line.speech(call.line.packets[-1].at)
    assert [talk.agent.name for talk in ours.talks] == ["drop", "drop", "echo"]


async def test_an_agent_that_was_had_for_long_is_replaced_from_the_first_step_on(
    bridge: Bridge, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescue, "SETTLED_S", 0.0)
    async with phone.call(bridge.address, "X-Case: anew", user="drop"):
        ours = await bridge.answered()
        await until(lambda: len(noted(ours, "agent-failed")) == 3, timeout_s=12)


async def test_a_caller_hears_music_until_the_next_agent_is_there(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, "X-Case: waits", user="drop") as call:
        await until(lambda: WAIT in heard(call.line.heard()[-3200:], WAIT))
        await until(lambda: heard(call.line.heard()[-1600:], WAIT) == set())
        agent = await bridge.agent()
        assert agent.settings.agent.name == "slow"
        await call.line.speech(call.line.packets[-1].at)


async def test_a_caller_whose_agent_is_lost_is_put_through_and_hears_a_tone_meanwhile(
    bridge: Bridge, phone: Phone, human: Phone
) -> None:
    async with (
        phone.call(bridge.address, "X-Case: to a human", user="drop") as call,
        Line() as other,
    ):
        second = await human.called()
        assert second.invite is not None
        await until(lambda: BEEP in heard(call.line.heard()[-1600:], BEEP))
        second.reply(second.invite, "200 OK", body=describe(other))
        await second.expect("ACK")
        other.talk(second.invite.media, pitch=1330)
        await until(lambda: heard(call.line.heard()[-1600:], 1330, BEEP) == {1330})
        await second.hang_up()
        await call.ended()


async def test_a_caller_whose_agent_is_lost_hears_why(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, "X-Case: plays", user="drop") as call:
        await call.ended()
        assert heard(call.line.heard()[-6400:], SORRY) == {SORRY}
    assert (await bridge.record())["outcome"]["cause"] == "agent-lost"


async def test_who_was_called_gets_the_next_agent_too(
    bridge: Bridge, phone: Phone, human: Phone
) -> None:
    order = {"to": "+15550100", "agent": "outbound"}
    await bridge.post("/v1/calls", order)
    async with Line() as line:
        call = await human.called()
        assert call.invite is not None
        call.reply(call.invite, "200 OK", body=describe(line))
        await call.expect("ACK")
        line.talk(call.invite.media, pitch=1050)
        await until(lambda: heard(line.heard()[-1600:], 1050) == {1050})
        await call.hang_up()
    assert (await bridge.record())["outcome"]["result"] == "success"
