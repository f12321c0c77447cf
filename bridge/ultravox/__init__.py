"""The agent's side of a call: Ultravox's REST API, its data messages, and the session."""

import contextlib

with contextlib.suppress(ImportError):  # where it was not compiled, it runs as it is
    from uvbridge_native import adopt

    adopt("bridge/ultravox", __path__)

from bridge.ultravox.close import Close
from bridge.ultravox.session import Session, leave

__all__ = ["Close", "Session", "leave"]
