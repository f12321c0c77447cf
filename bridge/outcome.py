"""How a call ends: one value for the journal, the metric, the API and the exit status."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Cause", "Outcome", "Result"]


class Result(StrEnum):
    """Who is to blame for the end of a call, if anybody."""

    SUCCESS = "success"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    UPSTREAM_ERROR = "upstream_error"
    INDETERMINATE = "indeterminate"


class Cause(StrEnum):
    """Every way a call can end: a closed set, so that it can label a metric."""

    CALLER_HUNG_UP = "caller-hung-up"
    CALLEE_HUNG_UP = "callee-hung-up"
    AGENT_HUNG_UP = "agent-hung-up"
    OPERATOR_HUNG_UP = "operator-hung-up"
    TIME_LIMIT = "time-limit"
    CANCELLED = "cancelled"
    NO_ROUTE = "no-route"
    NO_COMMON_CODEC = "no-common-codec"
    BAD_REQUEST = "bad-request"
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no-answer"
    UNKNOWN_NUMBER = "unknown-number"
    UNREACHABLE = "unreachable"
    TRUNK_REFUSED = "trunk-refused"
    TRUNK_FAILED = "trunk-failed"
    FULL = "full"
    OVERLOADED = "overloaded"
    DRAINING = "draining"
    NO_PORTS = "no-ports"
    INTERNAL_ERROR = "internal-error"
    SHUTDOWN = "shutdown"
    CRASHED = "crashed"
    AGENT_UNAVAILABLE = "agent-unavailable"
    AGENT_TIMEOUT = "agent-timeout"
    AGENT_BUSY = "agent-busy"
    AGENT_REFUSED = "agent-refused"
    AGENT_LOST = "agent-lost"
    MEDIA_LOST = "media-lost"
    SCENARIO_ENDED = "scenario-ended"
    SCENARIO_FAILED = "scenario-failed"
    TRANSFERRED = "transferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a call ended: one value for the journal, the metric, the API and the exit status."""

    result: Result
    cause: Cause
    sip_code: int = 0
    """Final SIP status sent or received; 0 when an answered call ended by BYE."""
    q850: int | None = None
    """Cause in the Reason header (RFC 3326) that the other side gave, or that we gave it."""
    detail: str = ""
    """What a person would want to know besides; never a secret."""
    retry_after_s: int | None = None
    """Seconds after which trying again makes sense, where somebody said so."""

    def __str__(self) -> str:
        text = f"{self.result} {self.cause}"
        return f"{text} ({self.detail})" if self.detail else text
