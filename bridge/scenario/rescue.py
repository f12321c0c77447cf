"""What happens to a call whose agent cannot be had, or is lost: the configured steps, in turn."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from bridge.agents.talk import Talk
from bridge.configuration.failures import FailureStep
from bridge.errors import AgentError, Full, Hangup, NoPorts, NotAnswered, OrderError
from bridge.media import wav
from bridge.media.wav import BadSound
from bridge.parties import prompts
from bridge.scenario.call import Call

__all__ = ["Rescue"]

log = logging.getLogger("bridge.scenario")

SETTLED_S = 30.0
"""An agent that lives so long has been had: the next loss begins with the first step again."""
_DIALLING_FAILED = (NotAnswered, OrderError, Full, NoPorts)


class Rescue:
    """The steps of one call, and how far they have been tried."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._engine = call._call
        self._clock = asyncio.get_running_loop().time
        self._next = 0
        self._settles = 0.0

    @property
    def possible(self) -> bool:
        """Whether there is anything to try."""
        return bool(self._engine.plan.failure_steps)

    async def replace(self, error: AgentError, lost: Talk) -> Talk:
        """An agent who has joined in place of `lost`. Raises `error` where nothing helps.

        Transferring the caller, or playing a file, takes until the end of the call.
        """
        engine = self._engine
        engine.note("agent-failed", agent=lost.agent.name, cause=error.cause, detail=error.detail)
        await engine.talks.dismiss(lost)
        if self._clock() > self._settles:
            self._next = 0
        steps = engine.plan.failure_steps
        while self._next < len(steps):
            step = steps[self._next]
            self._next += 1
            engine.note("fallback", step=step.kind)
            if (talk := await self._try(step, error, lost)) is not None:
                self._settles = self._clock() + SETTLED_S
                return talk
        raise error

    async def _try(self, step: FailureStep, error: AgentError, lost: Talk) -> Talk | None:
        match step.kind:
            case "resume" if lost.ultravox_call_id and lost.session is not None:
                query = {"priorCallId": lost.ultravox_call_id}
                return await self._agent(step, lost.agent.name, query)
            case "agent":
                return await self._agent(step, step.agent)
            case "transfer":
                await self._transfer(step)
            case "play":
                await self._play(step, error)
            case "reject":
                assert step.reject is not None
                raise Hangup(replace(error.outcome, sip_code=step.reject)) from error
            case _:
                pass
        return None

    async def _agent(
        self, step: FailureStep, name: str | None, query: dict[str, str] | None = None
    ) -> Talk | None:
        talk = self._engine.talks.prepare(name, query=query)
        try:
            async with self._waiting(step), asyncio.timeout(step.timeout_s):
                await self._engine.talks.join(talk)
        except (AgentError, TimeoutError) as failure:
            await self._engine.talks.dismiss(talk)
            self._engine.note("fallback-failed", step=step.kind, detail=str(failure) or "timeout")
            return None
        return talk

    async def _transfer(self, step: FailureStep) -> None:
        assert step.transfer is not None
        try:
            async with self._waiting(step):
                other = await self._call.dial(
                    step.transfer, name="transfer", trunk=step.trunk, timeout_s=step.timeout_s
                )
        except _DIALLING_FAILED as failure:
            self._engine.note("fallback-failed", step=step.kind, detail=str(failure.outcome))
            return
        if not self._call.leg.answered.is_set():
            await self._call.answer()
        self._call.bridge(self._call.leg, other)
        self._engine.note("transferred", to=step.transfer, mode="bridged", code=200, reason="")
        await asyncio.Event().wait()  # the legs end the call

    async def _play(self, step: FailureStep, error: AgentError) -> None:
        assert step.play is not None
        try:
            await wav.load(step.play, self._call.leg.rate)
        except BadSound as failure:
            self._engine.note("fallback-failed", step=step.kind, detail=str(failure))
            return
        if not self._call.leg.answered.is_set():
            await self._call.answer()
        await self._call.play(step.play)
        raise error

    @contextlib.asynccontextmanager
    async def _waiting(self, step: FailureStep) -> AsyncIterator[None]:
        """A caller who has been answered hears that something is still going on."""
        party = self._call.leg
        if not party.answered.is_set():
            yield
            return
        await self._sound(step.music)
        try:
            yield
        finally:
            prompts.silence(party)

    async def _sound(self, music: Path | None) -> None:
        """Begin with the music, or with a tone where there is none, or none that can be played."""
        try:
            if music is not None:
                await prompts.play(self._engine, self._call.leg, music, loop=True)
                return
        except BadSound as error:
            log.warning("= call %s hears a tone: %s", self._engine.id, error)
        prompts.beep(self._engine, self._call.leg)
