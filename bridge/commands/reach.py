"""What it takes to reach a running service: where it listens, its token, its database."""

import os
from collections.abc import Mapping
from pathlib import Path

from bridge.config import ConfigError, ControlConfig, JournalConfig, load
from bridge.configuration.document import Document
from bridge.configuration.environment import UNSET
from bridge.configuration.mistakes import Mistake
from bridge.configuration.section import Section

__all__ = ["Reach", "find"]


class Reach(Section):
    """The sections of the configuration that tell it."""

    control: ControlConfig = ControlConfig()
    journal: JournalConfig = JournalConfig()


def find(path: Path, env: Mapping[str, str] = os.environ) -> Reach:
    """Read them from the file at `path`. Raises ConfigError holding every mistake in it.

    But variables that only other sections name need not be set: secrets of trunks and agents are
    the service's, and not of every shell in which somebody looks at its calls.
    """
    try:
        config = load(path, env)
    except ConfigError as error:
        if not all(_elsewhere(mistake) for mistake in error.mistakes):
            raise
    else:
        return Reach(control=config.control, journal=config.journal)
    data = Document.parse(path.read_text(encoding="utf-8"), env).data
    told = {name: data[name] for name in Reach.model_fields if data.get(name) is not None}
    return Reach.model_validate(told, context={"folder": path.parent})


def _elsewhere(mistake: Mistake) -> bool:
    """Whether it is a variable that is not set, and not one of those sections'."""
    unset = mistake.message.startswith(UNSET)
    return unset and mistake.path.partition(".")[0] not in Reach.model_fields
