"""The cluster: a stand-in for Ultravox, an edge, bridges; processes that can be killed and drained.

Carrier ── SIP ── edge ──┬── bridge-1 ──┐
   └────── RTP ──────────┴── bridge-2 ──┴── ultravox (stand-in)
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from deploy.ports import free_port
from tests.cluster import bridge, edge
from tests.cluster.places import NAMES, Places

__all__ = ["BRIDGES", "DIE_WITH_US", "House", "available"]

BRIDGES = tuple(name for name in NAMES if name.startswith("bridge-"))
READY_S = 30.0
LOOK_S = 0.05
DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


class House:
    """All of it but the callers: an async context manager that leaves no process behind."""

    def __init__(
        self,
        folder: Path,
        places: Places,
        *,
        change: Mapping[str, Any] | None = None,
        up: Sequence[str] = BRIDGES,
        attributes: Mapping[int, str] | None = None,
    ) -> None:
        """`change` is laid over a bridge's configuration, `attributes` over those of the edge.

        `up` are the bridges that run from the beginning.
        """
        self.folder = folder
        self.places = places
        self.port = free_port()
        """Of SIP, at every address."""
        self._standin_port, self._control_port = free_port(), free_port()
        self._change = change or {}
        self._up = up
        self._attributes = attributes
        self._running: dict[str, Process] = {}
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {bridge.TOKEN}"})
        try:
            await self._run_standin()
            for name in self._up:
                await self.run_bridge(name)
            await self._run_edge()
            for name in self._up:
                await self.ready(name)
            await self.until(self._edge_listens, "the edge to listen")
            await self.until(self._standin_listens, "the stand-in to listen", "ultravox")
            for name in self._up:
                await self.active(name)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    @property
    def edge(self) -> tuple[str, int]:
        """Where carriers call."""
        return self.places.address("edge"), self.port

    def name_of(self, host: str) -> str:
        """Which bridge has that address."""
        return next(name for name in BRIDGES if self.places.address(name) == host)

    # Processes.

    async def run_bridge(self, name: str) -> None:
        """Begin a bridge; `ready` says when it takes calls."""
        file = self.folder / f"{name}.yaml"
        settings = bridge.configuration(
            self.places,
            name,
            port=self.port,
            standin_port=self._standin_port,
            control_port=self._control_port,
            journal=self.folder / f"{name}.jsonl",
        )
        settings |= {key: {**settings[key], **value} for key, value in self._change.items()}
        file.write_text(yaml.safe_dump(settings, sort_keys=False))
        await self._start(name, name, sys.executable, "-m", "bridge", "serve", "-c", str(file))

    def kill(self, name: str) -> None:
        """End it without a word to anybody."""
        self._running[name].kill()

    def drain(self, name: str) -> None:
        """Ask it to take no more calls, and to leave once it has none."""
        self._running[name].terminate()

    def suspend(self, name: str) -> None:
        """Have it do nothing, without anybody being told (SIGSTOP)."""
        self._running[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Have it go on where it was."""
        self._running[name].send_signal(signal.SIGCONT)

    async def order_to_drain(self, name: str) -> None:
        """The same as `drain`, through its API."""
        url = f"http://{self.places.address(name)}:{self._control_port}/v1/drain"
        async with self._http.post(url) as response:
            assert response.ok, await response.text()

    async def restart_edge(self) -> None:
        """Kill the edge and all its children, and run it again."""
        process = self._running["edge"]
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await self._run_edge()
        await self.until(self._edge_listens, "the edge to listen again")

    async def gone(self, name: str, *, timeout_s: float = 20.0) -> int:
        """Wait for it to leave; its exit status."""
        try:
            return await asyncio.wait_for(self._running[name].wait(), timeout_s)
        except TimeoutError:
            raise AssertionError(f"{name} does not leave\n{self.log(name)[-3000:]}") from None

    def log(self, name: str) -> str:
        """What it printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    # What is known of them.

    async def ready(self, name: str) -> None:
        """Wait until a bridge takes calls."""

        async def answers() -> bool:
            return await self._ask(name, "/readyz") is not None

        await self.until(answers, f"{name} to be ready", name)

    async def active(self, name: str, *, wanted: bool = True) -> None:
        """Wait until the edge gives it calls, or gives it none."""
        uri = f"sip:{self.places.address(name)}:{self.port}"

        async def is_so() -> bool:
            return (await self.flags()).get(uri, "")[:1] == ("A" if wanted else "I")

        await self.until(is_so, f"the edge to call {name} {'well' if wanted else 'ill'}")

    async def flags(self) -> dict[str, str]:
        """What the edge thinks of each bridge and carrier, by URI."""
        return edge.states(await self.kamcmd("dispatcher.list"))

    async def kamcmd(self, *words: str) -> str:
        """Ask the edge."""
        socket = f"unix:{self.folder}/kamailio_ctl"
        process = await asyncio.create_subprocess_exec(
            "kamcmd", "-s", socket, *words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
        out, _ = await process.communicate()
        return out.decode()

    async def calls(self, name: str) -> int:
        """How many calls a bridge has."""
        found = await self._ask(name, "/v1/calls")
        return len([call for call in found or () if call["state"] != "ended"])

    async def place(self, name: str, to: str, *, trunk: str = "edge") -> None:
        """Let a bridge call somebody: as the edge has it, or through the trunk `carrier`."""
        url = f"http://{self.places.address(name)}:{self._control_port}/v1/calls"
        async with self._http.post(
            url, json={"to": to, "agent": "echo", "trunk": trunk}
        ) as response:
            assert response.status == 201, await response.text()

    async def until(
        self,
        true: Callable[[], Awaitable[bool]],
        what: str,
        process: str | None = None,
        *,
        timeout_s: float = READY_S,
    ) -> None:
        """Wait until `true` says so; fails by name, with the log of `process` or the edge."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not await true():
                    if process and self._running[process].returncode is not None:
                        break
                    await asyncio.sleep(LOOK_S)
                else:
                    return
        logs = self.log(process or "edge")
        raise AssertionError(f"waited in vain for {what}\n{logs[-3000:]}")

    async def _ask(self, name: str, path: str) -> Any:
        url = f"http://{self.places.address(name)}:{self._control_port}{path}"
        try:
            async with self._http.get(url, timeout=aiohttp.ClientTimeout(5)) as response:
                if not response.ok:
                    return None
                return await response.json(content_type=None) if "/v1/" in path else True
        except (aiohttp.ClientError, TimeoutError):
            return None

    # Beginning and end.

    async def _run_standin(self) -> None:
        listen = f"{self.places.address('ultravox')}:{self._standin_port}"
        words = (sys.executable, "-m", "bridge", "standin", "--listen", listen)
        await self._start("ultravox", "ultravox", *words)

    async def _run_edge(self) -> None:
        config = edge.furnish(
            self.folder,
            address=self.places.address("edge"),
            port=self.port,
            bridges=[(self.places.address(name), self.port) for name in BRIDGES],
            carriers=[(self.places.address("carrier"), self.port)],
            attributes=self._attributes,
        )
        await self._start("edge", "edge", *edge.command(config))

    async def _edge_listens(self) -> bool:
        return await _listens(*self.edge) and len(await self.flags()) > len(BRIDGES)

    async def _standin_listens(self) -> bool:
        return await _listens(self.places.address("ultravox"), self._standin_port)

    async def _start(self, name: str, place: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = await asyncio.create_subprocess_exec(
                *DIE_WITH_US,
                *self.places.at(place),
                *command,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _close(self) -> None:
        await self._http.close()
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGINT)
        for process in self._running.values():
            try:
                await asyncio.wait_for(process.wait(), 4)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


async def _listens(host: str, port: int) -> bool:
    """Whether somebody takes TCP connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


def available() -> str:
    """Why there can be no cluster here; empty where there can."""
    for program in ("kamailio", "kamcmd"):
        if subprocess.run(("which", program), capture_output=True, check=False).returncode:
            return f"{program} (Debian: kamailio) is not installed"
    return ""
