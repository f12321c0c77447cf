"""What a configuration says of tools that only their modules can tell is wrong."""

import importlib.util
from collections.abc import Iterator, Mapping

from bridge.config import Config
from bridge.configuration.agents import AgentConfig, McpServer
from bridge.configuration.mistakes import Mistake
from bridge.tools.builtin import BUILT_IN
from bridge.tools.catalogue import Catalogue

__all__ = ["mistakes", "named", "told"]


def named(config: Config) -> tuple[list[str], list[McpServer]]:
    """The functions and the MCP servers that agents name, each once."""
    references: dict[str, None] = {}
    servers: dict[str, McpServer] = {}
    for agent in config.agents.values():
        for each in agent.tools:
            if isinstance(each, McpServer):
                servers.setdefault(each.key, each)
            elif each not in BUILT_IN:
                references[each] = None
    return list(references), list(servers.values())


def mistakes(config: Config) -> list[Mistake]:
    """Import what the configuration names, here and now, and tell what is wrong with it."""
    references, _ = named(config)
    catalogue = Catalogue(config.folder)
    catalogue.load(references)
    names = {key: tool.name for key, tool in catalogue.functions.items()}
    return told(config, names, catalogue.mistakes)


def told(config: Config, names: Mapping[str, str], wrong: Mapping[str, str]) -> list[Mistake]:
    """What is wrong, each with its place.

    `names` are those that agents know functions by, by their references; `wrong` says why a
    reference leads to no tool.
    """
    found: list[Mistake] = []
    installed = importlib.util.find_spec("mcp") is not None
    for agent_name, agent in config.agents.items():
        for position, text in _of_agent(agent, names, wrong, mcp=installed):
            location = ("agents", agent_name, "tools", position)
            found.append(config.mistake(location, text))
    return found


def _of_agent(
    agent: AgentConfig, names: Mapping[str, str], wrong: Mapping[str, str], *, mcp: bool
) -> Iterator[tuple[int, str]]:
    """Positions of tools in the agent's list, and what is wrong with them."""
    taken: set[str] = set()
    for position, each in enumerate(agent.tools):
        if isinstance(each, McpServer):
            if not mcp:
                yield position, "MCP servers need a package: pip install 'uvbridge[mcp]'"
            continue
        if each in wrong:
            yield position, wrong[each]
            continue
        name = names.get(each, each)
        if name in taken:
            yield position, f"the agent has a tool {name} already; name one by @tool(name=…)"
        taken.add(name)
