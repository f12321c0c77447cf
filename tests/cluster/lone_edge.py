"""Kamailio as `deploy/kamailio` configures it, with telephones in place of bridges and carriers."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.ports import free_port
from tests.cluster import edge
from tests.support.caller import Address
from tests.support.waiting import until

__all__ = ["LoneEdge"]


class LoneEdge:
    """An edge of its own: an async context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.5",
        port: int = 0,
        bridges: Sequence[Address] = (),
        carriers: Sequence[Address] = (),
        addresses: Sequence[str] = (),
        change: Mapping[str, str] | None = None,
        more: str = "",
        way: str = "",
        asked: bool = False,
    ) -> None:
        """`addresses` are lines of address.list; `change` and `more` are of edge.cfg.

        `way` is added to the URIs of bridges (`;transport=tls`), which are `asked` how they fare.
        """
        self.folder, self.host, self.port = folder, host, port or free_port()
        self._bridges, self._carriers, self._way = bridges, carriers, way
        self._addresses, self._change, self._more = addresses, change, more
        self._asked = asked
        self._process: Process | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it takes SIP over UDP and TCP."""
        return self.host, self.port

    async def __aenter__(self) -> Self:
        config = edge.furnish(
            self.folder,
            address=self.host,
            port=self.port,
            bridges=self._bridges,
            carriers=self._carriers,
            asked=self._asked,
            way=self._way,
            addresses=self._addresses,
            change=self._change,
            more=self._more,
        )
        with (self.folder / "edge.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *edge.command(config), stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        await until(self._listens, timeout_s=20)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.kill()

    async def kill(self) -> None:
        """End it and all its children without a word to anybody."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.folder / "edge.log").read_text(errors="replace")

    async def kamcmd(self, *words: str) -> str:
        """Ask it."""
        socket = f"unix:{self.folder}/kamailio_ctl"
        process = await asyncio.create_subprocess_exec(
            "kamcmd", "-s", socket, *words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
        out, _ = await process.communicate()
        return out.decode()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self.log[-3000:]
        return "io_listen_loop" in self.log
