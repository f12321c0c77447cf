"""The configuration: a file in, checked values or every mistake out.

    file ──> Document (YAML, ${ENV}) ──> sections (each value) ──> consistency (values together)

Every mistake of the three steps is found before any is told.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, PrivateAttr, ValidationError

from bridge.configuration import consistency, doubts
from bridge.configuration.agents import AgentConfig
from bridge.configuration.complaints import UNKNOWN_KEY, complaints
from bridge.configuration.document import Document, Location
from bridge.configuration.fields import Name
from bridge.configuration.mistakes import ConfigError, Mistake
from bridge.configuration.outbound import OutboundRoute
from bridge.configuration.recordings import RecordingConfig, RecordingsConfig
from bridge.configuration.section import Section
from bridge.configuration.sections import (
    AdmissionConfig,
    ControlConfig,
    JournalConfig,
    LogConfig,
    MediaConfig,
    Route,
    SipConfig,
    TlsConfig,
    ToolsConfig,
    UltravoxConfig,
)
from bridge.configuration.shared import SharedConfig
from bridge.configuration.trunks import TrunkConfig
from bridge.configuration.webhooks import WebhookConfig

__all__ = [
    "AdmissionConfig",
    "AgentConfig",
    "Config",
    "ConfigError",
    "ControlConfig",
    "JournalConfig",
    "LogConfig",
    "MediaConfig",
    "Mistake",
    "RecordingConfig",
    "RecordingsConfig",
    "Route",
    "SharedConfig",
    "SipConfig",
    "TlsConfig",
    "ToolsConfig",
    "TrunkConfig",
    "UltravoxConfig",
    "WebhookConfig",
    "load",
    "parse",
]


class Config(Section):
    """All of it. `load` reads it from a file."""

    sip: SipConfig = SipConfig()
    admission: AdmissionConfig = AdmissionConfig()
    media: MediaConfig = MediaConfig()
    ultravox: UltravoxConfig = UltravoxConfig()
    trunks: dict[Name, TrunkConfig] = Field(default_factory=dict)
    agents: Annotated[dict[Name, AgentConfig], Field(min_length=1)]
    routes: tuple[Route, ...] = ()
    """The first that matches a call decides; outbound calls name their agent instead."""
    tools: ToolsConfig = ToolsConfig()
    outbound: tuple[OutboundRoute, ...] = ()
    """Through which trunks calls go out, where an order names none; the first that matches."""
    control: ControlConfig = ControlConfig()
    journal: JournalConfig = JournalConfig()
    recordings: RecordingsConfig = RecordingsConfig()
    webhooks: tuple[WebhookConfig, ...] = ()
    shared: SharedConfig = SharedConfig()
    log: LogConfig = LogConfig()

    _warnings: tuple[Mistake, ...] = PrivateAttr(default=())
    _document: Document = PrivateAttr(default_factory=Document)
    _source: str = PrivateAttr(default="configuration")
    _folder: Path = PrivateAttr(default_factory=Path)

    @property
    def warnings(self) -> tuple[Mistake, ...]:
        """What works and is probably not meant."""
        return self._warnings

    @property
    def source(self) -> str:
        """The file's name."""
        return self._source

    @property
    def folder(self) -> Path:
        """The file's folder, where relative names start and your modules are looked for."""
        return self._folder

    def mistake(self, location: Location, message: str) -> Mistake:
        """A mistake at `location` that only shows later, with its line."""
        return self._document.mistake(location, message)


def load(path: Path | str, env: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration file at `path`. Raises ConfigError holding every mistake."""
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}; -c FILE or UVBRIDGE_CONFIG names it"
        raise ConfigError(str(path), [Mistake(path="", message=reason)]) from error
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        raise ConfigError(str(path), [Mistake(path="", message=reason)]) from error
    return parse(text, env, source=str(path), folder=path.parent)


def parse(
    text: str, env: Mapping[str, str], *, source: str = "configuration", folder: Path = Path()
) -> Config:
    """Read a configuration from YAML `text`; relative file names start at `folder`.

    Raises ConfigError holding every mistake, in the order of the file.
    """
    document = Document.parse(text, env)
    if not document.readable:
        raise ConfigError(source, document.mistakes)
    config, found = _validate(document, folder)
    found += consistency.mistakes(document)
    mistakes = document.mistakes + _unsaid(found, document.mistakes)
    if config is None or mistakes:
        raise ConfigError(source, sorted(mistakes, key=lambda mistake: mistake.line or 0))
    config._document, config._source, config._folder = document, source, folder
    config._warnings = tuple(doubts.warnings(config, document))
    return config


def _validate(document: Document, folder: Path) -> tuple[Config | None, list[Mistake]]:
    """Check each value by itself."""
    data = document.data
    if isinstance(data, dict):
        # A section whose keys are all commented out stands for its defaults.
        data = {key: value for key, value in data.items() if value is not None}
    try:
        return Config.model_validate(data, context={"folder": folder}), []
    except ValidationError as error:
        return None, complaints(error, Config, document)


def _unsaid(found: list[Mistake], said: list[Mistake]) -> list[Mistake]:
    """Drop what only follows from another mistake: it helps nobody."""
    places = {mistake.path for mistake in said}
    for mistake in found:
        if mistake.nearest is not None:
            # A misspelt key is not missing as well.
            section = mistake.path.rpartition(".")[0]
            places |= {section, f"{section}.{mistake.nearest}"}
    unsaid: list[Mistake] = []
    for mistake in found:
        if mistake.path not in places or mistake.message == UNKNOWN_KEY:
            places.add(mistake.path)
            unsaid.append(mistake)
    return unsaid
