"""The SIP user agent for asyncio: trunks, inbound legs, outbound legs.

SIP thread ─── events ──> UserAgent ──> on_invite, Leg.events, on_event
           <── commands ──          <── dial, Leg.ring, answer, hang_up, …
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import TracebackType

from sip.commands import Admit, Dial, HangUp, Probe, Refusal
from sip.events import Ended, Event, Invite, LegEvent, RegistrationChanged
from sip.leg import Leg
from sip.media import MediaAddress
from sip.resolving import keep_resolving
from sip.servers import Directory, Server, Servers
from sip.settings import Listen, Settings
from sip.stack import Hooks, SipError, Stack, StackStats
from sip.trunk import Registration, RegistrationState, Trunk, new_token

__all__ = ["UserAgent"]

log = logging.getLogger("sip.user_agent")


class UserAgent:
    """Our SIP endpoint as a whole: an async context manager.

    Entering binds the listeners and starts to register; it raises ListenError. Leaving
    unregisters, ends the legs that are left and stops the SIP thread.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_invite: Callable[[Leg], None],
        lease: Callable[[str], MediaAddress | None],
        unlease: Callable[[MediaAddress], None] = lambda media: None,
        on_event: Callable[[Event], None] = lambda event: None,
        stack: Stack | None = None,
    ) -> None:
        """``lease`` and ``unlease`` are called on the SIP thread and must be fast.

        ``on_invite`` gets each inbound leg, with ``leg.invite.media`` leased for it; who gets
        the leg gives the lease back after its ``Ended``. ``unlease`` takes back what never
        came that far, also when ``on_invite`` raises: then the call is refused with 500.
        """
        self._settings = settings
        self._on_invite = on_invite
        self._on_event = on_event
        self._lease = lease
        self._unlease = unlease
        self._stack = stack if stack is not None else _pjsua()
        self._trunks: dict[str, Trunk] = {trunk.name: trunk for trunk in settings.trunks}
        self._registrations: dict[str, tuple[Registration, float]] = {}
        self._legs: dict[str, Leg] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.servers = Servers(settings.trunks, Directory(settings.nameservers))
        """Of trunks' calls; ``dial`` is told which one, where there are several."""
        self._resolving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "UserAgent":
        loop = self._loop = asyncio.get_running_loop()
        hooks = Hooks(emit=self._emit, lease=self._lease, unlease=self._unlease)
        try:
            await loop.run_in_executor(None, self._stack.start, self._settings, hooks)
        except BaseException:
            await loop.run_in_executor(None, self._stack.stop)
            raise
        await self.servers.look_up()
        resolving = keep_resolving(self._settings.trunks, self._stack, self.servers)
        self._resolving = asyncio.create_task(resolving, name="sip resolver")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._resolving is not None:
            self._resolving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._resolving
        await asyncio.get_running_loop().run_in_executor(None, self._stack.stop)
        await asyncio.sleep(0)  # the last events are already queued on the loop

    @property
    def trunks(self) -> Mapping[str, Registration]:
        """Every trunk's registration, with the seconds as they stand now."""
        now = time.monotonic()
        return {name: self._registration(name, now) for name in self._trunks}

    @property
    def stats(self) -> StackStats:
        """Counters of the SIP side."""
        return self._stack.stats

    @property
    def listening(self) -> tuple[Listen, ...]:
        """Where it really listens; ports chosen by the system filled in."""
        return self._stack.listening

    @property
    def legs(self) -> Mapping[str, Leg]:
        """The legs alive, by id."""
        return self._legs

    def peer_host(self, trunk: str) -> str:
        """The host that outbound calls of a trunk go to. Raises SipError."""
        target = self._trunk(trunk).target
        if target is None:
            raise SipError(f"trunk {trunk} has no address for outbound calls")
        return self.servers.address(trunk) or target.host

    async def dial(
        self,
        trunk: str,
        to: str,
        *,
        media: MediaAddress,
        from_user: str = "",
        display: str = "",
        headers: Mapping[str, str] | None = None,
        codecs: tuple[str, ...] = (),
        server: Server | None = None,
    ) -> Leg:
        """Call a number, or a sip: address, through a trunk; the leg's events tell the rest.

        ``media`` stays the caller's. Raises SipError when no INVITE could be made of it.
        """
        try:
            uri = (known := self._trunk(trunk)).request_uri(to)
        except ValueError as error:
            raise SipError(str(error)) from error
        leg = Leg(new_token(), trunk=known, stack=self._stack)
        self._legs[leg.id] = leg
        command = Dial(
            leg=leg.id,
            trunk=trunk,
            uri=uri,
            from_user=from_user,
            display=display,
            media=media,
            headers=headers or {},
            codecs=codecs,
            route=server.route if server is not None else "",
        )
        placed = asyncio.wrap_future(self._stack.submit(command))
        try:
            await asyncio.shield(placed)
        except asyncio.CancelledError:
            placed.add_done_callback(partial(self._unwanted, leg))
            raise
        except (SipError, ValueError) as error:
            self._legs.pop(leg.id, None)
            raise SipError(str(error)) from error
        return leg

    def _unwanted(self, leg: Leg, placed: "asyncio.Future[None]") -> None:
        """Its INVITE is out by now, and whoever wanted it has gone: no phone is to ring for it."""
        if placed.cancelled() or placed.exception() is not None:
            self._legs.pop(leg.id, None)
        else:
            self._stack.submit(HangUp(leg=leg.id))

    def set_admission(self, refuse: Refusal | None) -> None:
        """Have new INVITEs refused on the SIP thread from now on, or (None) taken again."""
        self._stack.submit(Admit(refuse=refuse))

    async def answers(self, timeout_s: float) -> bool:
        """Whether the SIP thread obeys within so many seconds."""
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._stack.submit(Probe())), timeout_s)
        except (TimeoutError, SipError):
            return False
        return True

    def _trunk(self, name: str) -> Trunk:
        trunk = self._trunks.get(name)
        if trunk is None:
            raise SipError(f"there is no trunk {name}")
        return trunk

    def _registration(self, name: str, now: float) -> Registration:
        known = self._registrations.get(name)
        if known is None:
            none = self._trunks[name].registrar is None
            state = RegistrationState.NONE if none else RegistrationState.UNREGISTERED
            return Registration(trunk=name, state=state)
        registration, at = known
        passed = now - at
        return replace(
            registration,
            expires_s=_less(registration.expires_s, passed),
            retry_in_s=_less(registration.retry_in_s, passed),
        )

    def _emit(self, event: Event) -> None:
        """Carry an event from the SIP thread to the loop; after the loop's end it is lost."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._take, event)
        except RuntimeError:
            if isinstance(event, Invite):
                self._unlease(event.media)

    def _take(self, event: Event) -> None:
        match event:
            case Invite():
                self._invited(event)
            case LegEvent(leg=leg_id):
                leg = self._legs.get(leg_id)
                if leg is not None:
                    leg.take(event)
                    if isinstance(event, Ended):
                        del self._legs[leg_id]
            case RegistrationChanged(registration=registration):
                self._registrations[registration.trunk] = (registration, time.monotonic())
        self._on_event(event)

    def _invited(self, invite: Invite) -> None:
        trunk = self._trunk(invite.trunk)
        leg = Leg(invite.leg, trunk=trunk, stack=self._stack, invite=invite)
        self._legs[leg.id] = leg
        try:
            self._on_invite(leg)
        except Exception:
            log.exception("= nobody took leg %s", leg.id)
            self._unlease(invite.media)
            self._stack.submit(HangUp(leg=leg.id, code=500))


def _less(seconds: float | None, passed: float) -> float | None:
    return None if seconds is None else max(0.0, seconds - passed)


def _pjsua() -> Stack:
    from sip.pjsua import PjsuaStack  # noqa: PLC0415 -- tests with a fake need no pjsua2

    return PjsuaStack()
