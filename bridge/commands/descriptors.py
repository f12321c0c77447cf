"""Open files: as many as we may have, because a call takes three and its ports 30 s longer."""

import resource

from bridge.api.entrance import MAX_CONNECTIONS
from bridge.config import Config

__all__ = ["WANTED", "enlarge", "needed"]

WANTED = 65_536
"""No more than this: some programs go through all that they may have."""
_BESIDES = 100
"""Logs, databases, listeners, requests to Ultravox."""
_A_CALL = 2
"""Its WebSocket and its recording."""
_PORTS_A_CALL = 12
"""Two, and those of calls of 6 s that came before it, for 30 s."""


def enlarge() -> int:
    """Raise our limit as far as that is ours to raise; the limit.

    Shells give 1024, for programs that use select(), which we and PJSIP (epoll) do not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return WANTED if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def needed(config: Config) -> int:
    """How many files are open where everything that may be is."""
    calls, ports = config.sip.max_calls, config.media.ports
    bound = min(ports.high - ports.low + 1, _PORTS_A_CALL * calls)
    return bound + _A_CALL * calls + MAX_CONNECTIONS + _BESIDES
