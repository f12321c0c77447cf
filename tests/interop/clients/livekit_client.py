"""Talk to an Ultravox API through LiveKit's realtime model, and print what it made of it.

    python livekit_client.py API_URL PROMPT SPEECH.raw          (s16le mono, 16 kHz)

Run with an interpreter that has livekit-plugins-ultravox; nothing of this project is imported.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import function_tool, llm
from livekit.plugins import ultravox

RATE = 16000
FRAME = RATE // 50


def tell(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


@function_tool  # type: ignore[untyped-decorator]
async def look(number: int) -> str:
    """Look something up."""
    return f"found {number}"


class Listener:
    """Reads every generation of a session, and answers its tools."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._tasks: set[asyncio.Task[None]] = set()
        session.on("generation_created", self._generation)
        session.on("input_speech_started", lambda _: tell("interruption"))
        session.on("error", lambda error: tell("error", text=str(error.error)))
        session.on(
            "input_audio_transcription_completed",
            lambda event: tell("user", text=event.transcript, final=event.is_final),
        )

    def _generation(self, created: Any) -> None:
        tell("generation")
        for reading in (self._read(created), self._answer(created)):
            task = asyncio.create_task(reading)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _read(self, created: Any) -> None:
        async for message in created.message_stream:
            audio = asyncio.create_task(self._measure(message))
            text = "".join([piece async for piece in message.text_stream])
            tell("said", text=text, audio_s=await audio)

    async def _measure(self, message: Any) -> float:
        return float(sum([frame.duration async for frame in message.audio_stream]))

    async def _answer(self, created: Any) -> None:
        async for call in created.function_stream:
            tell("tool", name=call.name, arguments=json.loads(call.arguments))
            context = self._session.chat_ctx
            context.items.append(call)
            context.items.append(
                llm.FunctionCallOutput(
                    call_id=call.call_id, name=call.name, output="found 5", is_error=False
                )
            )
            await self._session.update_chat_ctx(context)


async def main(api_url: str, prompt: str, speech: bytes) -> None:
    async with aiohttp.ClientSession() as http:
        model = ultravox.realtime.RealtimeModel(
            api_key="any",
            base_url=api_url,
            system_prompt=prompt,
            first_speaker="FIRST_SPEAKER_AGENT",
            http_session=http,
        )
        session = model.session()
        Listener(session)
        await session.update_tools([look])

        due = 0.0

        async def send(pcm: bytes) -> None:
            nonlocal due
            due = due or time.monotonic()
            for start in range(0, len(pcm), 2 * FRAME):
                data = pcm[start : start + 2 * FRAME].ljust(2 * FRAME, b"\0")
                session.push_audio(rtc.AudioFrame(data, RATE, 1, FRAME))
                due += 0.02
                await asyncio.sleep(max(0.0, due - time.monotonic()))

        await send(bytes(2 * RATE * 2))
        await send(speech)
        await send(bytes(2 * RATE * 5))
        session.say("One last thing.")
        await send(bytes(2 * RATE * 2))
        await session.aclose()
        await model.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()))
