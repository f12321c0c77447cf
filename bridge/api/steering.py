"""What the control API lets an operator do to a call that is up.

POST /v1/calls/{id}/dtmf      {digits, duration_ms?, pause_ms?}
                                                 press digits for the other party
POST /v1/calls/{id}/message   {text, urgency?}   tell the agent something
POST /v1/calls/{id}/record    {action}           start, stop, pause or resume the recording
POST /v1/calls/{id}/hold                         park the other party
POST /v1/calls/{id}/resume                       take it back
POST /v1/calls/{id}/transfer  {to, mode, …}      hand it over to somebody else
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge import transfer
from bridge.api import replies
from bridge.call import Call
from bridge.errors import NotNow
from bridge.outbound.order import Callee, Number, SipHeaders, Trunks
from bridge.recording.recorder import RecordAction
from bridge.service import Service
from bridge.transfer import Mode, TransferOrder
from bridge.ultravox.messages import Urgency
from rtp.dtmf import EVENLY, Rhythm, dialled
from sip import OfferPending, SipError

__all__ = ["routes"]

Steer = Callable[[Call, bytes], Awaitable[None]]

MAX_TEXT = 10_000
"""Characters of a message to the agent."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _DigitsBody(_Body):
    """The body of POST …/dtmf."""

    digits: str
    duration_ms: int = EVENLY.tone_ms
    pause_ms: int = EVENLY.pause_ms


class _MessageBody(_Body):
    """The body of POST …/message."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    urgency: Urgency | None = None


class _RecordBody(_Body):
    """The body of POST …/record."""

    action: RecordAction


class _TransferBody(_Body):
    """The body of POST …/transfer; see `TransferOrder`."""

    to: Callee
    mode: Mode = "blind"
    trunk: Trunks = ()
    caller_id: Number = ""
    headers: SipHeaders = {}
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    music: Path | None = None
    announcement: Path | None = None
    summary: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    accept_key: Annotated[str, Field(pattern="^[0-9*#A-D]?$")] = "1"
    accept_timeout_s: Annotated[float, Field(gt=0, le=600)] = 15.0
    agent: Literal["leave", "listen"] = "leave"
    fallback: bool = True


def routes(service: Service) -> list[web.RouteDef]:
    """The routes of this part of the API."""
    return [
        web.post(f"/v1/calls/{{id}}/{name}", _handler(service, steer))
        for name, steer in _STEERS.items()
    ]


def _handler(
    service: Service, steer: Steer
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.Response:
        call = service.calls.get(request.match_info["id"])
        if call is None:
            return replies.no_call()
        try:
            await steer(call, await request.read())
        except ValidationError as error:
            told = replies.complaint(error)
            return replies.error(HTTPStatus.BAD_REQUEST, "bad-request", told)
        except ValueError as error:
            return replies.error(HTTPStatus.BAD_REQUEST, "bad-request", str(error))
        except (NotNow, OfferPending) as error:
            return replies.error(HTTPStatus.CONFLICT, "not-now", str(error))
        except SipError as error:
            return replies.error(HTTPStatus.BAD_GATEWAY, "sip-failed", str(error))
        return web.json_response({"id": call.id}, status=HTTPStatus.ACCEPTED)

    return handle


async def _press(call: Call, body: bytes) -> None:
    asked = _DigitsBody.model_validate_json(body)
    rhythm = Rhythm(tone_ms=asked.duration_ms, pause_ms=asked.pause_ms)
    call.controls.press(dialled(asked.digits), rhythm)


async def _tell(call: Call, body: bytes) -> None:
    message = _MessageBody.model_validate_json(body)
    call.controls.tell_agent(message.text, message.urgency)


async def _record(call: Call, body: bytes) -> None:
    await call.controls.record(_RecordBody.model_validate_json(body).action)


async def _hold(call: Call, _: bytes) -> None:
    await call.controls.park()


async def _resume(call: Call, _: bytes) -> None:
    await call.controls.unpark()


async def _transfer(call: Call, body: bytes) -> None:
    asked = _TransferBody.model_validate_json(body)
    await transfer.begin(call, TransferOrder(**dict(asked)))


_STEERS: dict[str, Steer] = {
    "dtmf": _press,
    "message": _tell,
    "record": _record,
    "hold": _hold,
    "resume": _resume,
    "transfer": _transfer,
}
