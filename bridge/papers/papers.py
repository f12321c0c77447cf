"""What is written of calls: records in the journal, letters to webhooks."""

import asyncio
import weakref
from collections.abc import Sequence
from functools import partial
from types import TracebackType

from bridge.archive.outbox import Letter
from bridge.call import Call
from bridge.chronicle import CallEvent
from bridge.configuration.sections import JournalConfig
from bridge.configuration.webhooks import WebhookConfig
from bridge.facts import Facts
from bridge.outcome import Outcome
from bridge.papers import record
from bridge.papers.journal import Journal
from bridge.webhooks import Couriers, Desk
from bridge.webhooks.desk import EVENTS

__all__ = ["Papers"]


class Papers:
    """Writes down what happens to calls, and has it told; an async context manager."""

    def __init__(self, journal: JournalConfig, webhooks: Sequence[WebhookConfig]) -> None:
        self._transcripts = journal.transcripts
        self._webhooks = bool(webhooks)
        self._desk = Desk(webhooks)
        self.journal = Journal(journal, on_crashed=self._desk.of_crashed)
        self.couriers = Couriers(webhooks, self.journal)

    async def __aenter__(self) -> "Papers":
        """Open the journal, and begin to deliver. Raises OSError."""
        await self.journal.__aenter__()
        try:
            await self.couriers.__aenter__()
        except BaseException:
            await self.journal.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write and tell what is pending, both within bounds."""
        await self.couriers.__aexit__(kind, error, trace)
        await self.journal.__aexit__(kind, error, trace)

    def begun(self, call: Call) -> None:
        """A call has begun."""
        if self._webhooks:
            # A call whose own chronicle held it would be left to the garbage collector.
            call.chronicle.on_event = partial(self._happened, weakref.proxy(call))
        letters = self._desk.of_call("call.started", call)
        self._posted(letters, self.journal.begin(record.of_beginning(call.facts), letters))

    def ended(self, call: Call) -> None:
        """A call is over."""
        letters = self._desk.of_call("call.ended", call)
        whole = record.of_call(call, transcript=self._transcripts)
        self._posted(letters, self.journal.add(whole, letters))

    def amended(self, call: Call) -> None:
        """More has become known of a call that is over; its line is written already."""
        self.journal.amend(record.of_call(call, transcript=self._transcripts))

    def refused(self, facts: Facts, outcome: Outcome) -> None:
        """A call was refused before it had a life of its own; webhooks never knew of it."""
        self.journal.add(record.of_refusal(facts, outcome))

    def _happened(self, call: Call, event: CallEvent) -> None:
        if (name := EVENTS.get(event.kind)) is None:
            return
        letters = self._desk.of_call(name, call, **event.fields)
        self._posted(letters, self.journal.post(letters))

    def _posted(self, letters: Sequence[Letter], written: "asyncio.Future[None] | None") -> None:
        """Send the couriers when letters are written down, or count those that are not."""
        if not letters:
            return
        if written is None:
            self.couriers.fates["lost"] += len(letters)
            return

        def done(write: "asyncio.Future[None]") -> None:
            if write.cancelled() or write.exception() is not None:
                self.couriers.fates["lost"] += len(letters)
            else:
                self.couriers.wake()

        written.add_done_callback(done)
