"""A whole call at the most talkative level of the log: secrets are in none of it."""

import re
from pathlib import Path

import pytest

from tests.support.caller import Phone
from tests.support.service import KEY, TOKEN
from tests.support.serving import serving
from tests.support.waiting import until

PASSWORD = "password-of-the-tests"
CHANGES = {
    "trunks": {
        "carrier": {
            "registrar": "sip:127.0.0.9:5973",
            "username": "bridge",
            "password": PASSWORD,
            "hosts": ["127.0.0.9"],
        }
    },
    "agents": {"joiner": {"join_url": "{header:X-Join-URL}"}},
    "routes": [{"to": "joiner", "agent": "joiner"}, {"agent": "receptionist"}],
}


@pytest.mark.parametrize("style", ["text", "json"])
async def test_no_secret_is_in_the_log_of_a_call(tmp_path: Path, style: str) -> None:
    options = ("--log-level", "debug", "--log-format", style)
    async with serving(tmp_path, CHANGES, *options) as served, Phone() as phone:
        async with phone.call(served.address, user="1") as call:
            await call.line.speech()
            await served.get("/v1/calls")
        await served.record()
        (agent,) = served.standin.calls.values()
        log, journal = served.log, served.journal.read_text()
    assert "INVITE sip:1@" in log  # the log really is at its most talkative
    for secret in (KEY, TOKEN, PASSWORD, agent.token):
        assert len(secret) >= 10
        assert secret not in log
        assert secret not in journal
    assert not re.search(r"server_web_socket|joinUrl", log)


async def test_a_join_url_that_comes_with_the_call_is_not_in_the_log_either(
    tmp_path: Path,
) -> None:
    request = {"medium": {"serverWebSocket": {"inputSampleRate": 8000}}}
    async with serving(tmp_path, CHANGES, "--log-level", "debug") as served, Phone() as phone:
        url = f"{served.standin.api_url}/agents/silent/calls"
        async with served.api.post(url, json=request, headers={"X-API-Key": KEY}) as response:
            join_url = (await response.json())["joinUrl"]
        async with phone.call(served.address, f"X-Join-URL: {join_url}", user="joiner") as call:
            await call.line.listen(0.1)
        await served.record()
        (agent,) = served.standin.calls.values()
        await until(lambda: agent.end_reason == "hangup")
        log, journal = served.log, served.journal.read_text()
    assert "X-Join-URL" in log
    assert agent.token not in log
    assert agent.token not in journal
