"""The section of the configuration that says what happens where an agent cannot be had."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bridge.configuration.fields import Sound, Text
from bridge.configuration.section import Seconds, Section
from bridge.outbound.order import Trunks

__all__ = ["FailureStep", "FailureSteps", "StepKind"]

StepKind = Literal["agent", "resume", "play", "transfer", "reject"]
KINDS: tuple[StepKind, ...] = ("agent", "resume", "play", "transfer", "reject")


class FailureStep(Section):
    """One thing to try: exactly one of agent, resume, play, transfer and reject."""

    agent: Text | None = None
    """Another agent takes the call."""
    resume: bool | None = None
    """The lost agent goes on in a new Ultravox call that knows what was said (priorCallId)."""
    play: Sound | None = None
    """A WAV file is played, then the call ends."""
    transfer: Text | None = None
    """A number or SIP address is called, and joined with the caller."""
    reject: Annotated[int | None, Field(ge=400, le=699)] = None
    """The call is refused with that SIP status; an answered one is hung up."""
    timeout_s: Seconds = 10.0
    """How long it may take until there is an agent, or somebody has answered."""
    trunk: Trunks = ()
    """Through which to transfer, one or several; as `outbound` says, or the call's own, where none.
    """
    music: Sound | None = None
    """WAV file for a caller who waits; a tone now and then where None."""

    @property
    def kind(self) -> StepKind:
        """Which of the five it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"should say exactly one of {', '.join(KINDS)}")
        return self


def _step(value: Any) -> Any:
    """A word alone is `resume`, or the name of an agent."""
    if isinstance(value, str):
        return {"resume": True} if value == "resume" else {"agent": value}
    return value


FailureSteps = tuple[Annotated[FailureStep, BeforeValidator(_step)], ...]
