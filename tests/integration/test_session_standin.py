"""Our session and the stand-in together: whole conversations and every fault on demand."""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge.errors import AgentRefused
from bridge.ultravox.answers import Created
from bridge.ultravox.api import Api, with_medium
from bridge.ultravox.close import Close
from bridge.ultravox.messages import (
    AgentState,
    ClientToolInvocation,
    ClientToolResult,
    HangUp,
    Message,
    PlaybackClearBuffer,
    ResponseType,
    Role,
    State,
    Transcript,
    Transcripts,
    Unknown,
    UserTextMessage,
)
from bridge.ultravox.session import Session, leave
from bridge.ultravox.standin import Standin, settings
from bridge.ultravox.standin.speech import resample, to_pcm, tones
from tests.support.certificates import self_signed
from tests.support.waiting import PATIENCE_S

RATE = 8000
FRAME = 320
VOICE = to_pcm(resample(tones("a" * 50), 16000, RATE))


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    async with Standin(voice=None) as server:
        yield server


@pytest.fixture
async def api(standin: Standin) -> AsyncIterator[Api]:
    async with Api(standin.api_url, "any") as client:
        yield client


class Caller:
    """A caller's voice and ears on a session, in real time."""

    def __init__(self) -> None:
        self.messages: list[Message | Unknown] = []
        self.heard = bytearray()
        self.transcripts = Transcripts()
        self.speaks = b""
        self.session: Session | None = None
        self._news = asyncio.Event()

    async def join(self, created: Created) -> Session:
        self.session = await Session.join(
            created.join_url, on_audio=self._hear, on_message=self._read
        )
        return self.session

    def _hear(self, pcm: bytes) -> None:
        self.heard += pcm
        self._news.set()

    def _read(self, message: Message | Unknown) -> None:
        self.messages.append(message)
        if isinstance(message, Transcript):
            self.transcripts.add(message)
        self._news.set()

    async def talk(self) -> None:
        """Send a frame each 20 ms for ever: what `speaks` holds, else silence."""
        assert self.session is not None
        due = time.monotonic()
        while True:
            frame, self.speaks = self.speaks[:FRAME], self.speaks[FRAME:]
            self.session.send_audio(frame.ljust(FRAME, b"\0"))
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not fact():
                self._news.clear()
                await self._news.wait()

    def said(self, role: Role) -> list[str]:
        return [
            said.text for said in self.transcripts.utterances if said.role is role and said.final
        ]


async def closed(session: Session) -> Close:
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.shield(session.closed)


async def create(api: Api, agent: str, *, tools: tuple[str, ...] = ()) -> Created:
    overrides = [{"temporaryTool": {"modelToolName": tool, "client": {}}} for tool in tools]
    body = with_medium({"toolOverrides": {"add": overrides}}, sample_rate=RATE)
    return await api.create_agent_call(agent, body)


async def test_a_whole_conversation_with_barge_in_and_hang_up(standin: Standin, api: Api) -> None:
    prompt = "say: One two three four five six seven eight nine ten.\nsay: Yes?\nhang up"
    body = with_medium({"systemPrompt": prompt}, sample_rate=RATE)
    created = await api.create_call(body)
    caller = Caller()
    session = await caller.join(created)
    talking = asyncio.create_task(caller.talk())
    await caller.until(
        lambda: (
            "One two " in caller.transcripts.utterances[0].text
            if caller.transcripts.utterances
            else False
        )
    )
    caller.speaks = VOICE[:RATE]
    await caller.until(lambda: PlaybackClearBuffer() in caller.messages)
    assert (await closed(session)).clean
    talking.cancel()
    call = standin.calls[created.call_id]
    assert call.end_reason == "agent_hangup"
    assert call.interruptions == 1
    assert caller.said(Role.AGENT)[0].startswith("One two")
    assert caller.said(Role.AGENT)[0] != "One two three four five six seven eight nine ten."
    assert caller.said(Role.AGENT)[1] == "Yes?"
    assert caller.said(Role.USER) == ["(speech, 0.5 s)"]
    assert (call.audio.overflows, call.audio.underflows) == (0, 0)


async def test_the_echo_returns_the_callers_audio_unchanged(standin: Standin, api: Api) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "echo"))
    session.send_audio(VOICE[:FRAME])
    session.send_audio(VOICE[FRAME : 2 * FRAME])
    await caller.until(lambda: len(caller.heard) == 2 * FRAME)
    assert caller.heard == VOICE[: 2 * FRAME]
    await session.close()
    await until_ended(standin)
    (call,) = standin.calls.values()
    assert (call.end_reason, call.close_code, call.audio.frames) == ("hangup", 1000, 2)


async def until_ended(standin: Standin) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for call in standin.calls.values():
            await call.over.wait()


async def test_a_tool_round_trip_hangs_up(standin: Standin, api: Api) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "tool:hang_up", tools=("hang_up",)))
    await caller.until(
        lambda: isinstance(caller.messages[-1], ClientToolInvocation) if caller.messages else False
    )
    invocation = caller.messages[-1]
    assert isinstance(invocation, ClientToolInvocation)
    session.send(
        ClientToolResult(
            invocation_id=invocation.invocation_id,
            result=json.dumps({"strict": True}),
            response_type=ResponseType.HANG_UP,
        )
    )
    assert (await closed(session)).code == 1000
    (call,) = standin.calls.values()
    assert [(tool.name, tool.result is not None) for tool in call.tools_used] == [("hang_up", True)]


async def test_a_farewell_is_whole_when_the_socket_closes(api: Api) -> None:
    caller = Caller()
    began = time.monotonic()
    session = await caller.join(await create(api, "farewell"))
    assert (await closed(session)) == Close(code=1000, ours=False, clean=True)
    length_s = len(caller.heard) / 2 / RATE
    assert length_s > 2.0
    assert time.monotonic() - began < length_s


async def test_text_messages_are_answered(api: Api) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "receptionist"))
    await caller.until(lambda: State(state=AgentState.SPEAKING) in caller.messages)
    session.send(UserTextMessage(text="DTMF received: 5"))
    session.send(HangUp())
    await closed(session)
    assert caller.said(Role.USER) == ["DTMF received: 5"]


@pytest.mark.parametrize(("agent", "code"), [("close-1008", 1008), ("close-4598", 4598)])
async def test_the_agent_closes_with_a_code_on_demand(api: Api, agent: str, code: int) -> None:
    close = await closed(await Caller().join(await create(api, agent)))
    assert (close.code, close.ours, close.clean) == (code, False, False)


async def test_the_agent_drops_the_connection_on_demand(standin: Standin, api: Api) -> None:
    close = await closed(await Caller().join(await create(api, "drop")))
    assert (close.code, close.clean) == (1006, False)


async def test_the_agent_talks_nonsense_on_demand_and_the_call_goes_on(api: Api) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "garbage"))
    await caller.until(lambda: len(caller.said(Role.AGENT)) == 1)
    assert session.stats.bad_json > 0
    assert session.stats.unknown > 0
    assert session.stats.odd_length > 0
    assert not session.closed.done()
    await session.close()


async def test_the_agent_sends_too_much_on_demand(api: Api) -> None:
    session = await Caller().join(await create(api, "oversize"))
    assert (await closed(session)).code == 1009
    assert session.stats.oversize == 1


async def test_clears_may_come_with_nothing_to_clear(api: Api) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "late-clear"))
    await caller.until(lambda: PlaybackClearBuffer() in caller.messages)
    assert caller.heard == b""
    await session.close()


async def test_a_server_without_a_close_frame_and_final_texts_is_understood(api: Api) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "curt"))
    await caller.until(lambda: len(caller.said(Role.AGENT)) == 1)
    await session.close()
    assert caller.said(Role.AGENT) == ["Hello, this is the reception. How can I help you?"]
    assert session.closed.result() == Close(code=1000, ours=True, clean=True)


async def test_the_agent_may_send_silence_while_it_does_not_speak(api: Api) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "silent"))
    other = Caller()
    zeros = await other.join(await create(api, "zeros"))
    await other.until(lambda: bytes(FRAME) in other.heard)
    assert caller.heard == b""
    await session.close()
    await zeros.close()


async def test_a_join_url_opens_once(api: Api) -> None:
    created = await create(api, "silent")
    session = await Caller().join(created)
    with pytest.raises(AgentRefused, match="HTTP 404"):
        await Caller().join(created)
    await session.close()


async def test_a_refused_join_is_refused(api: Api) -> None:
    with pytest.raises(AgentRefused, match="HTTP 403"):
        await Caller().join(await create(api, "refuse-join"))


async def test_a_call_nobody_joins_ends_unjoined(standin: Standin, api: Api) -> None:
    body = with_medium({"joinTimeout": "0.1s"}, sample_rate=RATE)
    created = await api.create_call(body)
    await until_ended(standin)
    assert standin.calls[created.call_id].end_reason == "unjoined"
    with pytest.raises(AgentRefused):
        await Caller().join(created)


async def test_leaving_an_unjoined_call_frees_it_at_once(standin: Standin, api: Api) -> None:
    created = await create(api, "receptionist")
    await leave(created.join_url)
    await until_ended(standin)
    assert standin.calls[created.call_id].end_reason == "hangup"


async def test_leaving_a_call_that_is_gone_is_of_no_consequence() -> None:
    async with Standin(voice=None) as gone, Api(gone.api_url, "any") as api:
        created = await create(api, "receptionist")
    await leave(created.join_url)


async def test_a_server_that_goes_away_says_so(api: Api) -> None:
    async with Standin(voice=None) as going, Api(going.api_url, "any") as client:
        session = await Caller().join(await create(client, "silent"))
    assert await closed(session) == Close(code=1001, ours=False, clean=True)


async def test_audio_that_stops_and_bursts_is_noticed(standin: Standin, api: Api) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "echo"))
    session.send_audio(bytes(16000))
    session.send_audio(bytes(16000))
    await caller.until(lambda: len(caller.heard) == 32000)
    await session.close()
    (call,) = standin.calls.values()
    assert call.audio.overflows == 1
    assert call.events[0]["type"] == "audio_overflow"


async def test_a_client_that_stops_sending_audio_is_dropped(
    standin: Standin, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MEDIA_IDLE_FLOOR_S", 0.1)
    own = {"medium": {"serverWebSocket": {"mediaIdleTimeout": "0.1s"}}}
    created = await api.create_agent_call("echo", with_medium(own, sample_rate=RATE))
    close = await closed(await Caller().join(created))
    assert (close.code, close.clean) == (4598, False)
    assert standin.calls[created.call_id].end_reason == "connection_error"


async def test_a_silent_agent_keeps_to_the_maximum_duration(standin: Standin, api: Api) -> None:
    body = with_medium({"maxDuration": "0.5s"}, sample_rate=RATE)
    created = await api.create_agent_call("silent", body)
    assert (await closed(await Caller().join(created))).clean
    assert standin.calls[created.call_id].end_reason == "timeout"


async def test_older_names_of_a_users_text_are_understood(standin: Standin, api: Api) -> None:
    created = await create(api, "receptionist")
    texts = [
        {"type": "input_text_message", "text": "old"},
        {"type": "user_text_message", "text": "note", "deferResponse": True},
        {"type": "hang_up"},
    ]
    async with aiohttp.ClientSession() as http, http.ws_connect(created.join_url) as ws:
        for text in texts:
            await ws.send_json(text)
        async for _ in ws:
            pass
    said = standin.calls[created.call_id].transcripts.utterances
    assert [item.text for item in said if item.role is Role.USER] == ["old", "note"]


async def test_nonsense_from_a_client_is_noted_and_the_call_goes_on(
    standin: Standin, api: Api
) -> None:
    created = await create(api, "silent")
    async with aiohttp.ClientSession() as http, http.ws_connect(created.join_url) as ws:
        for text in ("{", '{"type":"playbackClearBuffer"}', '{"type":"state","state":"idle"}'):
            await ws.send_str(text)
        await ws.send_json({"type": "spawn_thread", "newThreadId": "t1"})
        await ws.send_json({"type": "ping", "timestamp": 5.0})
        answers = [(await ws.receive_json())["type"] for _ in range(4)]
    assert answers == ["call_started", "state", "thread_rejected", "pong"]
    assert [note["type"] for note in standin.calls[created.call_id].events] == ["bad_message"] * 3


async def test_the_standin_runs_until_it_is_told_to_stop() -> None:
    program = (
        "import logging; logging.basicConfig(level=logging.INFO);"
        "from bridge.ultravox.standin import run; run('127.0.0.1:0')"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        line = (await process.stderr.readline()).decode()
        url = line.rpartition(" ")[2].strip()
        async with Api(url, "any") as api:
            await api.verify_key()
        process.terminate()
        assert await process.wait() == 0


class Rest:
    """Plain requests, for what our own client never asks."""

    def __init__(self, http: aiohttp.ClientSession, standin: Standin) -> None:
        self._http, self._url = http, standin.api_url

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"X-API-Key": "any"}
        async with self._http.request(
            method, self._url + path, json=body, headers=headers
        ) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None


@pytest.fixture
async def rest(standin: Standin) -> AsyncIterator[Rest]:
    async with aiohttp.ClientSession() as http:
        yield Rest(http, standin)


async def test_a_call_can_be_looked_at_and_steered_by_rest(
    standin: Standin, api: Api, rest: Rest
) -> None:
    caller = Caller()
    session = await caller.join(await create(api, "receptionist"))
    (call,) = standin.calls.values()
    await caller.until(lambda: State(state=AgentState.SPEAKING) in caller.messages)
    assert (await rest("GET", f"/calls/{call.id}"))[1]["joined"] is not None
    assert (await rest("DELETE", f"/calls/{call.id}"))[0] == 425
    message = {"type": "hang_up", "message": "Bye."}
    assert (await rest("POST", f"/calls/{call.id}/send_data_message", message))[0] == 204
    await closed(session)
    _, page = await rest("GET", f"/calls/{call.id}/messages")
    assert page["results"][-1]["text"] == "Bye."
    assert (await rest("GET", f"/calls/{call.id}"))[1]["endReason"] == "agent_hangup"
    assert (await rest("DELETE", f"/calls/{call.id}"))[0] == 204
    assert (await rest("GET", f"/calls/{call.id}"))[0] == 404


async def test_a_message_to_an_unjoined_call_is_unprocessable(api: Api, rest: Rest) -> None:
    created = await create(api, "silent")
    path = f"/calls/{created.call_id}/send_data_message"
    assert (await rest("POST", path, {"type": "hang_up"}))[0] == 422
    assert (await rest("POST", path, {"type": "ping", "timestamp": 1}))[0] == 400


async def test_a_call_inherits_from_the_one_before_it(
    standin: Standin, api: Api, rest: Rest
) -> None:
    first = await api.create_call(with_medium({"systemPrompt": "say: Hi."}, sample_rate=RATE))
    status, second = await rest("POST", f"/calls?priorCallId={first.call_id}", {})
    assert (status, second["systemPrompt"]) == (201, "say: Hi.")
    assert (await rest("POST", "/calls?priorCallId=nobody", {}))[0] == 400
    messages: dict[str, Any] = {"initialMessages": []}
    assert (await rest("POST", f"/calls?priorCallId={first.call_id}", messages))[0] == 400


async def test_the_standin_serves_tls(tmp_path: Path) -> None:
    files = self_signed(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.private_key)
    trust = ssl.create_default_context(cafile=files.certificate)
    body = with_medium({}, sample_rate=RATE)
    async with (
        Standin(tls=server, voice=None) as standin,
        aiohttp.ClientSession(headers={"X-API-Key": "any"}) as http,
        http.post(f"{standin.api_url}/agents/echo/calls", json=body, ssl=trust) as response,
    ):
        join_url = (await response.json())["joinUrl"]
        caller = Caller()
        session = await Session.join(
            join_url, on_audio=caller.heard.extend, on_message=caller.messages.append, tls=trust
        )
        assert join_url.startswith("wss://")
        await session.close()


async def test_agents_are_listed_by_id_and_name(rest: Rest) -> None:
    _, page = await rest("GET", "/agents")
    echo = next(agent for agent in page["results"] if agent["name"] == "echo")
    assert await rest("GET", f"/agents/{echo['agentId']}") == (200, echo)
    assert (await rest("GET", "/agents/nobody"))[0] == 404


async def test_a_body_that_is_no_json_is_refused(standin: Standin) -> None:
    async with (
        aiohttp.ClientSession(headers={"X-API-Key": "any"}) as http,
        http.post(f"{standin.api_url}/calls", data=b"{") as response,
    ):
        assert response.status == 400


async def test_a_request_without_a_key_is_refused(standin: Standin) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{standin.api_url}/accounts/me") as response,
    ):
        assert response.status == 401
