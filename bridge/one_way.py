"""Calls in which one side hears nothing: said in the log once a call, and counted."""

import logging
from collections.abc import Iterable
from weakref import WeakKeyDictionary, WeakSet

from bridge.call import Call, CallState
from rtp.one_way import OneWayWatch

__all__ = ["OneWayAudio"]

logger = logging.getLogger(__name__)


class OneWayAudio:
    """Looks at the live calls now and then."""

    def __init__(self) -> None:
        self.calls = 0
        """Calls found with audio in one direction only."""
        self._watches: WeakKeyDictionary[Call, OneWayWatch] = WeakKeyDictionary()
        self._told: WeakSet[Call] = WeakSet()

    def look(self, calls: Iterable[Call], now: float) -> None:
        """Look at every call that should have audio both ways; `now` is loop time."""
        for call in calls:
            if call in self._told:
                continue
            if call.state is not CallState.ANSWERED or call.held:
                self._watches.pop(call, None)
                continue
            found = self._watches.setdefault(call, OneWayWatch()).look(call.stream.stats, now)
            if found is not None:
                self._told.add(call)
                self.calls += 1
                logger.warning("= %s has audio one way only: %s", call.id, found.value)
