"""POST /v1/calls: an order is carried out once, however often it is sent under one key.

Keys are kept in memory and, where there is one, in the journal's database, so that a restart does
not forget them. The answer waits for that: whoever has got one can rely on it.
"""

import asyncio
import logging
import sqlite3
from http import HTTPStatus

from aiohttp import web
from pydantic import ValidationError

from bridge.api import replies
from bridge.archive import ArchiveError
from bridge.archive.orders import Placed
from bridge.facts import CallId
from bridge.outbound.idempotency import (
    LIFETIME_S,
    IdempotencyStore,
    Known,
    check_key,
    fingerprint,
)
from bridge.outbound.order import OrderBody
from bridge.service import Service

__all__ = ["Ordering"]

log = logging.getLogger("bridge.control")

DISK_S = 2.0
"""How long a slow disk may hold an order up; then memory alone has to do."""


class Ordering:
    """Takes orders."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._placed = IdempotencyStore()

    async def place(self, request: web.Request) -> web.Response:
        """Begin a call, or tell which one an order that came before has led to."""
        try:
            body = OrderBody.model_validate_json(await request.read())
            key = request.headers.get("Idempotency-Key")
            if key is not None:
                check_key(key)
        except ValueError as error:
            told = replies.complaint(error) if isinstance(error, ValidationError) else str(error)
            return replies.error(HTTPStatus.BAD_REQUEST, "bad-request", told)
        if key is None:
            return _placed((await self._service.place(body.order())).id)
        return await self._place_keyed(key, body)

    async def _place_keyed(self, key: str, body: OrderBody) -> web.Response:
        mark = fingerprint(body.model_dump_json())
        match self._placed.begin(key, mark, asyncio.get_running_loop().time()):
            case Known.OTHER:
                return _reused()
            case Known.BUSY:
                told = "the order with this Idempotency-Key is being carried out"
                return replies.error(HTTPStatus.CONFLICT, "in-progress", told)
            case str(call_id):
                return _placed(call_id, again=True)
        try:
            return await self._place_once(key, mark, body)
        except BaseException:
            self._placed.failed(key)
            raise

    async def _place_once(self, key: str, mark: bytes, body: OrderBody) -> web.Response:
        """Place an order whose key is new to this process."""
        known = await self._remembered(key)
        if known is not None and known.fingerprint != mark:
            self._placed.failed(key)
            return _reused()
        if known is not None:
            self._placed.done(key, known.call_id)
            return _placed(known.call_id, again=True)
        call_id = (await self._service.place(body.order())).id
        self._placed.done(key, call_id)
        await self._remember(key, Placed(fingerprint=mark, call_id=call_id))
        return _placed(call_id)

    async def _remembered(self, key: str) -> Placed | None:
        """What the database knows of a key."""
        try:
            async with asyncio.timeout(DISK_S):
                return await self._service.papers.journal.placed(key)
        except (sqlite3.Error, ArchiveError, TimeoutError) as error:
            log.warning("= the database does not say which orders came before: %s", error)
            return None

    async def _remember(self, key: str, placed: Placed) -> None:
        try:
            async with asyncio.timeout(DISK_S):
                await self._service.papers.journal.keep_placed(key, placed, lifetime_s=LIFETIME_S)
        except (sqlite3.Error, ArchiveError, TimeoutError) as error:
            log.warning("= the key of order %s does not outlast this process: %s", key, error)


def _placed(call_id: CallId, *, again: bool = False) -> web.Response:
    headers = {"Idempotency-Replayed": "true"} if again else {}
    return web.json_response({"id": call_id}, status=HTTPStatus.CREATED, headers=headers)


def _reused() -> web.Response:
    told = "this Idempotency-Key came with another body before"
    return replies.error(HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", told)
