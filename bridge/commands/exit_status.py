"""The exit status of `uvbridge call`: how the call ended, for scripts."""

from bridge.outcome import Cause, Outcome, Result

__all__ = ["USAGE", "of_cause", "of_outcome"]

USAGE = 2
"""A mistake in the command or the configuration."""

_BY_CAUSE: dict[Cause, int] = {
    Cause.BUSY: 10,
    Cause.DECLINED: 11,
    Cause.NO_ANSWER: 12,
    Cause.UNREACHABLE: 13,
    Cause.UNKNOWN_NUMBER: 14,
    Cause.TRUNK_REFUSED: 15,
    Cause.TRUNK_FAILED: 16,
    Cause.NO_COMMON_CODEC: 17,
    Cause.MEDIA_LOST: 18,
    Cause.AGENT_UNAVAILABLE: 20,
    Cause.AGENT_TIMEOUT: 21,
    Cause.AGENT_BUSY: 22,
    Cause.AGENT_REFUSED: 23,
    Cause.AGENT_LOST: 24,
    Cause.BAD_REQUEST: USAGE,
    Cause.FULL: 30,
    Cause.OVERLOADED: 30,
    Cause.DRAINING: 30,
    Cause.NO_PORTS: 30,
}


def of_outcome(outcome: Outcome) -> int:
    """0 for a call that was held, a number of its own for each way to fail, 1 for the rest."""
    return of_cause(outcome.result, outcome.cause)


def of_cause(result: Result, cause: Cause) -> int:
    """The same from the two names."""
    return 0 if result is Result.SUCCESS else _BY_CAUSE.get(cause, 1)
