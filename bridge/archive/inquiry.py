"""What somebody wants to know of past calls: read from words, told to SQLite.

``since`` and ``until`` are ``2h`` (s, m, h, d, w: so long ago) or ``2026-11-26T10:00`` (UTC where
it names no offset). `caller` and `callee` may hold ``*`` and ``?``, as routes do.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bridge.configuration.mistakes import nearest
from bridge.outcome import Cause, Result

__all__ = ["BadInquiry", "Inquiry"]

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
"""Calls on one page."""
MAX_WORD = 256
"""Characters of a value; none of ours is longer."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EXACT = ("agent", "trunk", "result", "cause")
_PATTERNS = ("caller", "callee")


class BadInquiry(ValueError):
    """The question cannot be understood; the message says everything that is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """Which calls, and how many of them, the newest first. Times are seconds since the epoch."""

    since: float | None = None
    until: float | None = None
    agent: str | None = None
    trunk: str | None = None
    caller: str | None = None
    callee: str | None = None
    result: str | None = None
    cause: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: tuple[float, int] | None = None
    """Where the page before ended: `started` and number of its last call."""

    @classmethod
    def parse(cls, words: Mapping[str, str], *, now: float) -> "Inquiry":
        """Read an inquiry from its words, by name. Raises BadInquiry."""
        values: dict[str, Any] = {}
        wrong = []
        for name, word in words.items():
            read = _READERS.get(name)
            try:
                if read is None:
                    raise ValueError("is not known" + _did_you_mean(name, list(_READERS)))
                if len(word) > MAX_WORD:
                    raise ValueError(f"is longer than {MAX_WORD} characters")
                if not word.isprintable():
                    raise ValueError("holds what is no plain text")
                values[name] = read(word, now)
            except (ValueError, OverflowError) as error:
                wrong.append(f"{name}: {error}")
        if wrong:
            raise BadInquiry("; ".join(wrong))
        return cls(**values)

    def where(self) -> tuple[str, list[object]]:
        """The condition in SQL, and its values."""
        terms: list[tuple[str, object]] = [
            *((f"{name} = ?", getattr(self, name)) for name in _EXACT),
            *((_like(getattr(self, name), name), getattr(self, name)) for name in _PATTERNS),
            ("started >= ?", self.since),
            ("started < ?", self.until),
        ]
        conditions = [term for term, value in terms if value is not None]
        values = [_unglobbed(term, value) for term, value in terms if value is not None]
        if self.cursor is not None:
            conditions.append("(started, number) < (?, ?)")
            values.extend(self.cursor)
        return " AND ".join(conditions) or "1", values


def _like(value: str | None, name: str) -> str:
    pattern = value is not None and ("*" in value or "?" in value)
    return f"{name} GLOB ?" if pattern else f"{name} = ?"


def _unglobbed(term: str, value: object) -> object:
    """Of SQLite's GLOB only ``*`` and ``?`` are ours: brackets stand for themselves."""
    return str(value).replace("[", "[[]") if "GLOB" in term else value


def _time(word: str, now: float) -> float:
    if ago := re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw])", word):
        return now - float(ago[1]) * _UNITS[ago[2]]
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        raise ValueError("should be like 2h, 7d or 2026-11-26T10:00") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def _word(word: str, _: float) -> str:
    if not word:
        raise ValueError("is empty")
    return word


def _one_of(names: type[StrEnum]) -> Callable[[str, float], str]:
    known = [name.value for name in names]

    def read(word: str, _: float) -> str:
        if word not in known:
            raise ValueError(f"is none of {', '.join(known)}" + _did_you_mean(word, known))
        return word

    return read


def _limit(word: str, _: float) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", word) or not 1 <= int(word) <= MAX_LIMIT:
        raise ValueError(f"should be a number from 1 to {MAX_LIMIT}")
    return int(word)


def _cursor(word: str, _: float) -> tuple[float, int]:
    match = re.fullmatch(r"([0-9]{1,12}\.[0-9]{1,9})~([0-9]{1,18})", word)
    if match is None:
        raise ValueError("should be the `next` of the page before")
    return float(match[1]), int(match[2])


def _did_you_mean(word: str, known: list[str]) -> str:
    close = nearest(word, known)
    return f"; did you mean {close}?" if close else ""


_READERS: dict[str, Callable[[str, float], Any]] = {
    "since": _time,
    "until": _time,
    "agent": _word,
    "trunk": _word,
    "caller": _word,
    "callee": _word,
    "result": _one_of(Result),
    "cause": _one_of(Cause),
    "limit": _limit,
    "cursor": _cursor,
}
