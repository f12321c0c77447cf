"""Recordings of a service that is killed, and of one whose disk is full."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
import soundfile

from tests.support.caller import Phone
from tests.support.pitch import heard, heard_in_turn
from tests.support.serving import serving
from tests.support.waiting import until

CALLS = 20


def recording(folder: Path, kind: str = "wav") -> dict[str, Any]:
    """A configuration that records every call of the agent `echo`."""
    plan = {"auto": True, "format": kind}
    return {
        "recordings": {"folder": str(folder), "name": "{id}"},
        "agents": {"echo": {"agent_id": "echo", "recording": plan}},
        "routes": [{"agent": "echo"}],
    }


@pytest.mark.parametrize(
    ("kind", "enough", "least_s"),
    [("wav", 96_000, 2.4), ("flac", 20_000, 1.5), ("opus", 8_000, 0.7)],
)
async def test_recordings_and_journal_are_whole_after_the_service_was_killed_under_many_calls(
    tmp_path: Path, kind: str, enough: int, least_s: float
) -> None:
    """They are killed once each file has `enough` bytes, of which `least_s` are to be heard."""
    folder = tmp_path / "kept"
    change = recording(folder, kind) | {"journal": {"database": "calls.db"}}
    async with serving(tmp_path, change) as served, Phone() as phone:
        async with contextlib.AsyncExitStack() as calls:
            for _ in range(CALLS):
                call = phone.call(served.address, user="echo", pitch=1050)
                (await calls.enter_async_context(call)).over = True  # nobody is left to hang up
            await asyncio.sleep(4)
            await until(lambda: len(found := sizes(folder)) == CALLS and found[0] >= enough)
            alive = {each["id"] for each in await served.get("/v1/calls")}
            served.signal(signal.SIGKILL)
            await served.gone()
        files = sorted(folder.iterdir())
        assert len(alive) == CALLS
        assert {file.stem for file in files} == alive
        for file in files:
            frames, rate = soundfile.read(file, dtype="int16")
            assert len(frames) >= least_s * rate
            if rate == 8000:
                sides = [frames[-rate:, side].tobytes() for side in (0, 1)]
                assert [heard_in_turn(side, 1050) for side in sides] == [[1050], [1050]]
            with av.open(file) as container:
                stream = container.streams.audio[0]
                decoded = sum(frame.samples for frame in container.decode(stream))
            assert decoded >= least_s * stream.rate
    async with serving(tmp_path, change) as again:
        found = await again.get("/v1/calls?cause=crashed")
        assert {each["id"] for each in found["calls"]} == alive


def sizes(folder: Path) -> list[int]:
    """Bytes of each recording, the smallest first."""
    return sorted(file.stat().st_size for file in folder.glob("*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB: two seconds of a recording."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_ends_recordings_and_no_call_and_is_told_once(
    tmp_path: Path, small_disk: Path
) -> None:
    async with (
        serving(tmp_path, recording(small_disk)) as served,
        Phone() as phone,
        phone.call(served.address, user="echo", pitch=1050) as ann,
        phone.call(served.address, user="echo", pitch=1050) as bob,
    ):
        full = 'bridge_recordings_total{result="disk-full"}'
        await served.logged("recording stopped")
        await ann.line.listen(0.8)  # the other one is a batch behind at most
        for call in (ann, bob):
            assert heard(await call.line.listen(0.3), 1050) == {1050}
            assert call.bye is None
        complaints = [line for line in served.lines if "recording stopped" in line]
        assert len(complaints) == 1
        assert "No space left" in complaints[0]
        assert all(length >= 4000 for length in lengths(small_disk))
        assert (await served.metrics())[full] == 2
        for call in (ann, bob):
            await call.hang_up()
            (recorded,) = (await served.record())["recordings"]
            assert recorded["result"] == "disk-full"


def lengths(folder: Path) -> list[int]:
    """Frames of every recording."""
    return [len(soundfile.read(file)[0]) for file in folder.iterdir()]
