"""The REST client against the stand-in, which refuses as Ultravox does."""

import asyncio
import gzip
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import AgentBusy, AgentError, AgentRefused, AgentTimeout, AgentUnavailable
from bridge.ultravox import strays
from bridge.ultravox.api import Api, with_medium
from bridge.ultravox.standin import Standin, rest
from bridge.ultravox.strays import MARK
from tests.support.agent_server import bare_server
from tests.support.certificates import self_signed
from tests.support.waiting import PATIENCE_S, until

KEY = "abcdefgh." + "k" * 32
BODY: dict[str, Any] = with_medium({"metadata": {"sipCallId": "x@pbx"}}, sample_rate=8000)


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    async with Standin(api_key=KEY, max_calls=2, voice=None) as server:
        yield server


@pytest.fixture
async def api(standin: Standin) -> AsyncIterator[Api]:
    async with Api(standin.api_url, KEY, deadline_s=3.0, timeout_s=0.5) as client:
        yield client


async def test_a_call_is_created_with_the_body_as_given(standin: Standin, api: Api) -> None:
    created = await api.create_call(BODY, {"enableGreetingPrompt": "false"})
    assert created.call_id in standin.calls
    assert created.join_url.startswith("ws://127.0.0.1:")
    request = standin.requests[-1]
    mark = request.body["metadata"].pop(MARK)
    assert (request.path, request.body) == ("/api/calls", BODY)
    assert re.fullmatch("[0-9a-f]{16}", mark)
    assert request.query == {"enableGreetingPrompt": "false"}
    assert api.requests == {"201": 1}


async def test_an_agents_call_is_created_by_its_id(standin: Standin, api: Api) -> None:
    created = await api.create_agent_call("echo", {**BODY, "templateContext": {"a": 1}})
    assert standin.calls[created.call_id].settings.agent.name == "echo"


async def test_an_odd_agent_id_stays_one_part_of_the_path(standin: Standin, api: Api) -> None:
    with pytest.raises(AgentRefused, match="HTTP 404"):
        await api.create_agent_call("../calls?x=1", BODY)
    assert standin.calls == {}


@pytest.mark.parametrize(
    ("agent", "kind", "words"),
    [
        ("error-400", AgentRefused, "HTTP 400"),
        ("error-401", AgentRefused, r"HTTP 401: .*ultravox\.api_key"),
        ("error-402", AgentRefused, "HTTP 402: .*credit"),
        ("error-403", AgentRefused, r"HTTP 403: .*ultravox\.api_key"),
        ("error-404", AgentRefused, "HTTP 404: .*agent_id"),
        ("nobody", AgentRefused, "HTTP 404"),
        ("error-422", AgentRefused, "HTTP 422: .*always answers 422"),
        ("error-500", AgentUnavailable, "HTTP 500"),
    ],
)
async def test_what_will_not_get_better_is_not_tried_again(
    standin: Standin, api: Api, agent: str, kind: type[AgentError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        await api.create_agent_call(agent, BODY)
    assert len(standin.requests) == 1


async def test_a_field_error_is_shown(api: Api) -> None:
    with pytest.raises(AgentRefused, match=r"promptt.*not permitted"):
        await api.create_call({**BODY, "promptt": "x"})


@pytest.mark.parametrize(
    ("agent", "kind"), [("error-429", AgentBusy), ("error-503", AgentUnavailable)]
)
async def test_a_busy_account_is_asked_again_until_the_deadline(
    standin: Standin, agent: str, kind: type[AgentError]
) -> None:
    async with Api(standin.api_url, KEY, deadline_s=1.5) as api:
        with pytest.raises(kind) as caught:
            await api.create_agent_call(agent, BODY)
    assert len(standin.requests) == 2
    assert caught.value.retry_after_s == 1


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for(standin: Standin) -> None:
    async with Api(standin.api_url, KEY, deadline_s=0.9) as api:
        with pytest.raises(AgentBusy):
            await api.create_agent_call("error-429", BODY)
    assert len(standin.requests) == 1


async def test_a_call_is_created_once_the_account_has_room(standin: Standin, api: Api) -> None:
    await api.create_agent_call("busy-once", BODY)
    assert api.requests == {"429": 1, "201": 1}


async def test_the_concurrency_limit_is_busy(standin: Standin) -> None:
    async with Api(standin.api_url, KEY, deadline_s=0.5) as api:
        await api.create_call(BODY)
        await api.create_call(BODY)
        with pytest.raises(AgentBusy):
            await api.create_call(BODY)


async def test_a_timeout_is_tried_once_more(standin: Standin) -> None:
    async with Api(standin.api_url, KEY, deadline_s=5.0, timeout_s=0.2) as api:
        with pytest.raises(AgentTimeout):
            await api.create_agent_call("hang", BODY)
    assert len(standin.requests) == 2
    assert api.requests == {"timeout": 2}


async def test_a_gateway_error_is_tried_once_more(standin: Standin, api: Api) -> None:
    with pytest.raises(AgentUnavailable, match="HTTP 502"):
        await api.create_agent_call("error-502", BODY)
    assert len(standin.requests) == 2


async def test_a_closed_port_is_tried_once_more_and_named() -> None:
    async with Standin(voice=None) as gone:
        url = gone.api_url
    async with Api(url, KEY) as api:
        with pytest.raises(AgentUnavailable, match="cannot reach http://127"):
            await api.create_call(BODY)
    assert api.requests == {"unreachable": 2}


async def test_an_untrusted_certificate_is_named_and_not_tried_again(tmp_path: Path) -> None:
    files = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.certificate, files.private_key)
    async with Standin(tls=tls, voice=None) as standin, Api(standin.api_url, KEY) as api:
        with pytest.raises(AgentUnavailable, match=r"^https://127.*: .*self-signed certificate"):
            await api.verify_key()
    assert api.requests == {"unreachable": 1}


async def test_a_call_without_a_join_url_is_unavailable(api: Api) -> None:
    with pytest.raises(AgentUnavailable, match="no joinUrl"):
        await api.create_agent_call("no-join-url", BODY)


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (http("200 OK", b"hello"), AgentUnavailable, "no JSON object"),
        (http("200 OK", b"\xff\xfe"), AgentUnavailable, "no JSON object"),
        (http("200 OK", b"[" * 100_000), AgentUnavailable, "no JSON object"),
        (
            http("200 OK", gzip.compress(b" " * 20_000_000), "Content-Encoding: gzip"),
            AgentUnavailable,
            "no JSON object",
        ),
        (
            http("302 Found", b"", "Location: https://else.example/api?key=geheim"),
            AgentRefused,
            "HTTP 302: sent on to else.example, which is not followed",
        ),
        (http("503 Gone", b"", "Retry-After: 1" + "0" * 400), AgentUnavailable, "HTTP 503"),
        (http("400 Bad", b"\xff" * 5_000_000), AgentRefused, "HTTP 400"),
        (b"nonsense\r\n\r\n", AgentUnavailable, "no proper answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", AgentUnavailable, "no proper answer"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_told_in_one_line(
    answer: bytes, kind: type[AgentError], words: str
) -> None:
    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with bare_server(agent) as url, Api(url.replace("ws:", "http:"), KEY) as api:
        with pytest.raises(kind, match=words) as caught:
            await api.verify_key()
    assert "\n" not in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert (caught.value.retry_after_s or 0) <= 3600


async def test_an_answer_without_end_is_given_up_early() -> None:
    sent = 0

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
            sent += 65536

    async with bare_server(agent) as url, Api(url.replace("ws:", "http:"), KEY) as api:
        with pytest.raises(AgentUnavailable, match="no JSON object"):
            await asyncio.wait_for(api.verify_key(), PATIENCE_S)
    assert sent < 20_000_000  # what the kernel took on top


async def test_a_good_key_verifies(api: Api) -> None:
    await api.verify_key()


async def test_a_wrong_key_is_told_by_its_setting_and_never_shown(standin: Standin) -> None:
    async with Api(standin.api_url, "wrong-key") as api:
        with pytest.raises(AgentRefused, match=r"check ultravox\.api_key") as caught:
            await api.verify_key()
    assert "wrong-key" not in str(caught.value)


async def test_a_cancelled_creation_leaves_no_call_waiting(standin: Standin) -> None:
    async with Api(standin.api_url, KEY) as api:
        creating = asyncio.create_task(api.create_agent_call("slow", BODY))
        while not standin.requests:  # noqa: ASYNC110  the server has no event for this
            await asyncio.sleep(0.01)
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
    (call,) = standin.calls.values()
    assert call.end_reason == "hangup"


async def test_a_call_that_is_created_too_late_is_ended(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "SLOW_S", 0.5)
    async with Api(standin.api_url, KEY, deadline_s=5.0, timeout_s=0.1) as api:
        with pytest.raises(AgentTimeout):
            await api.create_agent_call("slow", BODY)
        assert standin.calls == {}
        await until(lambda: len(standin.calls) == 2)
        await until(lambda: all(call.ended is not None for call in standin.calls.values()))
    assert {call.end_reason for call in standin.calls.values()} == {"hangup"}


async def test_what_nobody_wants_any_more_is_not_tried_again(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "SLOW_S", 0.3)
    async with Api(standin.api_url, KEY, deadline_s=5.0, timeout_s=0.2) as api:
        creation = asyncio.create_task(api.create_agent_call("slow", BODY))
        await until(lambda: len(standin.requests) == 1)
        creation.cancel()
        await until(lambda: len(standin.calls) == 1)
        await until(lambda: all(call.ended is not None for call in standin.calls.values()))
        assert len(standin.requests) == 1
        again = asyncio.create_task(api.create_agent_call("error-429", BODY))
        await until(lambda: len(standin.requests) == 2)
        again.cancel()
    assert len(standin.requests) == 2


async def test_a_late_answer_does_not_hold_the_exit_up(standin: Standin) -> None:
    async with asyncio.timeout(2):
        async with Api(standin.api_url, KEY, deadline_s=0.2, timeout_s=0.1) as api:
            with pytest.raises(AgentTimeout):
                await api.create_agent_call("hang", BODY)


async def test_a_call_whose_creation_was_not_answered_is_found_and_ended(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "PAUSES_S", (0.1, 0.1))
    async with Api(standin.api_url, KEY, deadline_s=2.0) as api:
        with pytest.raises(AgentUnavailable, match="no proper answer from"):
            await api.create_agent_call("lost-answer", BODY)
        assert len(standin.calls) == 2
        await until(lambda: all(call.ended is not None for call in standin.calls.values()))
    assert {call.end_reason for call in standin.calls.values()} == {"hangup"}


async def test_what_an_unanswered_request_may_have_made_is_asked_for(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "PAUSES_S", (0.0,))
    async with Api(standin.api_url, KEY, deadline_s=0.2, timeout_s=0.1) as api:
        with pytest.raises(AgentTimeout):
            await api.create_agent_call("hang", BODY)
        marks = {each.body["metadata"][MARK] for each in standin.requests if each.body}
        await until(
            lambda: {each.query.get(f"metadata.{MARK}") for each in standin.requests} > marks
        )
