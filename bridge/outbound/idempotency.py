"""Orders that are sent twice place one call (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto

from bridge.facts import CallId

__all__ = ["LIFETIME_S", "IdempotencyStore", "Known", "check_key", "fingerprint"]

LIFETIME_S = 86_400.0
CAPACITY = 10_000
"""Keys; the oldest are forgotten first."""
LONGEST_KEY = 255


class Known(Enum):
    """What is known of a key that is no new one, besides the call it led to."""

    BUSY = auto()
    """The order with this key is just being carried out."""
    OTHER = auto()
    """It came with another body."""


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    expires: float
    call_id: CallId | None = None


def check_key(key: str) -> str:
    """Return `key` as it is. Raises ValueError where it is empty, too long or not ASCII."""
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise ValueError(f"Idempotency-Key should be 1 to {LONGEST_KEY} ASCII characters")
    return key


def fingerprint(body: str) -> bytes:
    """What tells two bodies apart, without keeping them."""
    return hashlib.sha256(body.encode()).digest()


class IdempotencyStore:
    """Which key has led to which call. Sans I/O: time comes as argument."""

    def __init__(self, *, capacity: int = CAPACITY, lifetime_s: float = LIFETIME_S) -> None:
        self._capacity = capacity
        self._lifetime_s = lifetime_s
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, key: str, mark: bytes, now: float) -> CallId | Known | None:
        """Claim `key` for an order with the fingerprint `mark`; None when it is a new one.

        Whoever gets None has to call `done` or `failed`.
        """
        self._forget(now)
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(mark, now + self._lifetime_s)
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
            return None
        if entry.fingerprint != mark:
            return Known.OTHER
        return Known.BUSY if entry.call_id is None else entry.call_id

    def done(self, key: str, call_id: CallId) -> None:
        """The order has led to a call."""
        if (entry := self._entries.get(key)) is not None:
            entry.call_id = call_id

    def failed(self, key: str) -> None:
        """The order was refused: sent again, it is a new one."""
        self._entries.pop(key, None)

    def _forget(self, now: float) -> None:
        """Drop what is too old; entries are in the order in which they expire."""
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.expires > now:
                return
            del self._entries[key]
