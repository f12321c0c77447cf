"""Where an example is played: a stand-in for Ultravox, the bridge, and a telephone."""

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bridge.commands.client import Client, NotRunning, Rejected
from bridge.config import load
from deploy.ports import free_port
from examples.telephone import Telephone

__all__ = ["HERE", "Stage", "stage"]

HERE = Path(__file__).parent
HOME = "127.0.0.1"
READY_S = 60.0
LEAVE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a story is told with."""

    phone: Telephone
    client: Client

    async def order(self, body: Mapping[str, Any]) -> None:
        """Order a call through the bridge's API."""
        await self.client.post("/v1/calls", body)


@contextlib.asynccontextmanager
async def stage(name: str, folder: Path) -> AsyncIterator[Stage]:
    """Play the example `name` on free ports, in a copy of it in `folder`.

    Where ULTRAVOX_API_KEY is set Ultravox itself is the agent, else a stand-in.
    """
    copy = folder / name
    shutil.copytree(HERE / name, copy)
    sip, control, standin, telephone = (free_port() for _ in range(4))
    settings = yaml.safe_load((copy / "bridge.yaml").read_text())
    settings["sip"]["listen"] = [f"udp://{HOME}:{sip}"]
    settings["control"]["listen"] = f"{HOME}:{control}"
    settings["media"] = {"ports": "25000-25199", "codecs": ["PCMU"]}
    settings["trunks"]["phones"]["address"] = f"sip:{HOME}:{telephone}"
    env = {"BRIDGE_TOKEN": secrets.token_urlsafe(16)}
    ours = "ULTRAVOX_API_KEY" not in os.environ
    if ours:
        settings["ultravox"]["api_url"] = f"http://{HOME}:{standin}/api"
        env["ULTRAVOX_API_KEY"] = "any"
    file = copy / "bridge.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    async with contextlib.AsyncExitStack() as exits:
        if ours:
            where = ("--listen", f"{HOME}:{standin}", "--log-level", "error")
            await exits.enter_async_context(_program("standin", *where))
            await _until_open(standin)
        await exits.enter_async_context(_program("serve", "-c", str(file), env=env))
        config = load(file, {**os.environ, **env})
        client = await exits.enter_async_context(Client(config.control))
        await _until_ready(client)
        phone = Telephone(HOME, telephone, bridge=f"sip:{HOME}:{sip}")
        await exits.enter_async_context(phone)
        yield Stage(phone=phone, client=client)


@contextlib.asynccontextmanager
async def _program(*words: str, env: Mapping[str, str] | None = None) -> AsyncIterator[None]:
    """`uvbridge` with these words, as long as this lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", *words), env={**os.environ, **(env or {})}
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), LEAVE_S)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _until_ready(client: Client) -> None:
    async with asyncio.timeout(READY_S):
        while True:
            with contextlib.suppress(NotRunning, Rejected):
                await client.get("/readyz")
                return
            await asyncio.sleep(0.05)


async def _until_open(port: int) -> None:
    async with asyncio.timeout(READY_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(HOME, port)
                writer.close()
                return
            await asyncio.sleep(0.05)
