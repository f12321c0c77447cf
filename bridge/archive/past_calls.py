"""The database of calls, as the event loop asks it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bridge.archive.archive import ArchiveError
from bridge.archive.inquiry import Inquiry
from bridge.archive.reader import Page, Reader
from bridge.archive.scribe import Scribe

__all__ = ["NoDatabase", "PastCalls"]

T = TypeVar("T")

PENDING_QUESTIONS = 20
"""Questions that may wait at once."""


class NoDatabase(Exception):
    """journal.database is not set: calls are forgotten soon after their end."""


class PastCalls:
    """Answers questions about past calls, and those alive, on a thread of its own."""

    def __init__(self, database: Path | None) -> None:
        self._reader = None if database is None else Reader(database)
        self._thread = Scribe("journal reader", capacity=PENDING_QUESTIONS)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    async def close(self, timeout_s: float) -> None:
        """Answer what was asked, for as long as that may take, then close the database."""
        if self._reader is not None:
            self._thread.do(self._reader.close)
        await self._thread.close(timeout_s)

    async def page(self, inquiry: Inquiry) -> Page:
        """The calls asked for. Raises NoDatabase or ArchiveError."""
        reader = self._existing_reader()
        return await self._ask(lambda: reader.page(inquiry))

    async def find(self, call_id: str) -> str | None:
        """The record of one call as JSON text. Raises NoDatabase or ArchiveError."""
        reader = self._existing_reader()
        return await self._ask(lambda: reader.find(call_id))

    def _existing_reader(self) -> Reader:
        if self._reader is None:
            raise NoDatabase("journal.database is not set: ended calls are not kept")
        return self._reader

    async def _ask(self, question: Callable[[], T]) -> T:
        answer = self._thread.do(question)
        if answer is None:
            raise ArchiveError("too many questions about past calls at once")
        return await answer
