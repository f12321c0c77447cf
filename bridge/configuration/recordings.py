"""The sections of the configuration that say what is recorded, and where it is kept."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.configuration.fields import OutputPath, Sound, Text
from bridge.configuration.section import Section
from bridge.recording import names

__all__ = ["RecordingConfig", "RecordingsConfig"]


class RecordingConfig(Section):
    """How the calls of an agent, or of a route, are recorded."""

    auto: bool = False
    """Record each call from its answer on; otherwise when the API says so."""
    format: Literal["wav", "flac", "opus"] = "wav"
    announcement: Sound | None = None
    """WAV file played to the caller before a recording starts."""
    pause: Literal["silence", "cut"] = "silence"
    """What a pause leaves in the file: silence of its length, or nothing."""
    hold: Literal["silence", "cut"] = "silence"
    """The same for the time that a call is held."""


class RecordingsConfig(Section):
    """Where recordings are kept, and for how long."""

    folder: OutputPath | None = None
    """None records nothing."""
    name: Annotated[Text, AfterValidator(names.check)] = "{date}/{time}-{agent}-{id}"
    """Path below the folder, without the suffix."""
    keep_days: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Age at which recordings are removed; 0 never."""
    keep_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Megabytes of all recordings together at which the oldest go; 0 without limit."""
