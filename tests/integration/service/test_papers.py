"""What is written down of a call, and what must not be: journal and log."""

import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.caller import Phone
from tests.support.service import running
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_journal_tells_the_whole_call_in_one_line(tmp_path: Path, phone: Phone) -> None:
    async with running(tmp_path) as bridge:
        async with phone.call(bridge.address, user="receptionist", caller="+4420") as call:
            ours, agent = await bridge.answered(), await bridge.agent()
            await call.line.speech()
            call.line.pitch = 1050
            await until(lambda: ours.talk.barge_ins == 1)
            await call.line.listen(0.2)
            call.line.pitch = 0
            await until(lambda: len(ours.talk.transcripts.utterances) >= 2)
            await until(lambda: ours.talk.session is not None and ours.talk.session.rtt is not None)
            await call.hang_up("Reason: Q.850;cause=16")
        record = await bridge.record()
    assert set(record) == {
        *("id", "started", "direction", "trunk", "caller", "caller_name", "callee", "agent"),
        *("sip_call_id", "codec", "ultravox_call_id", "agents", "timings", "outcome", "sound"),
        *(
            "turns",
            "barge_ins",
            "barge_in_dropped_ms",
            "agent_rtt",
            "transcript",
            "srtp",
            "tools",
            "messages",
            "transfers",
        ),
    }
    assert record["id"] == ours.id
    age = datetime.now(UTC) - datetime.fromisoformat(record["started"])
    assert 0 < age.total_seconds() < 60
    assert (record["direction"], record["trunk"]) == ("inbound", "pbx")
    assert (record["caller"], record["caller_name"]) == ("+4420", "Ann")
    assert (record["callee"], record["agent"]) == ("receptionist", "receptionist")
    assert record["sip_call_id"] == call.id
    assert record["codec"] == "PCMU"
    assert record["ultravox_call_id"] == agent.id
    steps = ["ringing", "agent-created", "agent-joined", "answered", "ended"]
    assert list(record["timings"]) == steps
    assert sorted(record["timings"].values()) == list(record["timings"].values())
    assert record["outcome"] == {
        "result": "success",
        "cause": "caller-hung-up",
        "sip_code": 0,
        "q850": 16,
        "detail": "",
    }
    assert record["sound"]["received"] == pytest.approx(call.line.sent, abs=15)
    assert record["sound"]["sent"] == pytest.approx(len(call.line.packets), abs=15)
    assert record["sound"]["lost"] == 0
    assert record["sound"]["late"] == 0 or ours.first.stream.stats.ticks_late
    assert record["barge_ins"] == 1
    assert record["agent_rtt"] > 0
    assert [line["role"] for line in record["transcript"][:2]] == ["agent", "user"]
    assert "Hello, this is the reception".startswith(record["transcript"][0]["text"].strip())


async def test_the_transcript_tells_when_and_what_was_heard_of_speech_that_was_cut(
    tmp_path: Path, phone: Phone
) -> None:
    async with running(tmp_path) as bridge:
        async with phone.call(bridge.address, user="talker") as call:
            ours = await bridge.answered()
            await call.line.speech()
            first = next(packet.at for packet in call.line.packets if packet.speech)
            await call.line.listen(0.6)
            call.line.pitch, spoke_at = 1050, ours.age
            await until(lambda: ours.talk.barge_ins == 1)
            cut_at, heard_s = ours.age, ours.first.stream.stats.heard
            await call.line.listen(0.2)
            call.line.pitch = 0
            await until(lambda: len(ours.talk.transcripts.utterances) >= 2)
            shown = await bridge.get(f"/v1/calls/{ours.id}")
            began = ours.chronicle._began
            heard = [packet.at - began for packet in call.line.packets if packet.speech]
        record = await bridge.record()
    told = [e.fields for e in ours.chronicle._events if e.kind == "transcript"]
    agent, caller = record["transcript"][:2]
    slack_s = 0.1 + ours.first.stream.stats.tick_late_max
    assert (agent["role"], agent["interrupted"], caller["role"]) == ("agent", True, "user")
    assert agent["began"] == pytest.approx(first - began, abs=slack_s)
    assert agent["until"] - agent["began"] == pytest.approx(agent["heard_ms"] / 1000, abs=slack_s)
    assert agent["heard_ms"] == pytest.approx(1000 * heard_s, abs=1000 * slack_s)
    last = max(at for at in heard if at < cut_at + slack_s)
    assert agent["until"] == pytest.approx(last, abs=slack_s)
    dropped_ms = record["barge_in_dropped_ms"]
    assert agent["said_ms"] == pytest.approx(agent["heard_ms"] + dropped_ms, abs=2)
    assert dropped_ms > 1000
    assert caller["began"] == pytest.approx(spoke_at, abs=slack_s + 0.05)
    deltas = [e.fields for e in ours.chronicle._events if e.kind == "transcript-delta"]
    spoken = "".join(each["delta"] for each in deltas if each["role"] == "agent")
    assert agent["text"].strip()
    assert spoken.startswith(agent["text"].strip())
    assert agent["until"] < caller["until"] < record["timings"]["ended"]
    assert told[0] == agent
    assert shown["transcript"][0] == agent


async def test_transcripts_can_be_left_out(tmp_path: Path, phone: Phone) -> None:
    async with running(tmp_path, {"journal": {"transcripts": False}}) as bridge:
        async with phone.call(bridge.address, user="tool-user") as call:
            await call.ended()
        record = await bridge.record()
        assert "transcript" not in record
        assert "Hello" not in json.dumps(record)


async def test_at_info_a_call_is_two_lines_without_what_was_said(
    tmp_path: Path, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running(tmp_path) as bridge:
        await bridge.idle()
        caplog.clear()
        async with phone.call(bridge.address, user="receptionist") as call:
            ours = await bridge.answered()
            await call.line.speech()
            call.send("INFO", body="Signal=5\r\nDuration=160\r\n", kind="application/dtmf-relay")
            await call.expect(200)
        await bridge.idle()
        messages = [r.getMessage() for r in caplog.records if r.name.split(".")[0] != "asyncio"]
    first, last = messages
    assert first == f"< call {ours.id} from ann to receptionist by pbx, agent receptionist"
    assert re.fullmatch(rf"= call {ours.id} ended after \d+\.\d s: success caller-hung-up", last)
