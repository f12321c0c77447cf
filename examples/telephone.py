"""A telephone for the examples, made of the bridge's own SIP and RTP."""

import asyncio
import audioop
import contextlib
import math
import struct
from collections.abc import AsyncIterator, Coroutine
from ipaddress import ip_network
from types import TracebackType
from typing import Any

from bridge.media.formats import format_of
from rtp import PortPool, Stream
from sip import (
    Answered,
    Leg,
    Listen,
    MediaAddress,
    MediaNegotiated,
    Settings,
    Trunk,
    UserAgent,
)

__all__ = ["PhoneCall", "Telephone"]

RATE = 8000
LOUD = 200
"""RMS of a frame with speech in it."""
SPEECH_FRAMES = 15
"""That make speech: 0.3 s."""
QUIET_FRAMES = 50
"""After which somebody has finished speaking: 1 s."""
PATIENCE_S = 30.0


class PhoneCall:
    """One call of the telephone. What is waited for in vain raises TimeoutError."""

    def __init__(self, leg: Leg, media: MediaAddress, ports: PortPool) -> None:
        self._leg = leg
        self._stream = Stream(ports.claim(media.port), on_pcm=self._hear)
        self._answered = asyncio.Event()
        self._spoken = asyncio.Event()
        self._finished = asyncio.Event()
        self._loud = self._quiet = 0

    async def answered(self) -> None:
        """Wait for the answer."""
        await self._within(self._answered.wait())

    async def answer(self) -> None:
        """Answer, and wait until that is known."""
        await self._leg.answer()
        await self.answered()

    async def decline(self) -> None:
        """Do not take the call."""
        await self._leg.reject(603)

    async def hear_speech(self) -> None:
        """Wait until somebody speaks, or goes on to."""
        self._spoken.clear()
        self._loud = 0
        await self._within(self._spoken.wait())

    async def hear_out(self) -> None:
        """Wait until somebody has spoken, and has been quiet for a while."""
        await self.hear_speech()
        self._quiet = 0
        self._finished.clear()
        await self._within(self._finished.wait())

    async def speak(self, seconds: float) -> None:
        """Make a sound that can be taken for speech, and be quiet then."""
        count = int(RATE * seconds)
        wave = (9000 * math.sin(0.13 * n) * (0.6 + 0.4 * math.sin(0.002 * n)) for n in range(count))
        self._stream.play(struct.pack(f"<{count}h", *map(int, wave)))
        await self._stream.drain(seconds + 1)

    def press(self, digits: str) -> None:
        """Press keys."""
        self._stream.send_digits(digits)

    async def hang_up(self) -> None:
        """End the call."""
        await self._leg.hang_up()

    async def ended(self) -> None:
        """Wait until the other side has hung up."""
        await self._within(self._leg.wait_ended())

    async def live(self) -> None:
        """Follow what the other side does, to the end."""
        await self._stream.open()
        async for event in self._leg.events:
            match event:
                case MediaNegotiated(media=media):
                    self._stream.configure(format_of(media, sample_rate=RATE), media.remote)
                case Answered():
                    self._answered.set()
                case _:
                    pass

    async def close(self, ports: PortPool) -> None:
        """Hang up if need be, and give the ports back."""
        await self._leg.hang_up()
        await self._stream.close(ports)

    def _hear(self, pcm: bytes) -> None:
        loud = audioop.rms(pcm, 2) > LOUD
        self._loud += loud
        self._quiet = 0 if loud else self._quiet + 1
        if self._loud >= SPEECH_FRAMES:
            self._spoken.set()
        if self._quiet >= QUIET_FRAMES:
            self._finished.set()

    async def _within(self, wait: Coroutine[Any, Any, object]) -> None:
        await asyncio.wait_for(wait, PATIENCE_S)


class Telephone:
    """An async context manager: calls the bridge, and is called by it."""

    def __init__(self, host: str, port: int, *, bridge: str) -> None:
        """`bridge` is the SIP address of the bridge."""
        self._host = host
        self._ports = PortPool(26000, 26099, bind_address=host)
        self._coming: asyncio.Queue[Leg] = asyncio.Queue()
        trunk = Trunk(name="bridge", hosts=(ip_network(f"{host}/32"),), address=bridge)
        self._agent = UserAgent(
            Settings(listen=(Listen(host=host, port=port),), trunks=(trunk,)),
            on_invite=self._coming.put_nowait,
            lease=lambda _: self._lease(),
        )

    async def __aenter__(self) -> "Telephone":
        await self._agent.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._agent.__aexit__(kind, error, trace)
        self._ports.close()

    @contextlib.asynccontextmanager
    async def dial(self, user: str) -> AsyncIterator[PhoneCall]:
        """Call a user of the bridge; hung up at the end."""
        media = self._lease()
        leg = await self._agent.dial("bridge", user, media=media, from_user="caller")
        async with self._living(leg, media) as call:
            yield call

    @contextlib.asynccontextmanager
    async def called(self) -> AsyncIterator[PhoneCall]:
        """Wait to be called, and ring; hung up at the end."""
        leg = await asyncio.wait_for(self._coming.get(), PATIENCE_S)
        assert leg.invite is not None
        await leg.ring()
        async with self._living(leg, leg.invite.media) as call:
            yield call

    @contextlib.asynccontextmanager
    async def _living(self, leg: Leg, media: MediaAddress) -> AsyncIterator[PhoneCall]:
        call = PhoneCall(leg, media, self._ports)
        living = asyncio.create_task(call.live(), name=f"phone call {leg.id}")
        try:
            yield call
        finally:
            await call.close(self._ports)
            living.cancel()

    def _lease(self) -> MediaAddress:
        return MediaAddress(host=self._host, port=self._ports.lease().rtp_port)
