"""The control API over a running service."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bridge.api import following
from sip.pjsua.core import Core
from tests.support.caller import Phone
from tests.support.service import TOKEN, Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES: dict[str, set[str]] = {
    "calls_active": set(),
    "calls_total": {"direction", "trunk", "result", "cause"},
    "setup_seconds": {"le"},
    "turn_latency_seconds": {"le"},
    "barge_ins_total": set(),
    "rtp_packets_total": {"direction"},
    "rtp_lost_total": set(),
    "rtp_concealed_total": set(),
    "rtp_late_total": set(),
    "rtp_jitter_seconds": {"le"},
    "playout_depth_seconds": {"le"},
    "tick_late_seconds": {"le"},
    "trunk_registered": {"trunk"},
    "ultravox_rtt_seconds": {"le"},
    "ultravox_requests_total": {"status"},
}
"""The fixed face: every metric, and the labels it may have."""
BESIDES: dict[str, set[str]] = {
    "calls_limit": set(),
    "legs_active": set(),
    "draining": set(),
    "mos": {"le"},
    "admission": {"state"},
    "tasks": set(),
    "overloads_total": set(),
    "late_seconds": set(),
    "busy_ratio": set(),
    "ticks_total": set(),
    "ticks_behind_total": set(),
    "one_way_total": set(),
    "uplink_dropped_total": set(),
    "playout_dropped_seconds_total": set(),
    "strangers_total": set(),
    "refused_total": set(),
    "rejected_total": set(),
    "journal_written_total": set(),
    "journal_lost_total": set(),
    "shared_places_total": {"answer"},
    "shared_reached": set(),
    "tool_seconds": {"le"},
    "tool_calls_total": {"result"},
    "webhook_deliveries_total": {"result"},
    "webhook_pending": set(),
    "api_cut_total": {"reason"},
}
"""What the fixed face does not name."""


async def events(
    bridge: Bridge, call_id: str, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[int, str, dict[str, Any]]]:
    """Number, kind and fields of each event of a call, as they come."""
    path = f"/v1/calls/{call_id}/events"
    number, kind = -1, ""
    async with bridge.api.get(path, headers=headers) as response:
        assert response.content_type == "text/event-stream"
        async for raw in response.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            match name:
                case "id":
                    number = int(value)
                case "event":
                    kind = value
                case "data":
                    yield number, kind, json.loads(value)


async def test_a_call_is_shown_with_what_its_invite_tells_of_it(
    bridge: Bridge, phone: Phone
) -> None:
    told = ("X-Account: 42", "diversion: <sip:1@a>", "Diversion: <sip:2@a>", "User-to-User: 00ab")
    async with phone.call(bridge.address, *told, "Subject: none", user="echo"):
        (shown,) = await bridge.get("/v1/calls")
    assert shown["headers"] == {
        "X-Account": ["42"],
        "diversion": ["<sip:1@a>", "<sip:2@a>"],
        "User-to-User": ["00ab"],
    }


async def test_a_call_is_shown_alive_and_after_its_end(bridge: Bridge, phone: Phone) -> None:
    assert await bridge.get("/v1/calls") == []
    async with phone.call(bridge.address, user="echo") as call:
        await call.line.listen(0.1)
        (shown,) = await bridge.get("/v1/calls")
        assert shown["state"] == "answered"
        assert (shown["direction"], shown["trunk"], shown["agent"]) == ("inbound", "pbx", "echo")
        assert (shown["caller"], shown["callee"]) == ("ann", "echo")
        assert (shown["codec"], shown["held"]) == ("PCMU", False)
        assert set(shown["timings"]) == {"ringing", "agent-created", "agent-joined", "answered"}
        assert "outcome" not in shown
        assert await bridge.get(f"/v1/calls/{shown['id']}") == shown | {
            "age_s": pytest.approx(shown["age_s"], abs=1),
            "transcript": [],
        }
        assert (await bridge.metrics())["bridge_calls_active"] == 1
    await until(lambda: not bridge.service.calls)
    assert await bridge.get("/v1/calls") == []
    past = await bridge.get(f"/v1/calls/{shown['id']}")
    assert past["state"] == "ended"
    assert past["outcome"]["cause"] == "caller-hung-up"
    assert (await bridge.metrics())["bridge_calls_active"] == 0


async def test_the_trunks_are_shown(bridge: Bridge) -> None:
    (trunk,) = await bridge.get("/v1/trunks")
    assert (trunk["trunk"], trunk["state"]) == ("pbx", "none")
    assert 'bridge_trunk_registered{trunk="pbx"}' not in await bridge.metrics()


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/v1/calls/c-0", 404, "no-such-call"),
        ("GET", "/v1/calls/c-0/events", 404, "no-such-call"),
        ("POST", "/v1/calls/c-0/hangup", 404, "no-such-call"),
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/v1/calls", 405, "method-not-allowed"),
        ("POST", "/v1/calls", 400, "bad-request"),
    ],
)
async def test_an_error_is_json_with_its_status(
    bridge: Bridge, method: str, path: str, status: int, error: str
) -> None:
    async with bridge.api.request(method, path) as response:
        assert response.status == status
        told = await response.json()
    assert told["error"] == error
    assert told["message"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ('{"to": "1"}', "agent"),
        ('{"to": 1, "agent": "echo"}', "to"),
        ('{"to": "1", "agent": "echo", "agnet": "x"}', "agnet"),
        ('{"to": "1", "agent": "echo", "variables": {"a": 5}}', "variables.a"),
        ("\udcff", "JSON"),
    ],
)
async def test_a_body_that_cannot_be_used_is_told_where(
    bridge: Bridge, body: str, word: str
) -> None:
    data = body.encode("utf-8", "surrogateescape")
    async with bridge.api.post("/v1/calls", data=data) as response:
        assert response.status == 400
        told = await response.json()
    assert told["error"] == "bad-request"
    assert word in told["message"]


async def test_a_huge_body_is_refused(bridge: Bridge) -> None:
    async with bridge.api.post("/v1/calls", data=b" " * 100_000) as response:
        assert response.status == 413
        assert (await response.json())["error"] == "request-entity-too-large"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": "Bearer \udcff"}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 404),
        ({"authorization": f"bearer {TOKEN}"}, 404),
    ],
)
async def test_whoever_changes_something_needs_the_token(
    bridge: Bridge, given: dict[str, str], status: int
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    request = f"POST /v1/calls/c-0/hangup HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{lines}\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.control.port)
    writer.write(request.encode("utf-8", "surrogateescape"))
    first = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert int(first.split()[1]) == status


async def test_on_loopback_anyone_may_look(bridge: Bridge) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{bridge.control.port}") as anyone:
        for path in ("/metrics", "/healthz", "/readyz", "/v1/calls", "/v1/trunks"):
            async with anyone.get(path) as response:
                assert response.status == 200, path


async def test_a_sip_thread_that_hangs_makes_the_service_unhealthy(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, settle = threading.Event(), Core.settle

    def hang(core: Core) -> None:
        go_on.wait(8)
        settle(core)

    monkeypatch.setattr("bridge.service.ANSWER_S", 0.2)
    monkeypatch.setattr(Core, "settle", hang)
    async with bridge.api.get("/healthz") as response:
        assert response.status == 503
        assert "SIP thread" in await response.text()
    go_on.set()
    await bridge.get("/healthz")


async def test_the_events_of_a_call_are_streamed_to_its_end_and_can_be_resumed(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="receptionist") as call:
        ours = await bridge.answered()
        stream = events(bridge, ours.id)
        seen = []
        async for event in stream:
            seen.append(event)
            if event[1] == "transcript":
                await call.hang_up()
    numbers, kinds = [event[0] for event in seen], [event[1] for event in seen]
    assert numbers == list(range(len(seen)))
    assert kinds[:4] == ["ringing", "agent-created", "agent-joined", "answered"]
    assert kinds[-1] == "ended"
    assert seen[-1][2]["cause"] == "caller-hung-up"
    said = next(fields for _, kind, fields in seen if kind == "transcript")
    assert said["role"] == "agent"
    times = [fields["at"] for _, _, fields in seen]
    assert times == sorted(times)
    again = [event async for event in events(bridge, ours.id, {"Last-Event-ID": "2"})]
    assert again == seen[3:]


@pytest.mark.parametrize("last", ["x", "-1", "9" * 5000, "²"])
async def test_a_last_event_id_that_is_none_of_ours_is_borne(
    bridge: Bridge, phone: Phone, last: str
) -> None:
    async with phone.call(bridge.address, user="silent"):
        ours = await bridge.answered()
    await until(lambda: not bridge.service.calls)
    seen = [event async for event in events(bridge, ours.id, {"Last-Event-ID": last})]
    assert [kind for _, kind, _ in seen][-1:] in ([], ["ended"])


async def test_a_quiet_stream_is_kept_open_by_comments(
    bridge: Bridge, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "KEEPALIVE_S", 0.05)
    async with phone.call(bridge.address, user="silent"):
        ours = await bridge.answered()
        async with bridge.api.get(f"/v1/calls/{ours.id}/events") as response:
            text = await response.content.readuntil(b": still here\n")
    assert b"event: ringing" in text


async def test_a_reader_that_never_reads_slows_nobody_and_is_cut_off(
    bridge: Bridge, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "STALL_S", 0.3)
    followers = bridge.control.followers
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.answered()
        request = f"GET /v1/calls/{ours.id}/events HTTP/1.1\r\nHost: x\r\n\r\n"
        unread = socket.socket()
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unread.setblocking(False)
        await asyncio.get_running_loop().sock_connect(unread, ("127.0.0.1", bridge.control.port))
        await asyncio.get_running_loop().sock_sendall(unread, request.encode())
        await until(lambda: followers.count == 1)
        (writer,) = bridge.control._runner.server.connections  # type: ignore[union-attr]
        await call.line.speech()
        queued = []
        for number in range(200):
            for _ in range(100):
                ours.note("transcript", role="agent", text=f"{number} " + "x" * 200)
            await asyncio.sleep(0)
            if writer.transport is not None:
                queued.append(writer.transport.get_write_buffer_size())
        assert max(queued) < 200_000
        assert len(ours.chronicle._events) <= 2000
        # Another reader gets what is kept, and the caller the agent's voice.
        reading = events(bridge, ours.id)
        assert (await anext(reading))[1] == "transcript"
        await reading.aclose()  # type: ignore[attr-defined]
        await until(lambda: bridge.control.losses.counts["unread"] == 1)
        await until(lambda: followers.count == 0)
        await call.line.speech()
        await call.line.listen(0.3)
        unread.close()
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"


async def test_too_many_followers_are_turned_away(
    bridge: Bridge, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MAX_FOLLOWERS", 1)
    async with phone.call(bridge.address, user="silent"):
        ours = await bridge.answered()
        async with bridge.api.get(f"/v1/calls/{ours.id}/events") as first:
            assert first.status == 200
            async with bridge.api.get(f"/v1/calls/{ours.id}/events") as second:
                assert second.status == 503
                assert (await second.json())["error"] == "too-many-followers"
    await until(lambda: bridge.control.followers.count == 0)


async def test_a_beat_that_was_late_is_observed_once(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent"):
        ours = await bridge.answered()
        ours.first.stream.stats.tick_late_max = 0.3
        for _ in range(2):
            bridge.service.metrics.sample([ours])
        late = "bridge_tick_late_seconds_bucket"
        samples = await bridge.metrics()
        assert samples[f'{late}{{le="0.5"}}'] - samples[f'{late}{{le="0.1"}}'] == 1


async def test_the_metrics_are_those_of_the_fixed_face(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="receptionist") as call:
        await call.line.speech()
    await bridge.idle()
    bridge.service.metrics.sample(bridge.service.calls.values())
    found: dict[str, set[str]] = {}
    samples = await bridge.metrics()
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes"} <= set(samples)
    for sample in samples:
        if sample.startswith("process_"):
            continue
        name, _, labels = sample.removeprefix("bridge_").partition("{")
        for suffix in ("_bucket", "_count", "_sum", "_created"):
            name = name.removesuffix(suffix)
        assert sample.startswith("bridge_")
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    expected = {**NAMES, **BESIDES}
    assert set(found) - set(expected) == set()
    # What needs a registered trunk is shown where there is one.
    assert set(NAMES) - set(found) <= {"trunk_registered"}
    assert all(found[name] <= expected[name] for name in found)


async def test_the_metrics_count_what_passed(bridge: Bridge, phone: Phone) -> None:
    before = await bridge.metrics()
    async with phone.call(bridge.address, user="talker") as call:
        ours = await bridge.answered()
        await call.line.speech()
        call.line.pitch = 1050
        await until(lambda: ours.talk.barge_ins == 1)
        during = await bridge.metrics()
    await bridge.idle()
    after = await bridge.metrics()

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    sent, received = (
        f'bridge_rtp_packets_total{{direction="{way}"}}' for way in ("sent", "received")
    )
    assert after[sent] >= during[sent] > before[sent]
    assert after[received] >= during[received] > before[received]
    assert during["bridge_barge_ins_total"] == after["bridge_barge_ins_total"]
    assert grown("bridge_barge_ins_total") == 1
    assert grown("bridge_setup_seconds_count") == 1
    assert grown('bridge_ultravox_requests_total{status="201"}') == 1
    labels = 'cause="caller-hung-up",direction="inbound",result="success",trunk="pbx"'
    assert grown(f"bridge_calls_total{{{labels}}}") == 1


async def test_turn_latency_is_measured_from_the_end_of_the_callers_speech(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="receptionist") as call:
        ours = await bridge.answered()
        await call.line.speech()
        call.line.pitch = 1050
        await until(lambda: ours.talk.barge_ins == 1)
        await call.line.listen(0.2)
        call.line.pitch = 0
        await until(lambda: bool(ours.talk.turns.latencies))
    (latency,) = (await bridge.record())["turns"]
    # The stand-in takes its turn 0.384 s after the caller has fallen silent.
    assert latency >= 0.38


async def test_without_a_database_past_calls_are_said_not_to_be_kept(bridge: Bridge) -> None:
    async with bridge.api.get("/v1/calls?since=1h") as response:
        assert response.status == 404
        told = await response.json()
    assert told["error"] == "no-database"
    assert "journal.database" in told["message"]
