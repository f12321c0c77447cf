"""A call as its scenario sees it."""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar, Unpack, overload

from bridge import bridging
from bridge import call as engine
from bridge.agents.talk import Talk
from bridge.errors import Hangup, NotNow
from bridge.facts import Facts
from bridge.happenings import Event
from bridge.outbound.order import trunks_named
from bridge.outcome import Cause, Outcome, Result
from bridge.parties import arrivals
from bridge.parties.party import Party
from bridge.scenario.listening import Listening
from bridge.scenario.sound import Sound
from bridge.transfer import Mode, TransferOrder, TransferResult, TransferTerms, transfer

__all__ = ["Call"]

NO_HEADERS: Mapping[str, str] = {}

E = TypeVar("E", bound=Event)
R = TypeVar("R")


class Call(Sound):
    """What a scenario does to its call.

    Whatever ends the call (a hang-up anywhere, an order of the operator) cancels the scenario.
    What a method raises and the scenario does not catch ends the call with its cause.
    """

    def __init__(self, call: engine.Call) -> None:
        super().__init__(call)
        self._listening = Listening(call)

    def __repr__(self) -> str:
        return f"<Call {self.id}>"

    @property
    def id(self) -> str:
        """Its name in the log, the API and the journal."""
        return self._call.id

    @property
    def facts(self) -> Facts:
        """Who calls whom, through which trunk, with which headers and variables."""
        return self._call.facts

    @property
    def transferring(self) -> bool:
        """Whether a transfer is under way."""
        return self._call.transfers.under_way

    # Before the answer.

    async def ring(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Say 180: the phone rings here."""
        await self._call.inbound_leg().ring(headers)
        self._call.chronicle.reach("ringing")

    async def early_media(
        self,
        source: Talk | Path | str | None = None,
        *,
        loop: bool = False,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        """Say 183, so that the caller hears something before the answer: an agent, or a file.

        Returns when the file has been played; with `loop`, and with an agent, at once.
        """
        await self._call.inbound_leg().progress(headers)
        await self.leg.negotiated.wait()
        self._call.chronicle.reach("early-media")
        if isinstance(source, Talk):
            bridging.connect(self._call, self.leg, source)
            source.begin()  # noqa: ASYNC240 - it is no path
        elif source is not None:
            await self.play(source, to=self.leg, loop=loop)

    async def answer(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Answer, and wait until the caller has acknowledged it. Agents are heard from then on."""
        leg = self._call.inbound_leg()
        self._call.refusable = False
        await leg.answer(headers)
        await self.leg.answered.wait()
        self._call.attendance.guard(self.leg)
        await self._call.recorder.start_as_planned()
        self._let_speak()

    async def reject(
        self, code: int = 603, reason: str = "", headers: Mapping[str, str] = NO_HEADERS
    ) -> NoReturn:
        """Refuse the call with a SIP status of 400 to 699, which ends it."""
        await self._refuse(self._call.inbound_leg().reject(code, reason, headers), code)

    async def redirect(
        self, targets: Sequence[str], *, code: int = 302, headers: Mapping[str, str] = NO_HEADERS
    ) -> NoReturn:
        """Send the caller elsewhere with a SIP status of 300 to 399, which ends the call."""
        await self._refuse(self._call.inbound_leg().redirect(targets, code, headers), code)

    async def dial(
        self,
        to: str | None = None,
        *,
        name: str = "second",
        trunk: str | Sequence[str] | None = None,
        timeout_s: float | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        caller_id: str = "",
        meanwhile: Talk | None = None,
    ) -> Party:
        """Dial one more party and wait for its answer; without `to`, whom the order named.

        It goes through `trunk`, or one after another where that names several; where none is
        named, as `outbound` of the configuration says, or through the call's own. Each may let it
        ring for `timeout_s`.

        Raises NotAnswered, whose `outcome` says why. Of the ordered party that is the end of the
        call, and so is an agent `meanwhile` that cannot be made. Raises NotNow where nobody was
        ordered.
        """
        if to is None:
            if self._call.hunt is None:
                raise NotNow("the call came in: there is nobody that it was ordered to reach")
            await arrivals.place(self._call, meanwhile)
            return self.leg
        return await arrivals.dial(
            self._call,
            to,
            name=name,
            trunks=trunks_named(trunk),
            timeout_s=timeout_s,
            headers=headers,
            caller_id=caller_id,
        )

    # Agents.

    def prepare_agent(self, name: str | None = None, **body: Any) -> Talk:
        """Begin to create an agent's Ultravox call, which `join` puts on this one.

        `name` is that of the configuration, and the route's own where there is none; what `body`
        holds is laid over the request's body.
        """
        return self._call.talks.prepare(name, body)

    async def create_agent(self, name: str | None = None, **body: Any) -> Talk:
        """Create and join an agent, as `prepare_agent`. Raises AgentError."""
        return await self.join(self.prepare_agent(name, **body))

    async def join_agent(self, join_url: str) -> Talk:
        """Join an Ultravox call that somebody else created. Raises AgentError."""
        return await self.join(self._call.talks.prepare(None, {}, join_url=join_url))

    async def join(self, agent: Talk) -> Talk:
        """Put a prepared agent on the call. Raises AgentError."""
        await self._call.talks.join(agent)
        return agent

    async def converse(self, agent: Talk) -> None:
        """Let them talk until the agent's side ends it, which ends the call."""
        await self._call.talks.converse(agent)

    # Elsewhere.

    async def transfer(
        self, to: str, *, mode: Mode = "blind", **terms: Unpack[TransferTerms]
    ) -> TransferResult:
        """Transfer the first party to a number or SIP address; `TransferOrder` tells the terms.

        By REFER that ends the call. Otherwise this returns when the legs are joined, or when that
        failed and the caller is back with the agent: `done` says which. Raises NotNow.
        """
        return await transfer(self._call, TransferOrder(to=to, mode=mode, **terms))

    # Its end, and what happens before.

    async def end(self, cause: Cause = Cause.SCENARIO_ENDED, detail: str = "") -> NoReturn:
        """End the call; this does not return."""
        raise Hangup(Outcome(result=Result.SUCCESS, cause=cause, detail=detail))

    def on(self, kind: type[E]) -> Callable[[Callable[[E], R]], Callable[[E], R]]:
        """Have a function or coroutine function called with each event of a kind.

        @call.on(events.Transcript)
        def note(event): ...
        """

        def attach(reaction: Callable[[E], R]) -> Callable[[E], R]:
            self._listening.attach(kind, reaction)
            return reaction

        return attach

    @overload
    def events(self) -> AsyncIterator[Event]: ...
    @overload
    def events(self, *kinds: type[E]) -> AsyncIterator[E]: ...
    def events(self, *kinds: type[Event]) -> AsyncIterator[Event]:
        """The events from now on, as they come; of those kinds only, where some are named."""
        return self._listening.events(kinds or (Event,))

    async def _refuse(self, refusal: Coroutine[Any, Any, None], code: int) -> NoReturn:
        cause = Cause.SCENARIO_ENDED
        outcome = Outcome(result=Result.SUCCESS, cause=cause, sip_code=code)
        self._call.last_word = outcome
        await refusal
        raise Hangup(outcome)
