"""Calls that live by a scenario of somebody's own."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import pytest_asyncio
import soundfile

from bridge.agents import talks
from bridge.scenario import running as runner
from deploy.ports import free_port
from tests.support import scenes
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.pitch import heard, heard_in_turn
from tests.support.scenes import SEEN
from tests.support.service import KEY, Bridge, noted, offer
from tests.support.waiting import until
from tests.support.wavs import write_wav

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port()
NAMES = [
    *("menu", "busy", "elsewhere", "EarlyFile", "early_agent", "through", "rings_in_vain", "three"),
    *("musical_hold", "raises", "raises_in_a_reaction", "raises_in_a_slow_reaction", "follows"),
    *("interjects", "presses", "loses", "blocks", "never_ends", "outlives", "returns", "words"),
    *("joins", "watches", "file_to_agent", "keeps", "keeps_agent", "hasty", "hangs_up"),
    *("raises_in_a_group", "awaits_what_was_cancelled", "cancels_itself", "in_a_group"),
    *("exits", "exits_in_a_reaction", "exits_in_a_slow_reaction", "misses_nothing"),
    *("reads_headers", "too_early", "transfers", "ends"),
    "holds_one",
]
CHANGES: dict[str, Any] = {
    "trunks": {"pbx": {"address": f"sip:127.0.0.2:{PORT}"}},
    "recordings": {"folder": "kept"},
    "agents": {"vain": {"agent_id": "silent", "scenario": "tests.support.scenes:calls_in_vain"}},
    "routes": [
        *(
            {"to": name, "agent": "silent", "scenario": f"tests.support.scenes:{name}"}
            for name in NAMES
        ),
        {"to": "echo", "agent": "echo"},
    ],
}
RELAY = "application/dtmf-relay"
MUSIC = 700
AGENT = 140
"""Pitches in Hz: of the file, and of agents that speak."""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> Iterator[None]:
    """Half a second of a tone, at a rate that no codec has."""
    SEEN.clear()
    file = write_wav(tmp_path / "music.wav", MUSIC, seconds=0.5, rate=22050)
    with mock.patch.object(scenes, "WAV", file):
        yield


@pytest_asyncio.fixture(loop_scope="module")
async def second() -> AsyncIterator[Phone]:
    """The telephone that second legs go to."""
    async with Phone(port=PORT) as phone:
        yield phone


@contextlib.asynccontextmanager
async def picked_up(second: Phone, hertz: float) -> AsyncIterator[SipCall]:
    """The second leg, answered, and talking."""
    async with Line() as line:
        call = await second.called()
        assert call.invite is not None
        call.line = line
        call.reply(call.invite, "200 OK", body=describe(line))
        await call.expect("ACK")
        line.talk(call.invite.media, pitch=hertz)
        yield call


def press(call: SipCall, digits: str) -> None:
    for digit in digits:
        call.send("INFO", body=f"Signal={digit}\r\nDuration=100\r\n", kind=RELAY)


async def test_digits_choose_the_agent_and_the_agent_is_not_told_of_them(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="menu", pitch=1050) as call:
        await call.line.speech()
        assert heard(await call.line.listen(0.2), MUSIC) == {MUSIC}
        press(call, "12")
        agent = await bridge.agent()
        assert agent.settings.agent.name == "echo"
        await until(lambda: 1050 in heard(call.line.heard()[-3200:], 1050))
        assert not any("pressed" in text for text in agent.received)
    assert SEEN == ["12"]


async def test_a_scenario_presses_keys_once_there_is_media(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="presses") as call:
        await until(lambda: call.line.digits() == "159*")
        ours = await bridge.answered()
    assert SEEN == ["no media has been agreed on yet"]
    assert noted(ours, "digits-sent") == [{"count": 5, "digits": "159w*"}]


async def test_digits_end_with_a_pause_or_the_end_key(bridge: Bridge, phone: Phone) -> None:
    for keys in ("1", "1#"):
        async with phone.call(bridge.address, user="menu") as call:
            press(call, keys)
            await until(lambda: bool(SEEN))
        await bridge.idle()
        assert SEEN == ["1"]
        SEEN.clear()


async def test_a_call_is_refused_with_code_reason_and_headers(bridge: Bridge, phone: Phone) -> None:
    call = await offer(phone, bridge, user="busy")
    refusal = await call.final()
    assert refusal.start == "SIP/2.0 486 Busy Here"
    assert refusal["X-Why"] == "lunch"
    record = await bridge.record()
    assert (record["outcome"]["cause"], record["outcome"]["sip_code"]) == ("scenario-ended", 486)


async def test_a_call_is_sent_elsewhere(bridge: Bridge, phone: Phone) -> None:
    call = await offer(phone, bridge, user="elsewhere")
    refusal = await call.final()
    assert refusal.code == 302
    assert "sip:other@127.0.0.9" in refusal["Contact"]
    await bridge.record()


async def test_a_file_is_heard_before_an_answer_that_never_comes(
    bridge: Bridge, phone: Phone
) -> None:
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line), user="EarlyFile")
        progress = await call.expect(183)
        line.talk(progress.media)
        assert (await call.final()).code == 480
        assert heard(line.heard(), MUSIC) == {MUSIC}
        assert sum(packet.speech for packet in line.packets) in range(23, 28)


async def test_an_agent_is_heard_before_the_answer(bridge: Bridge, phone: Phone) -> None:
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line), user="early_agent")
        progress = await call.expect(183)
        assert progress["X-Early"] == "yes"
        assert (await bridge.agent()).body["metadata"]["caller"] == "impatient"
        line.talk(progress.media)
        await line.speech()
        assert call.inbox.empty()
        SEEN.append("early media")
        await call.expect(200)
        call.ack()
        await call.hang_up()


@contextlib.asynccontextmanager
async def put_through(
    bridge: Bridge, phone: Phone, second: Phone
) -> AsyncIterator[tuple[SipCall, SipCall]]:
    """A caller and whom the scenario dialled for it, who hear each other."""
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line), user="through")
        call.line = line
        async with picked_up(second, 1330) as other:
            answer = await call.expect(200)
            call.ack()
            line.talk(answer.media, pitch=1050)
            await line.speech()
            yield call, other


async def test_two_legs_hear_each_other_at_once_and_one_hang_up_ends_both(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    async with put_through(bridge, phone, second) as (call, other):
        assert heard(await call.line.listen(0.5), 1050, 1330) == {1330}
        assert heard(await other.line.listen(0.3), 1050, 1330) == {1050}
        assert other.invite is not None
        assert "+15550111@" in other.invite["From"]
        ours = await bridge.call()
        assert all(party.stream.depth < 0.1 for party in ours.parties)
        await call.hang_up()
        await other.ended()
    outcome = (await bridge.record())["outcome"]
    assert (outcome["result"], outcome["cause"]) == ("success", "caller-hung-up")


async def test_the_second_leg_hanging_up_ends_the_first(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    async with put_through(bridge, phone, second) as (call, other):
        await other.hang_up()
        await call.ended()
    assert (await bridge.record())["outcome"]["cause"] == "callee-hung-up"


async def test_a_second_leg_that_is_gone_before_it_is_joined_ends_the_call(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    call = await offer(phone, bridge, user="through")
    async with picked_up(second, 1330) as other:
        await call.expect(200)
        await other.hang_up()
        call.ack()
        await call.ended()
    assert (await bridge.record())["outcome"]["cause"] == "callee-hung-up"


async def test_a_caller_who_leaves_while_the_second_leg_rings_cancels_it(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    call = await offer(phone, bridge, user="through")
    other = await second.called()
    assert other.invite is not None
    other.reply(other.invite, "180 Ringing")
    call.cancel()
    assert (await call.final()).code == 487
    cancel = await other.expect("CANCEL")
    other.reply(cancel, "200 OK")
    other.reply(other.invite, "487 Request Terminated")
    assert (await bridge.record())["outcome"]["cause"] == "cancelled"


async def test_a_second_leg_that_is_busy_is_told_and_the_call_goes_on(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    async with phone.call(bridge.address, user="rings_in_vain") as call:
        other = await second.called()
        assert other.invite is not None
        other.reply(other.invite, "486 Busy Here")
        agent = await bridge.agent()
        await until(lambda: any("It is busy." in text for text in agent.received))
        await until(lambda: bridge.ports_in_use == 1)
        assert call.bye is None


async def test_headers_of_all_legs_are_read_whichever_side_they_came_from(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    call = await offer(phone, bridge, "P-Asserted-Identity: <sip:ann@home>", user="reads_headers")
    await call.expect(200)
    call.ack()
    await second.refuse("603 Decline", "X-Why: asleep")
    other = await second.called()
    assert other.invite is not None
    async with Line() as line:
        other.reply(other.invite, "200 OK", "User-to-User: 00ab", body=describe(line))
        await other.expect("ACK")
        await other.hang_up("X-Why: bored")
    await second.refuse("486 Busy Here")
    await call.ended()
    assert set(SEEN) == {
        "caller <sip:ann@home>",
        "gone first asleep",
        "refused asleep",
        "answered 00ab",
        "gone second bored",
        "gone third ",
        "gone caller ",
    }


async def test_an_agent_that_hears_two_legs_gets_one_second_of_both_each_second(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    async with (
        phone.call(bridge.address, user="three", pitch=1050) as call,
        picked_up(second, 1330) as other,
    ):
        agent = await bridge.agent()
        # The echo of the agent tells what it heard: each leg hears the other, and both.
        await until(lambda: 1050 in heard(call.line.heard()[-3200:], 1050))
        both = heard(await other.line.listen(0.5), 1050, 1330)
        assert both == {1050, 1330}
        await call.hang_up()
        await other.ended()
    assert agent.audio.overflows == agent.audio.underflows == 0


async def test_a_held_caller_hears_music_and_the_agent_silence(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="musical_hold", pitch=1050) as call:
        agent = await bridge.agent()
        held = await call.expect("INVITE")
        assert "a=sendonly" in held.body
        sdp = describe(call.line, direction="recvonly", version=2)
        call.reply(held, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")
        await call.line.listen(0.3)
        # It is half a second long, and played over and over.
        assert heard(await call.line.listen(0.8), MUSIC) == {MUSIC}
        again = await call.expect("INVITE")
        sdp = describe(call.line, version=3)
        call.reply(again, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")
        await call.line.listen(0.2)
        assert heard(await call.line.listen(0.3), MUSIC) == set()
    assert SEEN == ["caller held", "caller back"]
    assert agent.audio.overflows == agent.audio.underflows == 0


@pytest.mark.parametrize("by", ["us", "them"])
async def test_an_agent_hears_nothing_of_a_leg_on_hold_whatever_that_sends(
    bridge: Bridge, phone: Phone, second: Phone, by: str
) -> None:
    async with (
        phone.call(bridge.address, user="holds_one", pitch=1050) as call,
        picked_up(second, 1330) as other,
    ):
        # The agent repeats what it hears of both.
        await until(lambda: heard(other.line.heard()[-3200:], 1050, 1330) == {1050, 1330})
        if by == "us":
            SEEN.append("hold")
            held = await call.expect("INVITE")
            sdp = describe(call.line, direction="recvonly", version=2)
            call.reply(held, "200 OK", "Content-Type: application/sdp", body=sdp)
            await call.expect("ACK")
        else:
            call.reinvite(describe(call.line, direction="sendonly", version=2))
            await call.expect(200)
            call.ack()
        await until(lambda: heard(other.line.heard()[-3200:], 1050, 1330) == {1330})
        await other.line.listen(0.3)
        assert heard(await other.line.listen(0.3), 1050, 1330) == {1330}


async def test_a_leg_that_the_scenario_hangs_up_is_told_why_and_the_call_was_no_failure(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="hangs_up") as call:
        assert (await call.ended())["X-Why"] == "sold"
    outcome = (await bridge.record())["outcome"]
    assert (outcome["result"], outcome["cause"]) == ("success", "scenario-ended")


async def test_each_leg_that_is_over_with_its_call_is_told(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    async with phone.call(bridge.address, user="ends") as call, picked_up(second, 1330) as other:
        await call.ended()
        await other.ended()
    await bridge.record()
    assert SEEN == ["caller time-limit", "second time-limit"]


async def test_a_leg_taken_back_before_it_agreed_to_be_held_leaves_the_call_as_it_was(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="hasty", pitch=1050) as call:
        held = await call.expect("INVITE")
        await until(lambda: bool(SEEN))
        assert SEEN == ["an offer of the call still waits for its answer"]
        sdp = describe(call.line, direction="recvonly", version=2)
        call.reply(held, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")
        assert (await bridge.call()).current.held


async def test_what_comes_too_early_is_told_and_leaves_the_call_as_it_was(
    bridge: Bridge, phone: Phone
) -> None:
    call = await offer(phone, bridge, user="too_early")
    assert (await call.final()).code == 480
    assert SEEN == [
        "no media has been agreed on yet",
        "the leg has not been answered",
        "no media has been agreed on yet",
        "the call came in: there is nobody that it was ordered to reach",
    ]


async def test_a_scenario_transfers_and_goes_on_with_the_joined_legs(
    bridge: Bridge, phone: Phone, second: Phone
) -> None:
    async with (
        phone.call(bridge.address, user="transfers", pitch=1050) as call,
        picked_up(second, 1330) as other,
    ):
        await other.line.speech()
        assert heard(await other.line.listen(0.2), MUSIC) == {MUSIC}
        assert MUSIC in heard(call.line.heard(), MUSIC)
        await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
        assert SEEN == ["done: True"]
        await call.hang_up()
        await other.ended()


async def test_what_an_agent_was_saying_goes_on_after_a_file(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="interjects") as call:
        await call.line.speech()
        await until(lambda: heard(call.line.heard()[-1600:], MUSIC) == {MUSIC})
        await until(lambda: bool(SEEN))
        ours = await bridge.answered()
        # It speaks for a minute, all of it sent long since.
        assert ours.first.stream.depth > 5
        await call.line.listen(0.2)
        assert heard(await call.line.listen(0.3), MUSIC) == set()


async def test_an_agent_that_somebody_else_created_is_joined_by_its_url(
    bridge: Bridge, phone: Phone
) -> None:
    url = f"{bridge.standin.api_url}/agents/echo/calls"
    body = {"medium": {"serverWebSocket": {"inputSampleRate": 8000}}}
    async with bridge.api.post(url, json=body, headers={"X-API-Key": KEY}) as response:
        join_url = (await response.json())["joinUrl"]
    before = len(bridge.standin.calls)
    with mock.patch.object(scenes, "JOIN_URL", join_url):
        async with phone.call(bridge.address, user="joins", pitch=1050) as call:
            await until(lambda: 1050 in heard(call.line.heard()[-3200:], 1050))
    assert len(bridge.standin.calls) == before
    assert (await bridge.agent()).settings.agent.name == "echo"
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"


async def test_what_an_agent_says_and_uses_is_told_while_it_does(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="watches") as call:
        await call.ended()
    tool = SEEN.index("tool-user uses hang_up {'farewell': 'Bye.'}")
    said = [each.split(" ", 2) for each in SEEN[:tool]]
    assert {role for role, _, _ in said} == {"agent"}
    assert " ".join(delta for _, _, delta in said) == "Hello."


async def test_a_file_is_heard_by_the_agent_along_with_the_caller_until_it_is_stopped(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="file_to_agent", pitch=1050) as call:
        agent = await bridge.agent()
        # The echo of the agent tells what it heard.
        both = {1050, MUSIC}
        await until(lambda: heard(call.line.heard()[-3200:], 1050, MUSIC) == both)
        # Longer than what players hand over ahead of time.
        await call.line.listen(2.5)
        assert heard(await call.line.listen(0.2), 1050, MUSIC) == both
        SEEN.append("heard")
        await until(lambda: heard(call.line.heard()[-3200:], 1050, MUSIC) == {1050})
        assert SEEN == ["heard", "stopped"]
    assert agent.audio.overflows == agent.audio.underflows == 0


async def test_a_recorder_keeps_whom_it_is_bridged_with(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="keeps", pitch=1050) as call:
        await until(lambda: MUSIC in heard(call.line.heard()[-3200:], MUSIC))
        await until(lambda: "kept" in SEEN)
        assert bridge.service.recordings.alive == 0
    (recording,) = (await bridge.record())["recordings"]
    assert recording["result"] == "whole"
    frames, rate = soundfile.read(recording["path"], dtype="int16", always_2d=True)
    assert (rate, frames.shape[1]) == (8000, 1)
    assert heard_in_turn(frames.tobytes(), 1050, MUSIC) == [1050, MUSIC]


async def test_a_recorder_keeps_what_an_agent_says_as_it_is_said(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="keeps_agent") as call:
        await call.line.speech()
        await call.line.listen(1.0)
    (recording,) = (await bridge.record())["recordings"]
    frames, rate = soundfile.read(recording["path"], dtype="int16")
    assert AGENT in heard(frames[-rate // 2 :].tobytes(), AGENT)
    # It has sent the whole minute by then.
    assert 0.8 < len(frames) / rate < 5


@pytest.mark.parametrize(
    "raised",
    [
        "LookupError raises",
        "LookupError raises_in_a_reaction",
        "LookupError raises_in_a_slow_reaction",
        "LookupError raises_in_a_group",
        "CancelledError awaits_what_was_cancelled",
        "CancelledError cancels_itself",
        "SystemExit exits",
        "SystemExit exits_in_a_reaction",
        "SystemExit exits_in_a_slow_reaction",
    ],
)
async def test_a_scenario_that_raises_ends_its_call_says_where_and_touches_no_other(
    bridge: Bridge, phone: Phone, raised: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, user = raised.split()
    async with phone.call(bridge.address, user="echo", pitch=1050) as other:
        await other.line.speech()
        async with phone.call(bridge.address, user=user) as call:
            await call.ended()
        outcome = (await bridge.record())["outcome"]
        assert (outcome["result"], outcome["cause"]) == ("server_error", "scenario-failed")
        assert f"{kind} at " in outcome["detail"]
        assert "scenes.py:" in outcome["detail"]
        assert heard(await other.line.listen(0.2), 1050) == {1050}
    (line,) = [each for each in caplog.messages if "scenario failed at" in each]
    assert "scenes.py:" in line
    assert not [record for record in caplog.records if "fault of the bridge" in record.msg]


async def test_what_ends_the_call_within_a_group_of_tasks_ends_it_as_ever(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="in_a_group") as call:
        await call.ended()
    assert (await bridge.record())["outcome"]["cause"] == "agent-hung-up"
    assert "agent said something" in SEEN


async def test_events_are_those_since_they_were_asked_for(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="misses_nothing") as call:
        await call.ended()
    assert SEEN == ["told", "Hello."]


async def test_what_happens_is_told_as_it_happens(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="follows") as call:
        agent = await bridge.agent()
        await until(lambda: any("I was made to say" in text for text in agent.received))
        press(call, "7")
        await until(lambda: "digits 7 of caller" in SEEN)
        (await bridge.answered()).attendance.judge()
    await bridge.idle()
    seen = [each for each in SEEN if "sounds" not in each]
    assert seen == ["agent said something", "digits 7 of caller", "caller caller-hung-up"]
    assert "caller sounds well" in SEEN


async def test_a_scenario_goes_on_when_its_agent_is_lost(bridge: Bridge, phone: Phone) -> None:
    with mock.patch.object(talks, "LAST_WORDS_S", 0.2):
        async with phone.call(bridge.address, user="loses") as call:
            await call.ended()
            assert heard(call.line.heard()[-6400:], MUSIC) == {MUSIC}
    assert SEEN == ["lost drop"]
    assert (await bridge.record())["outcome"]["cause"] == "scenario-ended"


async def test_a_scenario_that_blocks_the_loop_is_told_where(
    bridge: Bridge, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "bridge.scenario")
    async with phone.call(bridge.address, user="blocks") as call:
        await call.ended()
    (line,) = [each for each in caplog.messages if "blocks the loop" in each]
    assert "scenes.py:" in line


async def test_a_scenario_that_does_not_end_is_left_alone(
    bridge: Bridge, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    with mock.patch.object(runner, "GRACE_S", 0.2):
        async with phone.call(bridge.address, user="never_ends") as call:
            await call.line.listen(0.1)
        await bridge.record()
    assert any("does not end" in line for line in caplog.messages)
    scenes.OVER.set()


@pytest.mark.parametrize("ends", ["by the caller", "on the error that it deals with"])
async def test_a_scenario_that_outlives_its_call_goes_on_to_its_own_end(
    bridge: Bridge, phone: Phone, ends: str
) -> None:
    scenes.OVER = asyncio.Event()
    with mock.patch.object(runner, "GRACE_S", 0.2):
        async with phone.call(bridge.address, user="outlives") as call:
            await until(lambda: SEEN == ["caught"])
            if ends == "by the caller":
                await call.hang_up()
            else:
                press(call, "1")
                await call.ended()
        await bridge.record()
    scenes.OVER.set()
    await until(lambda: len(SEEN) == 2)
    assert SEEN[1].startswith("over: HTTP 503")


async def test_a_scenario_that_returns_ends_its_call(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="returns") as call:
        await call.ended()
    outcome = (await bridge.record())["outcome"]
    assert (outcome["result"], outcome["cause"]) == ("success", "scenario-ended")


async def test_a_scenario_is_told_of_a_first_party_that_never_answered(
    bridge: Bridge, second: Phone
) -> None:
    await bridge.post("/v1/calls", {"to": "17", "agent": "vain"})
    call = await second.called()
    assert call.invite is not None
    call.reply(call.invite, "180 Ringing")
    call.reply(call.invite, "486 Busy Here")
    await call.expect("ACK")
    await bridge.record()
    assert SEEN == ["callee busy 486"]


async def test_a_scenario_says_all_to_its_agent_that_can_be_said(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="words") as call:
        agent = await bridge.agent()
        await call.ended()
    said = [json.loads(text) for text in agent.received]
    kinds = [each["type"] for each in said if each["type"] != "ping"]
    assert kinds == [
        "user_text_message",
        "set_output_medium",
        "set_output_medium",
        "forced_agent_message",
        "hang_up",
    ]
    assert said[-1]["message"] == "So long."
    assert SEEN == ["cleared"]
    assert (await bridge.record())["outcome"]["cause"] == "agent-hung-up"
