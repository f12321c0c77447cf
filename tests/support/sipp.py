"""SIPp as the other side of a call: one process, one scenario, its messages kept."""

import asyncio
import contextlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import pytest

from deploy.ports import free_port
from tests.support.waiting import PATIENCE_S, until

_MESSAGE = re.compile(
    r"-{20,} [^\n]*\n(?:UDP|TCP|TLS) message (sent|received) [^\n]*\n\n(.*?)(?=\n-{20,} |\Z)",
    re.DOTALL,
)

needs_sipp = pytest.mark.skipif(
    shutil.which("sipp") is None, reason="SIPp (Debian: sip-tester) is not installed"
)


class Sipp:
    """Runs a scenario; ``done`` waits for its end and fails the test unless all calls passed.

    ``remote`` makes it a caller; without it, it waits to be called on ``host``.
    """

    def __init__(
        self,
        scenario: str,
        *,
        host: str = "127.0.0.2",
        port: int = 0,
        remote: tuple[str, int] | None = None,
        calls: int = 1,
        rate: int = 10,
        transport: str = "u1",
        timeout_s: int = 2 * round(PATIENCE_S),
        options: tuple[str, ...] = (),
    ) -> None:
        self.host = host
        self.port = port or free_port()
        kind, state = ("udp", "07") if transport.startswith("u") else ("tcp", "0A")
        self._table = f"{kind}{'6' if ':' in host else ''}"
        self._listening = f"{self.port:04X} {state}"
        self._scenario = scenario
        self._remote = remote
        self._timeout_s = timeout_s
        self._options = ["-m", str(calls), "-r", str(rate), "-t", transport, *options]
        self._exits = contextlib.ExitStack()
        self._process: asyncio.subprocess.Process | None = None
        self._folder = Path()
        self._kept: dict[str, str] = {}

    async def __aenter__(self) -> "Sipp":
        folder = self._exits.enter_context(tempfile.TemporaryDirectory(prefix="sipp-"))
        self._folder = Path(folder)
        (self._folder / "scenario.xml").write_text(self._scenario)
        host = f"[{self.host}]" if ":" in self.host else self.host
        command = ["sipp", "-sf", "scenario.xml", "-i", host, "-p", str(self.port), "-nostdin"]
        command += ["-timeout", f"{self._timeout_s}s", "-timeout_error", "-nd", *self._options]
        command += [
            "-trace_msg",
            "-message_file",
            "messages",
            "-trace_err",
            "-error_file",
            "errors",
        ]
        if self._remote is not None:
            remote = f"[{self._remote[0]}]" if ":" in self._remote[0] else self._remote[0]
            command.append(f"{remote}:{self._remote[1]}")
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if self._remote is None:
            await self._bound()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._kept = {name: self._read(name) for name in ("messages", "errors")}
        self._exits.close()

    async def done(self) -> None:
        """Wait until all calls are through; any status but 0 fails (255 is a time-out)."""
        assert self._process is not None
        status = await asyncio.wait_for(self._process.wait(), self._timeout_s + 5)
        if status:
            sections = (f"{name}:\n{self._read(name)[-3000:]}" for name in ("errors", "messages"))
            raise AssertionError(f"SIPp ended with {status}\n" + "\n".join(sections))

    def messages(self, direction: str) -> list[str]:
        """SIP messages ``sent`` or ``received`` so far, as text."""
        return [
            text.strip()
            for way, text in _MESSAGE.findall(self._read("messages"))
            if way == direction
        ]

    def received(self, start: str) -> str:
        """The first message received that starts so; a test fails when there is none."""
        for message in self.messages("received"):
            if message.startswith(start):
                return message
        raise AssertionError(f"no message {start!r} among\n" + self._read("messages"))

    def _read(self, name: str) -> str:
        if name in self._kept:
            return self._kept[name]
        path = self._folder / name
        return path.read_text(errors="replace").replace("\r\n", "\n") if path.exists() else ""

    async def _bound(self) -> None:
        """Wait until it listens, by proc(5): to try the port would be to take it."""
        assert self._process is not None
        process, table = self._process, Path(f"/proc/net/{self._table}")

        def listens() -> bool:
            rows = (line.split() for line in table.read_text().splitlines())
            return any(f"{row[1][-4:]} {row[3]}" == self._listening for row in rows)

        await until(lambda: process.returncode is not None or listens())
        assert process.returncode is None, self._read("errors")
