"""What a configuration mentions by name has to be there: agents and trunks."""

from collections.abc import Iterator
from itertools import chain

from bridge.configuration.document import Document, Location
from bridge.configuration.mistakes import Mistake, nearest
from bridge.configuration.plain import agents_and_routes, listed, named, names, names_under

__all__ = ["mistakes"]


def mistakes(document: Document) -> list[Mistake]:
    """Return what `document` names without having it."""
    rules = (_routes, _outbound, _transfers, _failures, _shared)
    return list(chain.from_iterable(rule(document) for rule in rules))


def _routes(document: Document) -> Iterator[Mistake]:
    for position, route in listed(document, "routes"):
        for key, section in (("agent", "agents"), ("trunk", "trunks")):
            known = names(document, section)
            yield from _unknown(document, ("routes", position, key), key, route.get(key), known)


def _outbound(document: Document) -> Iterator[Mistake]:
    known = names(document, "trunks")
    for position, entry in listed(document, "outbound"):
        trunks = entry.get("trunks")
        for name in trunks if isinstance(trunks, list) else []:
            yield from _unknown(document, ("outbound", position, "trunks"), "trunk", name, known)


def _transfers(document: Document) -> Iterator[Mistake]:
    for name, agent in named(document, "agents"):
        yield from _trunks_named(document, ("agents", name, "transfer"), agent.get("transfer"))


def _failures(document: Document) -> Iterator[Mistake]:
    """The agents and trunks that failure steps name have to be there."""
    for place, entry in agents_and_routes(document):
        steps = entry.get("on_agent_failure")
        for position, step in enumerate(steps if isinstance(steps, list) else []):
            location = (*place, "on_agent_failure", position)
            named_in = {"agent": step} if isinstance(step, str) else step
            name = named_in.get("agent") if isinstance(named_in, dict) else None
            if name != "resume":
                known = names(document, "agents")
                yield from _unknown(document, location, "agent", name, known)
            yield from _trunks_named(document, location, named_in)


def _trunks_named(document: Document, place: Location, section: object) -> Iterator[Mistake]:
    """The key `trunk` of a section, which names one trunk or several."""
    trunk = section.get("trunk") if isinstance(section, dict) else None
    for name in trunk if isinstance(trunk, list) else [trunk]:
        yield from _unknown(document, place, "trunk", name, names(document, "trunks"))


def _shared(document: Document) -> Iterator[Mistake]:
    for section in ("trunks", "agents"):
        kind, known = section.removesuffix("s"), names(document, section)
        for name in names_under(document.data, "shared", section):
            yield from _unknown(document, ("shared", section, name), kind, name, known)


def _unknown(
    document: Document, location: Location, kind: str, name: object, known: list[str]
) -> Iterator[Mistake]:
    if isinstance(name, str) and name not in known:
        message = f"there is no {kind} named {name}"
        yield document.mistake(location, message, nearest(name, known))
