"""Calls in which one side hears nothing: said in the log once a call, and counted."""

import logging
from collections.abc import Iterable
from weakref import WeakKeyDictionary, WeakSet

from bridge.call import Call
from bridge.parties.party import Party
from rtp.one_way import OneWayWatch

__all__ = ["OneWayAudio"]

logger = logging.getLogger(__name__)


class OneWayAudio:
    """Looks at the live calls now and then."""

    def __init__(self) -> None:
        self.calls = 0
        """Calls of which a leg was found with audio in one direction only."""
        self._watches: WeakKeyDictionary[Party, OneWayWatch] = WeakKeyDictionary()
        self._told: WeakSet[Call] = WeakSet()

    def look(self, calls: Iterable[Call], now: float) -> None:
        """Look at every leg that should have audio both ways; `now` is loop time."""
        for call in calls:
            for party in call.parties:
                self._look(call, party, now)

    def _look(self, call: Call, party: Party, now: float) -> None:
        if call in self._told:
            return
        if not party.answered.is_set() or not party.alive or party.held:
            self._watches.pop(party, None)
            return
        watch = self._watches.setdefault(party, OneWayWatch())
        hushed = party.media is not None and party.media.comfort_noise
        found = watch.look(party.stream.stats, now, hushed=hushed)
        if found is not None:
            self._told.add(call)
            self.calls += 1
            which = "" if party is call.first else f" with its {party.name}"
            logger.warning("= %s has audio one way only%s: %s", call.id, which, found.value)
