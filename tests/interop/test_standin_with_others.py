"""The stand-in convinces Ultravox clients that are not ours: pipecat's service, LiveKit's plugin.

They run in a process of their own, by the interpreter that UVBRIDGE_ORACLES_PYTHON names (else this
one). LiveKit's takes the address of the API, so it creates its calls too; pipecat's has the real
address built in for that, and takes a join URL.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge.ultravox.api import Api, with_medium
from bridge.ultravox.standin import Standin
from bridge.ultravox.standin.call import StandinCall
from bridge.ultravox.standin.speech import resample, to_pcm, tones

pytestmark = pytest.mark.interop

PYTHON = os.environ.get("UVBRIDGE_ORACLES_PYTHON", sys.executable)
CLIENTS = Path(__file__).parent / "clients"
TIMEOUT_S = 90
GREETING = "One two three four five six seven eight nine ten eleven twelve."
PROMPT = f'say: {GREETING}\nsay: I will look.\ntool: look {{"number": 5}}\nsay: Goodbye.'

Events = list[dict[str, Any]]


def require(module: str) -> None:
    found = subprocess.run(
        [PYTHON, "-c", f"import {module}"], capture_output=True, check=False, text=True
    )
    if found.returncode:
        reason = found.stderr.strip().splitlines()[-1]
        pytest.skip(f"{module} cannot be imported ({reason}); see UVBRIDGE_ORACLES_PYTHON")


def speech(folder: Path, rate: int) -> str:
    file = folder / "speech.raw"
    file.write_bytes(to_pcm(resample(tones("a" * 16), 16000, rate)))
    return str(file)


async def run(client: str, *arguments: str) -> Events:
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        str(CLIENTS / client),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, err.decode()[-2000:]
    return [json.loads(line) for line in out.splitlines()]


def told(events: Events, event: str) -> Events:
    return [item for item in events if item["event"] == event]


def check_call(call: StandinCall, *, tool_result: str) -> None:
    """What the server saw: the greeting cut short, the caller heard, the tool answered."""
    utterances = [said.text for said in call.transcripts.utterances]
    assert call.end_reason == "hangup"
    assert call.interruptions == 1
    assert utterances[0].startswith("One two three")
    assert len(utterances[0]) < len(GREETING)
    assert utterances[1:4] == [
        "(speech, 1.0 s)",
        "I will look.",
        f"The tool answered: {tool_result}",
    ]
    (tool,) = call.tools_used
    assert tool.result is not None
    assert tool.result.result == tool_result


async def test_pipecat_holds_a_conversation(tmp_path: Path) -> None:
    require("pipecat.services.ultravox.llm")
    look = {"temporaryTool": {"modelToolName": "look", "client": {}}}
    body = {"systemPrompt": PROMPT, "selectedTools": [look]}
    async with Standin(voice=None) as standin, Api(standin.api_url, "any") as api:
        created = await api.create_call(with_medium(body, sample_rate=48000))
        events = await run("pipecat_client.py", created.join_url, speech(tmp_path, 48000))
        check_call(standin.calls[created.call_id], tool_result='{"found": 7}')
    words = "".join(item["text"] for item in told(events, "word"))
    assert words.startswith("One two three")
    assert words.endswith('The tool answered: {"found": 7}')
    assert told(events, "interruption")
    assert told(events, "user") == [{"event": "user", "text": "(speech, 1.0 s)"}]
    assert told(events, "tool") == [{"event": "tool", "name": "look", "arguments": {"number": 5}}]
    assert len(told(events, "started")) == len(told(events, "stopped")) == 3


async def test_livekit_creates_a_call_and_holds_a_conversation(tmp_path: Path) -> None:
    require("livekit.plugins.ultravox")
    async with Standin(voice=None) as standin:
        events = await run("livekit_client.py", standin.api_url, PROMPT, speech(tmp_path, 16000))
        joined = [call for call in standin.calls.values() if call.audio.frames]
        assert len(joined) == 1
        check_call(joined[0], tool_result="found 5")
        assert joined[0].transcripts.utterances[-1].text == "One last thing."
    said = [item["text"] for item in told(events, "said") if item["text"]]
    assert said[0].startswith("One two three")
    assert said[1:] == ["I will look.", "The tool answered: found 5", "One last thing."]
    assert len(told(events, "interruption")) == 1
    assert told(events, "user")[0]["text"] == "(speech, 1.0 s)"
    assert told(events, "tool") == [{"event": "tool", "name": "look", "arguments": {"number": 5}}]
    assert not told(events, "error")
