"""Every error that can end a call.

    CallError                       carries the outcome and the SIP answer
    ├── OrderError                  an outbound call was asked for that cannot be placed
    ├── Unreachable                 503  upstream_error  unreachable    the trunk's server
    ├── Refused                     before the answer, by us
    │   ├── NoRoute                 404  client_error    no-route
    │   ├── NoCommonCodec           488  client_error    no-common-codec
    │   ├── BadOffer                400  client_error    bad-request
    │   ├── Full                    503  server_error    full           Retry-After
    │   │   ├── AgentFull           486  server_error    full           Retry-After
    │   │   └── Overloaded          503  server_error    overloaded     Retry-After
    │   ├── Draining                503  server_error    draining       Retry-After
    │   └── NoPorts                 503  server_error    no-ports       Retry-After
    ├── AgentError                  Ultravox's side failed
    │   ├── AgentUnavailable        503  upstream_error  agent-unavailable
    │   ├── AgentTimeout            503  upstream_error  agent-timeout
    │   ├── AgentBusy               486  upstream_error  agent-busy     concurrency or rate limit
    │   ├── AgentRefused            503  upstream_error  agent-refused  our request or key is wrong
    │   └── AgentLost               —    upstream_error  agent-lost     the socket broke mid-call
    ├── ScenarioFailed              500  server_error    scenario-failed   an exception in your code
    └── Hangup                      the ordinary end: raised by whoever ends the call
        └── NotAnswered             another party was dialled in vain

An error class's docstring is its default message.
"""

from typing import ClassVar

from bridge.outcome import Cause, Outcome, Result
from sip import Headers

__all__ = [
    "AgentBusy",
    "AgentError",
    "AgentFull",
    "AgentLost",
    "AgentRefused",
    "AgentTimeout",
    "AgentUnavailable",
    "BadOffer",
    "CallError",
    "Draining",
    "Full",
    "Hangup",
    "NoCommonCodec",
    "NoPorts",
    "NoRoute",
    "NotAnswered",
    "NotNow",
    "OrderError",
    "Overloaded",
    "Refused",
    "ScenarioFailed",
    "Unreachable",
]

RETRY_AFTER_S = 5
"""Seconds a refused caller is asked to wait (RFC 3261 section 20.33)."""


class CallError(Exception):
    """The call failed."""

    result: ClassVar[Result] = Result.SERVER_ERROR
    cause: ClassVar[Cause] = Cause.INTERNAL_ERROR
    sip_code: ClassVar[int] = 500
    http_status: ClassVar[int] = 500
    """What the control API answers when this stops a request."""
    retry_after_s: int | None = None

    def __init__(self, detail: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(detail or type(self).__doc__ or "")
        self.detail = detail
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s

    @property
    def outcome(self) -> Outcome:
        """The end of the call that this error caused."""
        return Outcome(
            result=self.result,
            cause=self.cause,
            sip_code=self.sip_code,
            detail=self.detail,
            retry_after_s=self.retry_after_s,
        )


class ScenarioFailed(CallError):
    """The scenario of the call raised an exception."""

    cause = Cause.SCENARIO_FAILED


class NotNow(Exception):
    """The call is in no state for what was asked of it; it goes on as it was."""


class Hangup(CallError):
    """The call came to its ordinary end."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self._outcome = outcome

    @property
    def outcome(self) -> Outcome:
        """As given by whoever ended the call."""
        return self._outcome


class NotAnswered(Hangup):
    """Another party was dialled in vain; where nobody catches this, it is the end of the call."""

    def __init__(self, outcome: Outcome, *, headers: Headers | None = None) -> None:
        super().__init__(outcome)
        self.headers = headers or Headers()
        """SIP headers of the refusal, where the other side sent one."""


class OrderError(CallError):
    """The call cannot be placed as it was asked for."""

    result = Result.CLIENT_ERROR
    cause = Cause.BAD_REQUEST
    sip_code = 400
    http_status = 400


class Unreachable(CallError):
    """The trunk's server cannot be reached."""

    result = Result.UPSTREAM_ERROR
    cause = Cause.UNREACHABLE
    sip_code = 503
    http_status = 502


class Refused(CallError):
    """We did not take the call."""

    http_status = 503


class NoRoute(Refused):
    """No route matches this call."""

    result = Result.CLIENT_ERROR
    cause = Cause.NO_ROUTE
    sip_code = 404


class NoCommonCodec(Refused):
    """The offer holds no codec that we are configured to speak."""

    result = Result.CLIENT_ERROR
    cause = Cause.NO_COMMON_CODEC
    sip_code = 488


class BadOffer(Refused):
    """The INVITE's session description cannot be read."""

    result = Result.CLIENT_ERROR
    cause = Cause.BAD_REQUEST
    sip_code = 400


class Full(Refused):
    """The bridge carries as many calls as it may."""

    cause = Cause.FULL
    sip_code = 503
    retry_after_s = RETRY_AFTER_S


class AgentFull(Full):
    """The agent has as many calls as it may."""

    sip_code = 486  # busy is who was called, not the way there: no other trunk would help


class Overloaded(Full):
    """One more call would hurt those alive."""

    cause = Cause.OVERLOADED


class Draining(Refused):
    """The bridge is finishing its calls and takes no new ones."""

    cause = Cause.DRAINING
    sip_code = 503
    retry_after_s = RETRY_AFTER_S


class NoPorts(Refused):
    """Every RTP port of the configured range is in use."""

    cause = Cause.NO_PORTS
    sip_code = 503
    retry_after_s = RETRY_AFTER_S


class AgentError(CallError):
    """Ultravox could not serve the call."""

    result = Result.UPSTREAM_ERROR
    cause = Cause.AGENT_UNAVAILABLE
    sip_code = 503


class AgentUnavailable(AgentError):
    """Ultravox is down or cannot be reached."""


class AgentTimeout(AgentError):
    """Ultravox did not answer in time."""

    cause = Cause.AGENT_TIMEOUT


class AgentBusy(AgentError):
    """Ultravox's concurrency or rate limit is reached."""

    cause = Cause.AGENT_BUSY
    sip_code = 486


class AgentRefused(AgentError):
    """Ultravox refused the request: its body or the API key is wrong."""

    cause = Cause.AGENT_REFUSED


class AgentLost(AgentError):
    """The connection to the agent broke during the call."""

    cause = Cause.AGENT_LOST
    sip_code = 0
