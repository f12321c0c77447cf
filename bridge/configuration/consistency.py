"""What the values of a configuration say together.

Mistakes are sought in the plain data, not in the validated models: they must be found even where
another value nearby is wrong. Values whose form is wrong are passed over here.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, TypeVar

from bridge.configuration.document import Document, Location
from bridge.configuration.endpoints import Endpoint, ListenUrl, PortRange, goes_by_tls
from bridge.configuration.mistakes import Mistake, nearest
from bridge.configuration.sections import DEFAULT_LISTEN, DEFAULT_MAX_CALLS, DEFAULT_PORTS
from bridge.recording.files import coded_available
from rtp.codec import ENCODINGS

__all__ = ["mistakes"]

Value = TypeVar("Value")

AGENT_KINDS = ("agent_id", "call", "join_url")


def mistakes(document: Document) -> list[Mistake]:
    """Return what contradicts itself in `document`, or lacks a counterpart."""
    agents = (_agents, _transfers, _failures)
    rules = (_trunks, _routes, _outbound, _keys, _control, _listeners, _ports, _codecs)
    kept = (_recordings, _webhooks)
    return list(chain.from_iterable(rule(document) for rule in (*agents, *rules, *kept)))


def _agents(document: Document) -> Iterator[Mistake]:
    for name, agent in _entries(document, "agents"):
        location = ("agents", name)
        kinds = [kind for kind in AGENT_KINDS if agent.get(kind) is not None]
        if len(kinds) != 1:
            given = " and ".join(kinds) if kinds else "none of them"
            yield document.mistake(
                location, f"needs exactly one of {', '.join(AGENT_KINDS)}, and has {given}"
            )
            continue
        for key in ("variables", "body"):
            if agent.get(key) and kinds != ["agent_id"]:
                hint = "; write it in call itself" if kinds == ["call"] else ""
                yield document.mistake((*location, key), f"goes with agent_id only{hint}")
        for key in ("metadata", "query"):
            if agent.get(key) and kinds == ["join_url"]:
                yield document.mistake(
                    (*location, key), "says how to create a call, which join_url does not"
                )


def _transfers(document: Document) -> Iterator[Mistake]:
    for name, agent in _entries(document, "agents"):
        tools, places = agent.get("tools"), agent.get("transfer")
        if not isinstance(tools, list) or "transfer" not in tools:
            continue
        if not isinstance(places, dict) or not (places.get("destinations") or places.get("allow")):
            yield document.mistake(
                ("agents", name, "tools", tools.index("transfer")),
                "leads nowhere: name its places in transfer.destinations or transfer.allow",
            )


def _trunks(document: Document) -> Iterator[Mistake]:
    for name, trunk in _entries(document, "trunks"):
        location = ("trunks", name)
        if not trunk.get("registrar") and not trunk.get("hosts"):
            yield document.mistake(
                location, "needs a registrar, or hosts that its calls come from, or both"
            )
        if trunk.get("registrar") and not trunk.get("username"):
            yield document.mistake(location, "has a registrar and needs a username to register")
        yield from _trunk_tls(document, name, trunk)


def _trunk_tls(document: Document, name: str, trunk: dict[str, Any]) -> Iterator[Mistake]:
    location, tls = ("trunks", name, "tls"), _section(trunk, "tls")
    if not isinstance(tls, dict) or all(value is None for value in tls.values()):
        return
    places = [
        str(trunk[key]) for key in ("registrar", "outbound_proxy", "address") if trunk.get(key)
    ]
    if not places or not all(map(goes_by_tls, places)):
        yield document.mistake(
            location, "goes with a registrar, outbound_proxy and address of ;transport=tls only"
        )
    for key, other in (("certificate", "private_key"), ("private_key", "certificate")):
        if tls.get(key) is not None and tls.get(other) is None:
            yield document.mistake((*location, other), f"is required with {key}")


def _routes(document: Document) -> Iterator[Mistake]:
    routes = _section(document.data, "routes")
    for position, route in enumerate(routes if isinstance(routes, list) else []):
        for key, section in (("agent", "agents"), ("trunk", "trunks")):
            name = route.get(key) if isinstance(route, dict) else None
            known = _section(document.data, section)
            names = list(known) if isinstance(known, dict) else []
            if isinstance(name, str) and name not in names:
                yield document.mistake(
                    ("routes", position, key),
                    f"there is no {key} named {name}",
                    nearest(name, names),
                )


def _failures(document: Document) -> Iterator[Mistake]:
    """The agents and trunks that failure steps name have to be there."""
    agents = _names(document, "agents")
    for place, steps in _failure_steps(document):
        for position, step in enumerate(steps):
            named = {"agent": step} if isinstance(step, str) else step
            for key, known in (("agent", agents), ("trunk", _names(document, "trunks"))):
                name = named.get(key) if isinstance(named, dict) else None
                if isinstance(name, str) and name not in known and name != "resume":
                    yield document.mistake(
                        (*place, position), f"there is no {key} named {name}", nearest(name, known)
                    )


def _failure_steps(document: Document) -> Iterator[tuple[Location, list[Any]]]:
    routes = _section(document.data, "routes")
    places: list[tuple[Location, Any]] = [
        (("agents", name, "on_agent_failure"), agent)
        for name, agent in _entries(document, "agents")
    ]
    places += [
        (("routes", position, "on_agent_failure"), route)
        for position, route in enumerate(routes if isinstance(routes, list) else [])
    ]
    for place, section in places:
        steps = section.get("on_agent_failure") if isinstance(section, dict) else None
        if isinstance(steps, list):
            yield place, steps


def _names(document: Document, section: str) -> list[str]:
    known = _section(document.data, section)
    return list(known) if isinstance(known, dict) else []


def _outbound(document: Document) -> Iterator[Mistake]:
    table = _section(document.data, "outbound")
    names = _names(document, "trunks")
    for position, entry in enumerate(table if isinstance(table, list) else []):
        trunks = entry.get("trunks") if isinstance(entry, dict) else None
        for name in trunks if isinstance(trunks, list) else []:
            if isinstance(name, str) and name not in names:
                yield document.mistake(
                    ("outbound", position, "trunks"),
                    f"there is no trunk named {name}",
                    nearest(name, names),
                )


def _keys(document: Document) -> Iterator[Mistake]:
    creating = [name for name, agent in _entries(document, "agents") if "join_url" not in agent]
    if creating and _section(document.data, "ultravox", "api_key") is None:
        yield document.mistake(
            ("ultravox", "api_key"), f"is required, because agent {creating[0]} creates calls"
        )


def _control(document: Document) -> Iterator[Mistake]:
    listen = _read(Endpoint.parse, _section(document.data, "control", "listen"))
    token = _section(document.data, "control", "token")
    if listen is not None and not listen.loopback and token is None:
        yield document.mistake(
            ("control", "token"), f"is required, because {listen} is open to other machines"
        )


def _webhooks(document: Document) -> Iterator[Mistake]:
    webhooks = _section(document.data, "webhooks")
    if not isinstance(webhooks, list) or not webhooks:
        return
    if _section(document.data, "journal", "database") is None:
        yield document.mistake(
            ("journal", "database"), "is required, because webhooks deliver what is kept there"
        )
    urls = [each.get("url") if isinstance(each, dict) else None for each in webhooks]
    for position, url in enumerate(urls):
        if url is not None and url in urls[:position]:
            yield document.mistake(("webhooks", position, "url"), "is here twice")


def _listeners(document: Document) -> Iterator[Mistake]:
    for listen in _listen_urls(document):
        if listen.transport != "tls":
            continue
        for key in ("certificate", "private_key"):
            if _section(document.data, "sip", "tls", key) is None:
                yield document.mistake(("sip", "tls", key), f"is required to listen on {listen}")


def _ports(document: Document) -> Iterator[Mistake]:
    written = _section(document.data, "media", "ports")
    ports = DEFAULT_PORTS if written is None else _read(PortRange.parse, written)
    if ports is None:
        return
    max_calls = _read(int, _section(document.data, "sip", "max_calls") or DEFAULT_MAX_CALLS)
    if max_calls is not None and ports.pairs < max_calls:
        yield document.mistake(
            ("media", "ports"),
            f"holds {ports.pairs} pairs of ports, too few for sip.max_calls {max_calls}",
        )
    for listen in _listen_urls(document):
        if listen.transport == "udp" and listen.port in ports:
            yield document.mistake(
                ("media", "ports"), f"holds {listen.port}, which {listen} listens on"
            )


def _codecs(document: Document) -> Iterator[Mistake]:
    codecs = _section(document.data, "media", "codecs")
    if not isinstance(codecs, list) or not codecs:
        return
    if not any(str(codec).upper() in ENCODINGS for codec in codecs):
        spoken = ", ".join(sorted(ENCODINGS))
        yield document.mistake(
            ("media", "codecs"), f"names none that this version speaks: {spoken}"
        )


def _recordings(document: Document) -> Iterator[Mistake]:
    """A recording needs somewhere to be kept, and what writes it."""
    plans: list[tuple[Location, dict[str, Any]]] = [
        (("agents", name), agent) for name, agent in _entries(document, "agents")
    ]
    routes = _section(document.data, "routes")
    for position, route in enumerate(routes if isinstance(routes, list) else []):
        if isinstance(route, dict):
            plans.append((("routes", position), route))
    for location, entry in plans:
        plan = _section(entry, "recording")
        if not isinstance(plan, dict):
            continue
        if plan.get("auto") is True and not _section(document.data, "recordings", "folder"):
            yield document.mistake(
                (*location, "recording", "auto"), "needs recordings.folder to keep them in"
            )
        if plan.get("format") in ("flac", "opus") and not coded_available():
            yield document.mistake(
                (*location, "recording", "format"),
                f"{plan['format']} needs the package soundfile: pip install uvbridge[recording]",
            )


def _section(data: Any, *keys: str) -> Any:
    """Return what lies under `keys`, or None where the way is barred."""
    for key in keys:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def _entries(document: Document, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the named entries of a section that have the right shape."""
    entries = _section(document.data, section)
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        if isinstance(entry, dict):
            yield name, entry


def _listen_urls(document: Document) -> list[ListenUrl]:
    listen = _section(document.data, "sip", "listen")
    if listen is None:
        return list(DEFAULT_LISTEN)
    urls = [_read(ListenUrl.parse, url) for url in (listen if isinstance(listen, list) else [])]
    return [url for url in urls if url is not None]


def _read(read: Callable[[str], Value], value: Any) -> Value | None:
    """Return `value` as `read` reads it, or None where it is absent or wrong in itself."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        return read(str(value))
    except ValueError:
        return None
