"""`uvbridge call`: place a call and, where asked, follow it to its end.

The call goes through the running service where its control API answers; otherwise this process
is the bridge for as long as the call lasts, on a SIP port of its own.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import uvloop
from pydantic import ValidationError
from rich.console import Console

from bridge.api import replies
from bridge.commands import exit_status
from bridge.commands.client import Client, NotRunning, Rejected, Unanswered
from bridge.config import Config, ConfigError
from bridge.errors import CallError
from bridge.outbound.order import OrderBody
from bridge.outcome import Cause, Outcome, Result
from bridge.service import Service
from bridge.visible import visible
from sip import SipError

__all__ = ["run"]

Event = tuple[str, dict[str, Any]]


def run(
    config: Config,
    order: Mapping[str, Any],
    *,
    key: str | None = None,
    wait: bool,
    console: Console,
    errors: Console,
) -> int:
    """Place the call `order` (the body of POST /v1/calls) and return the exit status.

    With an idempotency `key` the running service places it once, however often it is asked; without
    a service it is not placed then.
    """
    try:
        body = OrderBody.model_validate(order)
    except ValidationError as error:
        errors.print(f"bad-request: {replies.complaint(error)}", markup=False)
        return exit_status.USAGE
    try:
        return uvloop.run(_place(config, body, key=key, wait=wait, console=console, errors=errors))
    except asyncio.CancelledError:
        errors.print("left before the call's end; `uvbridge calls` tells whether it goes on")
        return 1


async def _place(
    config: Config,
    body: OrderBody,
    *,
    key: str | None,
    wait: bool,
    console: Console,
    errors: Console,
) -> int:
    order = body.model_dump(mode="json", exclude_unset=True)
    try:
        return await _through_service(config, order, key, wait, console)
    except Unanswered as error:
        # Not again on our own: the callee's phone may be ringing.
        errors.print(f"{error}; the call may go on: `uvbridge calls` tells", markup=False)
        return 1
    except NotRunning as error:
        if key is not None:
            errors.print(f"{error}, and without one no --key is known", markup=False)
            return 1
    except Rejected as rejection:
        errors.print(visible(f"{rejection.error}: {rejection}"), markup=False)
        return _status_of(rejection)
    return await _alone(config, body, console=console, errors=errors)


async def _alone(config: Config, body: OrderBody, *, console: Console, errors: Console) -> int:
    """Without a service."""
    try:
        return await _on_our_own(config, body, console)
    except CallError as error:
        errors.print(f"{error.cause}: {error}", markup=False)
        return exit_status.of_outcome(error.outcome)
    except ConfigError as error:
        errors.print(str(error), markup=False)
        return exit_status.USAGE
    except (OSError, SipError) as error:
        errors.print(str(error), markup=False)
        return 1


def _status_of(rejection: Rejected) -> int:
    """The exit status for an order that the service did not take."""
    if rejection.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return exit_status.USAGE
    if rejection.error in set(Cause):
        return exit_status.of_cause(Result.SERVER_ERROR, Cause(rejection.error))
    return 1


async def _through_service(
    config: Config, order: Mapping[str, Any], key: str | None, wait: bool, console: Console
) -> int:
    headers = {} if key is None else {"Idempotency-Key": key}
    async with Client(config.control) as client:
        call_id = (await client.post("/v1/calls", order, headers=headers))["id"]
        if not wait:
            console.print(call_id)
            return 0
        with _on_interrupt(lambda: client.post(f"/v1/calls/{call_id}/hangup")):
            return await _tell(client.follow(call_id), console)


async def _on_our_own(config: Config, body: OrderBody, console: Console) -> int:
    async with Service(config, inbound=False) as service:
        call = await service.place(body.order())
        operator = Outcome(result=Result.SUCCESS, cause=Cause.OPERATOR_HUNG_UP)

        async def hang_up() -> None:
            call.end(operator)

        async def events() -> AsyncIterator[Event]:
            async for event in call.chronicle.follow():
                yield event.kind, {"at": event.at, **event.fields}

        with _on_interrupt(hang_up):
            return await _tell(events(), console)


async def _tell(events: AsyncIterator[Event], console: Console) -> int:
    """Print each event as it comes; the last one decides the exit status."""
    async for kind, fields in events:
        at = fields.pop("at", 0.0)
        if kind == "transcript-delta":
            continue  # the whole of it follows
        console.print(f"{at:8.3f} s  {_words(kind, fields)}", markup=False)
        if kind == "ended":
            return exit_status.of_cause(Result(fields["result"]), Cause(fields["cause"]))
    return 1


def _words(kind: str, fields: Mapping[str, Any]) -> str:
    match kind:
        case "transcript":
            words = f"{fields['role']}: {fields['text'] or '(cut off before a word was heard)'}"
        case "turn":
            words = f"the agent answers after {fields['latency_ms']:.0f} ms"
        case "barge-in":
            words = f"barge-in, {fields['dropped_ms']} ms of speech dropped"
        case "waiting":
            words = f"waits {fields['wait_s']} s for the turn of trunk {fields['trunk']}"
        case "attempt-failed":
            words = f"trunk {fields['trunk']}: {fields['cause']} ({fields['detail']})"
        case "ended":
            detail = f" ({fields['detail']})" if fields.get("detail") else ""
            words = f"ended: {fields['result']}, {fields['cause']}{detail}"
        case _:
            rest = ", ".join(f"{name} {value}" for name, value in fields.items())
            words = f"{kind}: {rest}" if rest else kind
    return visible(words)


@contextlib.contextmanager
def _on_interrupt(hang_up: Callable[[], Coroutine[Any, Any, object]]) -> Iterator[None]:
    """While inside, Ctrl-C hangs the call up instead of leaving it; the end is still told.

    A second one cancels whoever waits for that.
    """
    loop, waiting = asyncio.get_running_loop(), asyncio.current_task()
    hanging_up: list[asyncio.Task[None]] = []

    async def ask() -> None:
        with contextlib.suppress(NotRunning, Rejected):  # who follows the call is told as well
            await hang_up()

    def interrupted() -> None:
        if not hanging_up:
            hanging_up.append(loop.create_task(ask()))
        elif waiting is not None:
            waiting.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
