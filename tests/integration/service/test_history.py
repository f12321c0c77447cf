"""Past calls, asked for through the API."""

import asyncio
from urllib.parse import quote

import pytest

from tests.support.caller import Phone
from tests.support.service import Bridge, offer
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES = {"journal": {"database": "calls.db"}}


async def written(bridge: Bridge) -> None:
    await until(lambda: not bridge.service.papers.journal.pending)


async def test_calls_are_found_by_what_is_known_of_them(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent", caller="+4420"):
        ours = await bridge.answered()
        await written(bridge)
        found = await bridge.get(f"/v1/calls?caller={quote('+44*')}")
        assert [each["id"] for each in found["calls"]] == [ours.id]
        assert found["calls"][0]["outcome"] is None
    refused = await offer(phone, bridge, user="nowhere")
    await refused.expect(404)
    await bridge.idle()
    found = await bridge.get("/v1/calls?since=1m")
    assert [each["callee"] for each in found["calls"]] == ["nowhere", "silent"]
    assert found["next"] is None
    first = await bridge.get("/v1/calls?since=1m&limit=1")
    second = await bridge.get(f"/v1/calls?since=1m&limit=1&cursor={first['next']}")
    assert first["calls"] + second["calls"] == found["calls"]
    (only,) = (await bridge.get("/v1/calls?cause=caller-hung-up&agent=silent"))["calls"]
    assert only["id"] == ours.id
    assert only["timings"]["ended"] > 0
    assert "transcript" not in only
    assert (await bridge.get("/v1/calls?until=1h"))["calls"] == []
    assert await bridge.get("/v1/calls") == []


async def test_a_call_long_over_is_shown_from_the_database(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="receptionist") as call:
        ours = await bridge.answered()
        await call.line.speech()
        await until(lambda: bool(ours.talk.transcripts.utterances))
    await bridge.idle()
    bridge.service.switchboard._recent.clear()
    shown = await bridge.get(f"/v1/calls/{ours.id}")
    assert (shown["state"], shown["callee"]) == ("ended", "receptionist")
    assert shown["outcome"]["cause"] == "caller-hung-up"
    assert shown["transcript"][0]["role"] == "agent"
    async with bridge.api.get(f"/v1/calls/{ours.id}/events") as response:
        assert response.status == 404
    async with bridge.api.get("/v1/calls/c-0%FF") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("since=yesterday", "since"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
        ("agnet=echo", "did you mean agent"),
        ("agent=a&agent=b", "agent: given twice"),
        ("cause=bussy", "did you mean busy"),
        ("cursor=%00", "cursor"),
    ],
)
async def test_a_question_that_makes_no_sense_is_told_why(
    bridge: Bridge, query: str, word: str
) -> None:
    async with bridge.api.get(f"/v1/calls?{query}") as response:
        assert response.status == 400
        told = await response.json()
    assert told["error"] == "bad-request"
    assert word in told["message"]


async def test_many_questions_at_once_are_answered_or_turned_away(bridge: Bridge) -> None:
    async def ask() -> int:
        async with bridge.api.get("/v1/calls?since=1h") as response:
            return response.status

    statuses = await asyncio.gather(*(ask() for _ in range(100)))
    assert set(statuses) <= {200, 503}
    assert await ask() == 200


async def test_why_ultravox_says_that_its_call_ended_is_known_a_moment_later(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        ours = await bridge.answered()
        await until(lambda: "agent-joined" in ours.chronicle.timings)
        (agent,) = (await bridge.get(f"/v1/calls/{ours.id}"))["agents"]
        assert (agent["agent"], agent["end_reason"]) == ("silent", None)
        await call.hang_up()
    record = await bridge.record()
    assert record["agents"] == [agent]
    await until(lambda: ours.talk.end_reason is not None)
    (agent,) = (await bridge.get(f"/v1/calls/{ours.id}"))["agents"]
    assert agent["end_reason"] == "hangup"
    await bridge.idle()
    bridge.service.switchboard._recent.clear()
    shown = await bridge.get(f"/v1/calls/{ours.id}")
    assert shown["agents"] == [agent]
    assert agent["ultravox_call_id"] == shown["ultravox_call_id"]
