"""Two carriers, for calls that are tried through several trunks; telephones play their parts."""

from typing import Any

from deploy.ports import free_port

__all__ = ["FIRST", "NUMBER", "PORT", "SECOND", "SECOND_TRUNK", "trunk_of_first"]

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
PORT = free_port()
NUMBER = "+442071838750"
"""Whom the tests call."""
SECOND_TRUNK = {
    "hosts": [SECOND],
    "address": f"sip:{SECOND}:{PORT}",
    "caller_id": "2",
    "number_format": "national",
    "country": "GB",
}


def trunk_of_first(host: str, **more: Any) -> dict[str, Any]:
    """One more trunk whose calls go to the first carrier; `host` is its own."""
    return {"hosts": [host], "address": f"sip:{FIRST}:{PORT}", **more}
