"""A local server that speaks Ultravox's protocol, for development, tests and trying a trunk.

It hears nothing but whether somebody speaks, and says what its script says; see `agents.py`.
"""

from bridge.ultravox.standin.server import DEFAULT_LISTEN, Standin, run

__all__ = ["DEFAULT_LISTEN", "Standin", "run"]
