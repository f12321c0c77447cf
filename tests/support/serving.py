"""`uvbridge serve` as a process of its own, over a stand-in in this one."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bridge.ultravox.standin.server import Standin
from deploy.ports import free_port
from tests.support.face import Face
from tests.support.service import HOME, KEY, TOKEN, configuration, merged
from tests.support.waiting import PATIENCE_S, until

__all__ = ["Serving", "command", "serving"]

COMMAND_S = 2 * PATIENCE_S
"""The longest that a command may take, start and call and all."""


@dataclass
class Serving(Face):
    """A running process and what it shows."""

    process: asyncio.subprocess.Process
    standin: Standin
    config: Path
    """The configuration file."""
    address: tuple[str, int]
    """Where it takes SIP over UDP."""
    lines: list[str] = field(default_factory=list)
    """Its log so far."""

    @property
    def log(self) -> str:
        """All its log so far."""
        return "\n".join(self.lines)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def gone(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its exit status."""
        return await asyncio.wait_for(self.process.wait(), timeout_s)

    async def logged(self, text: str) -> str:
        """The first line of the log that holds `text`, waited for."""
        await until(lambda: any(text in line for line in self.lines))
        return next(line for line in self.lines if text in line)


async def command(*words: str) -> tuple[int, str, str]:
    """Run `uvbridge` with these words; its status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), COMMAND_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@contextlib.asynccontextmanager
async def serving(
    folder: Path, change: Mapping[str, Any] | None = None, *options: str
) -> AsyncIterator[Serving]:
    """A service that is ready; `change` is laid over the configuration. Killed at the end."""
    port, control = free_port(), free_port()
    own = {"sip": {"listen": [f"udp://{HOME}:{port}"]}, "control": {"listen": f"{HOME}:{control}"}}
    async with (
        Standin(api_key=KEY, voice=None) as standin,
        aiohttp.ClientSession(
            f"http://{HOME}:{control}", headers={"Authorization": f"Bearer {TOKEN}"}
        ) as api,
    ):
        settings = configuration(folder, standin.api_url, merged(own, change or {}))
        file = folder / "bridge.yaml"
        file.write_text(yaml.safe_dump(settings, sort_keys=False))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "serve", "-c", str(file), *options),
            stderr=asyncio.subprocess.PIPE,
        )
        served = Serving(
            api=api,
            journal=Path(settings["journal"]["path"]),
            process=process,
            standin=standin,
            config=file,
            address=(HOME, port),
        )
        reading = asyncio.create_task(_read(served))
        try:
            await until(
                lambda: "= ready" in served.log or process.returncode is not None,
                timeout_s=COMMAND_S,
            )
            yield served
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            await reading


async def _read(served: Serving) -> None:
    assert served.process.stderr is not None
    async for line in served.process.stderr:
        served.lines.append(line.decode().rstrip())
