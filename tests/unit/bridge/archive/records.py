"""Records of calls that never were."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

__all__ = ["NOW", "began", "ended"]

NOW = 1_800_000_000.0


def began(number: int, *, at: float = NOW, **other: Any) -> dict[str, Any]:
    """The record of a call at its beginning."""
    return {
        "id": f"c-{number}",
        "started": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "direction": "inbound",
        "trunk": "pbx",
        "caller": "+442071838750",
        "callee": "100",
        "agent": "reception",
        "outcome": None,
        **other,
    }


def ended(
    number: int,
    *,
    at: float = NOW,
    result: str = "success",
    cause: str = "caller-hung-up",
    transcript: Sequence[Mapping[str, Any]] = (),
    **other: Any,
) -> dict[str, Any]:
    """The record of a call that is over."""
    record = began(number, at=at, **other)
    record["outcome"] = {"result": result, "cause": cause, "sip_code": 0, "q850": 16, "detail": ""}
    record["transcript"] = list(transcript)
    return record
