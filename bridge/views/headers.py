"""SIP headers as the control API and webhooks show them: those that tell of the call, no others."""

from collections.abc import Mapping

__all__ = ["headers_view"]

TOLD = frozenset(
    ("diversion", "history-info", "p-asserted-identity", "remote-party-id", "user-to-user")
)
"""Besides X-…: who calls and how it came here. The rest is SIP's own business, or a credential."""


def headers_view(headers: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """The values of each, by its name as it came."""
    return {
        name: list(values)
        for name, values in headers.items()
        if name.lower() in TOLD or name.lower().startswith("x-")
    }
