"""Finds the scenarios that a configuration names."""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.config import Config
from bridge.configuration.document import Location
from bridge.configuration.fields import Reference
from bridge.configuration.mistakes import ConfigError
from bridge.configuration.reference import BadReference, find
from bridge.facts import Direction
from bridge.scenario import default
from bridge.scenario.running import Scenario, complaint

__all__ = ["Scenarios", "load"]


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Those that were found, by where the configuration names them."""

    found: dict[Reference, Scenario]

    def choose(self, *codes: Reference | None, direction: Direction) -> Scenario:
        """The first that is named; the default one of that direction where none is."""
        for code in codes:
            if code is not None:
                return self.found[code]
        return default.Inbound if direction is Direction.INBOUND else default.Outbound

    def __bool__(self) -> bool:
        return bool(self.found)


def load(config: Config) -> Scenarios:
    """Import every scenario. Raises ConfigError, holding all mistakes."""
    found: dict[Reference, Scenario] = {}
    mistakes = []
    for place, code in _named(config):
        try:
            scenario = find(code.name, code.folder)
        except BadReference as error:
            mistakes.append(config.mistake(place, str(error)))
            continue
        if (wrong := complaint(scenario)) is not None:
            mistakes.append(config.mistake(place, f"{code.name} {wrong}"))
        found[code] = scenario
    if mistakes:
        raise ConfigError(config.source, mistakes)
    return Scenarios(found)


def _named(config: Config) -> Iterator[tuple[Location, Reference]]:
    for name, agent in config.agents.items():
        if agent.scenario is not None:
            yield ("agents", name, "scenario"), agent.scenario
    for position, route in enumerate(config.routes):
        if route.scenario is not None:
            yield ("routes", position, "scenario"), route.scenario
