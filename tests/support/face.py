"""What a running service shows: its control API and its journal."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.waiting import PATIENCE_S, until

__all__ = ["Face"]


@dataclass
class Face:
    """The API, spoken to with the token, and the journal, read line by line."""

    api: aiohttp.ClientSession
    journal: Path
    _read: int = field(default=0, kw_only=True)

    async def record(self, *, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next journal line, waited for."""
        await until(lambda: len(self._lines()) > self._read, timeout_s=timeout_s)
        line = self._lines()[self._read]
        self._read += 1
        record: dict[str, Any] = json.loads(line)
        return record

    @property
    def unread(self) -> int:
        """Journal lines that nobody has asked for."""
        return len(self._lines()) - self._read

    def skip(self) -> None:
        """Take all journal lines so far as read."""
        self._read = len(self._lines())

    def _lines(self) -> list[str]:
        return self.journal.read_text().splitlines()

    async def metrics(self) -> dict[str, float]:
        """Every sample of /metrics, by name and labels as they are printed."""
        async with self.api.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    async def get(self, path: str) -> Any:
        """The JSON at a path of the control API."""
        async with self.api.get(path) as response:
            assert response.ok, await response.text()
            return await response.json()

    async def post(self, path: str, body: Any = None) -> Any:
        """The JSON answer to a POST."""
        async with self.api.post(path, json=body) as response:
            assert response.ok, await response.text()
            return await response.json()
