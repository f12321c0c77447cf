"""A webhook's receiver, which believes nothing that is not signed."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.waiting import until

__all__ = ["SECRET", "Delivery", "HookReceiver", "receiving"]

SECRET = "secret-of-the-hook"


@dataclass(frozen=True)
class Delivery:
    """One try, as it came."""

    at: float
    headers: dict[str, str]
    said: dict[str, Any]

    @property
    def event(self) -> str:
        return str(self.said["event"])


@dataclass
class HookReceiver:
    """Keeps every try; `answer` decides what each is answered, 200 where it says nothing."""

    url: str = ""
    answer: Callable[[Delivery], web.Response | None] = lambda _: None
    hang: bool = False
    """Whether requests are left without an answer, for as long as it is set; then they get 503."""
    tries: list[Delivery] = field(default_factory=list)
    taken: list[Delivery] = field(default_factory=list)
    """The tries answered 2xx."""

    @property
    def events(self) -> list[str]:
        """What was taken, in order."""
        return [each.event for each in self.taken]

    async def took(self, count: int) -> list[str]:
        """Wait until so many were taken; their events."""
        await until(lambda: len(self.taken) >= count)
        return self.events

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        verify(request.headers["Webhook-Timestamp"], body, request.headers["Webhook-Signature"])
        delivery = Delivery(time.monotonic(), dict(request.headers), json.loads(body))
        assert request.headers["Webhook-Id"] == delivery.said["id"]
        self.tries.append(delivery)
        hung = self.hang
        while self.hang:  # noqa: ASYNC110 - nobody announces its end
            await asyncio.sleep(0.01)
        answer = web.Response(status=503) if hung else self.answer(delivery) or web.Response()
        if answer.status < 300:
            self.taken.append(delivery)
        return answer


def verify(timestamp: str, body: bytes, signature: str, secret: str = SECRET) -> None:
    """As docs/webhooks.md tells receivers to."""
    expected = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    assert any(
        hmac.compare_digest(f"v1={expected.hexdigest()}", each) for each in signature.split(",")
    )
    assert abs(time.time() - int(timestamp)) < 300


@contextlib.asynccontextmanager
async def receiving(port: int = 0, **how: Any) -> AsyncIterator[HookReceiver]:
    """A receiver that listens."""
    receiver = HookReceiver(**how)
    app = web.Application()
    app.add_routes([web.post("/hook", receiver.handle)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        receiver.hang = False
        await runner.cleanup()
