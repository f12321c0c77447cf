"""The section of the configuration that names your servers which are told of calls."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from bridge.configuration.fields import CaFile, HttpUrl, Secret
from bridge.configuration.section import Seconds, Section, distinct

__all__ = ["WebhookConfig"]

WebhookEvent = Literal[
    "call.started",
    "call.ringing",
    "call.answered",
    "call.transferred",
    "call.ended",
    "recording.ready",
]


class WebhookConfig(Section):
    """A server of yours that is told what happens to calls."""

    url: HttpUrl
    secret: Secret
    """What deliveries are signed with."""
    former_secret: Secret | None = None
    """They are signed with this one as well, while receivers change over."""
    events: Annotated[tuple[WebhookEvent, ...], Field(min_length=1), AfterValidator(distinct)] = (
        get_args(WebhookEvent)
    )
    timeout_s: Seconds = 10.0
    """How long one try may take."""
    give_up_h: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 24.0
    """Hours after which a delivery that fails is not tried again."""
    keep_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 100.0
    """Megabytes (10^6 bytes) of bodies that may wait; beyond them the oldest are given up. 0 is
    without limit."""
    ca_file: CaFile | None = None
    """PEM authorities instead of the system's."""
