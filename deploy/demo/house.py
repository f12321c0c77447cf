"""The stand-in and the bridge, each a process of its own, on free ports of this machine."""

import asyncio
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bridge.commands.client import Client, NotRunning, Rejected
from bridge.config import Config, parse
from deploy.demo.processes import DemoFailed, Processes
from deploy.demo.script import AGENT_PROMPT
from deploy.ports import free_port

__all__ = ["House"]

START_TIMEOUT_S = 20.0
"""Python starts in 1.5 s, on a machine that does other things in many more."""
LOOK_S = 0.02
TOKEN = "UVBRIDGE_DEMO_TOKEN"  # noqa: S105 - the variable's name
STANDIN, BRIDGE = "standin", "bridge"

_CONFIG = """\
sip:
  listen: [udp://127.0.0.1:{sip_port}]
  public_address: 127.0.0.1
ultravox:
  api_url: http://127.0.0.1:{standin_port}/api
  api_key: any
trunks:
  phones: {{hosts: [127.0.0.1]}}
agents:
  receptionist:
    call:
      systemPrompt: |
{prompt}
    tools: [hang_up]
  echo: {{agent_id: echo}}
routes:
  - {{to: echo, agent: echo}}
  - {{agent: receptionist}}
control:
  listen: 127.0.0.1:{control_port}
  token: ${{{token}}}
journal:
  path: {journal}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running stand-in and bridge."""

    config: Config
    journal: Path
    sip_port: int

    @classmethod
    async def open(cls, folder: Path, processes: Processes) -> "House":
        """Start both and wait until they are ready.

        Raises DemoFailed when one of them does not come up.
        """
        sip_port, control_port, standin_port = free_port(), free_port(), free_port()
        journal, path = folder / "journal.jsonl", folder / "bridge.yaml"
        text = _CONFIG.format(
            sip_port=sip_port,
            standin_port=standin_port,
            control_port=control_port,
            token=TOKEN,
            journal=journal,
            prompt="".join(f"        {line}\n" for line in AGENT_PROMPT.splitlines()),
        )
        path.write_text(text)
        env = {TOKEN: secrets.token_urlsafe(16)}
        uvbridge = (sys.executable, "-m", "bridge")
        listen = f"127.0.0.1:{standin_port}"
        await processes.start(STANDIN, *uvbridge, "standin", "--listen", listen)
        await processes.start(BRIDGE, *uvbridge, "serve", "-c", str(path), env=env)
        house = cls(
            config=parse(text, env, source=str(path), folder=folder),
            journal=journal,
            sip_port=sip_port,
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await _until_listening(standin_port, STANDIN, processes)
                await house.until_ready(processes)
        except TimeoutError:
            raise DemoFailed(f"not ready after {START_TIMEOUT_S:.0f} s") from None
        return house

    async def until_ready(self, processes: Processes) -> None:
        """Wait until the bridge says that it takes calls."""
        async with Client(self.config.control) as client:
            while True:
                processes.check(BRIDGE)
                try:
                    await client.get("/readyz")
                except (NotRunning, Rejected):
                    await asyncio.sleep(LOOK_S)
                else:
                    return

    def uri(self, user: str) -> str:
        """The SIP URI of `user` at the bridge."""
        return f"sip:{user}@127.0.0.1:{self.sip_port}"

    async def journal_line(self, call_id: str) -> str:
        """The journal's line of the call that just ended.

        Raises DemoFailed when it does not come.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        mark = f'"{call_id}"'
        while time.monotonic() < deadline:
            lines = self.journal.read_text().splitlines() if self.journal.exists() else []
            for line in lines:
                if mark in line:
                    return line
            await asyncio.sleep(LOOK_S)
        raise DemoFailed("the journal has no line of the call")


async def _until_listening(port: int, name: str, processes: Processes) -> None:
    while True:
        processes.check(name)
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(LOOK_S)
        else:
            writer.close()
            return
