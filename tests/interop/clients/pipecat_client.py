"""Talk to a call through pipecat's Ultravox service, and print what it made of it, as JSON lines.

    python pipecat_client.py JOIN_URL SPEECH.raw        (s16le mono, 48 kHz: the service's own rate)

Run with an interpreter that has pipecat-ai; nothing of this project is imported.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.ultravox.llm import JoinUrlInputParams, UltravoxRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

RATE = 48000
FRAME = RATE // 50 * 2


def tell(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


class Listener(FrameProcessor):  # type: ignore[misc]
    """Tells of the frames that pass, and when the agent has said enough to be interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_s = 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSAudioRawFrame():
                self.audio_s += len(frame.audio) / 2 / frame.sample_rate
            case TTSTextFrame():
                tell("word", text=frame.text)
            case TranscriptionFrame():
                tell("user", text=frame.text)
            case InterruptionFrame():
                tell("interruption")
            case TTSStartedFrame():
                tell("started")
            case TTSStoppedFrame():
                tell("stopped", audio_s=self.audio_s)
        await self.push_frame(frame, direction)


async def main(join_url: str, speech: bytes) -> None:
    service = UltravoxRealtimeLLMService(params=JoinUrlInputParams(join_url=join_url))
    before, after = Listener(), Listener()

    async def look(params: FunctionCallParams) -> None:
        tell("tool", name=params.function_name, arguments=dict(params.arguments))
        await params.result_callback({"found": 7})

    service.register_function("look", look)
    task = PipelineTask(
        Pipeline([before, service, after]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        idle_timeout_secs=None,
    )

    due = 0.0

    async def send(pcm: bytes) -> None:
        nonlocal due
        due = due or time.monotonic()
        for start in range(0, len(pcm), FRAME):
            audio = pcm[start : start + FRAME].ljust(FRAME, b"\0")
            await task.queue_frame(
                InputAudioRawFrame(audio=audio, sample_rate=RATE, num_channels=1)
            )
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def caller() -> None:
        await send(bytes(2 * RATE * 2))
        await send(speech)
        await send(bytes(2 * RATE * 6))
        tell("audio", seconds=after.audio_s)
        await task.cancel()

    calling = asyncio.create_task(caller())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(task)
    await runner.run()
    await calling


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_bytes()))
