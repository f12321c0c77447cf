"""What answers of Ultravox's REST API mean: a call, a failure, and when to try again."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bridge.errors import AgentBusy, AgentError, AgentRefused, AgentUnavailable
from bridge.retry_after import retry_after

__all__ = [
    "PAUSE_S",
    "REDIRECTION",
    "Created",
    "Failure",
    "created_of",
    "failure_of",
    "object_of",
    "text_of",
]

PAUSE_S = 0.5
"""At least, before trying again."""
DETAIL_LIMIT = 300
"""Characters of an error body that are worth showing."""
ANSWER_LIMIT = 1024 * 1024
"""Bytes of an answer, unpacked. A call's own description has some kilobytes."""
LONGEST_WAIT_S = 3600.0
"""What a Retry-After says beyond this is taken for this."""

REDIRECTION, _CLIENT_ERROR, _BUSY, _UNAVAILABLE = 300, 400, 429, 503
_GATEWAY_ERRORS = (502, 504)
_REASONS = {
    401: "the API key is wrong: check ultravox.api_key",
    402: "the account has no credit left",
    403: "the API key may not do this: check ultravox.api_key and the account's plan",
    404: "not found: check agent_id and ultravox.api_url",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A call that waits to be joined. The join URL is a secret: neither it nor `raw` is shown."""

    call_id: str
    join_url: str = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that came to nothing."""

    error: AgentError
    pause_s: float | None
    """Before the next try; None when there must be none."""
    patient: bool = False
    """Try as long as the deadline allows, and not just once more."""
    unsure: bool = False
    """What was asked for may have been done all the same."""


async def text_of(response: aiohttp.ClientResponse) -> str:
    """The body, as far as ANSWER_LIMIT; a server may send one without end."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > ANSWER_LIMIT:
            response.close()
            break
    return body.decode(errors="replace")


def object_of(text: str, where: str) -> dict[str, Any] | Failure:
    """The JSON object that `where` answered."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raw = None
    if isinstance(raw, dict):
        return raw
    return Failure(AgentUnavailable(f"{where} answered with no JSON object"), None, unsure=True)


def failure_of(status: int, headers: Mapping[str, str], text: str) -> Failure:
    """What an answer of any status but 2xx means."""
    told = f"HTTP {status}: {_REASONS.get(status) or ' '.join(text.split())[:DETAIL_LIMIT]}"
    if status in (_BUSY, _UNAVAILABLE):
        wait = retry_after(headers.get("Retry-After"), now=time.time())
        wait = None if wait is None else min(wait, LONGEST_WAIT_S)
        kind = AgentBusy if status == _BUSY else AgentUnavailable
        error = kind(told, retry_after_s=None if wait is None else round(wait))
        return Failure(error, max(wait or 0.0, PAUSE_S), patient=True)
    if status in _GATEWAY_ERRORS:
        return Failure(AgentUnavailable(told), PAUSE_S, unsure=True)
    if status < _CLIENT_ERROR:
        where = urlsplit(headers.get("Location", "")).netloc or "elsewhere"
        told = f"HTTP {status}: sent on to {where}, which is not followed: check ultravox.api_url"
    return Failure(AgentUnavailable(told) if status >= 500 else AgentRefused(told), None)


def created_of(raw: Mapping[str, Any]) -> Created:
    """The call that was created. Raises AgentUnavailable where it cannot be joined."""
    call_id, join_url = raw.get("callId"), raw.get("joinUrl")
    if not isinstance(call_id, str) or not isinstance(join_url, str):
        raise AgentUnavailable("the created call has no joinUrl: is its medium a WebSocket?")
    return Created(call_id=call_id, join_url=join_url, raw=raw)
