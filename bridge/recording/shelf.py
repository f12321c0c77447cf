"""The recordings of one call that are over, and those that are just being closed."""

import asyncio
from typing import Protocol

from bridge.recording.recording import Kept
from bridge.recording.recordings import Recordings

__all__ = ["Shelf"]


class Told(Protocol):
    """The call that they are of."""

    def note(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call that something happened."""


class Shelf:
    """Takes each as it is closed; those who follow the call are told when it can be had."""

    def __init__(self, call: Told, recordings: Recordings) -> None:
        self.kept: list[Kept] = []
        """Those that are over, in order."""
        self._call = call
        self._recordings = recordings
        self._closing: set[asyncio.Future[Kept]] = set()

    def put(self, closing: "asyncio.Future[Kept]") -> None:
        """Take one when its file is closed."""
        self._closing.add(closing)
        closing.add_done_callback(self._closed)

    async def settled(self, timeout_s: float) -> None:
        """Wait until all are closed, at most for so long."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=timeout_s)

    def _closed(self, closing: "asyncio.Future[Kept]") -> None:
        self._closing.discard(closing)
        kept = closing.result()
        self.kept.append(kept)
        self._recordings.ended(kept)
        self._call.note(
            "recording-ready" if kept.path is not None else "recording-failed",
            path=str(kept.path) if kept.path is not None else None,
            duration_s=round(kept.duration_s, 2),
            bytes=kept.bytes,
            result=kept.result,
        )
