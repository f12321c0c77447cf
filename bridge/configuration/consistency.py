"""What the values of a configuration say together.

Mistakes are sought in the plain data, not in the validated models: they must be found even where
another value nearby is wrong. Values whose form is wrong are passed over here.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from typing import Any

from bridge.configuration import mentions
from bridge.configuration.document import Document
from bridge.configuration.endpoints import Endpoint, ListenUrl, PortRange, goes_by_tls
from bridge.configuration.mistakes import Mistake
from bridge.configuration.plain import agents_and_routes, named, names_under, read, under
from bridge.configuration.sections import DEFAULT_LISTEN, DEFAULT_MAX_CALLS, DEFAULT_PORTS
from bridge.recording.files import coded_available
from rtp.codec import ENCODINGS

__all__ = ["mistakes"]

AGENT_KINDS = ("agent_id", "call", "join_url")


def mistakes(document: Document) -> list[Mistake]:
    """Return what contradicts itself in `document`, or lacks a counterpart."""
    rules = (_agents, _transfers, _trunks, _keys, _control, _listeners, _ports, _codecs)
    kept = (_recordings, _webhooks, _shared)
    found = chain.from_iterable(rule(document) for rule in (*rules, *kept))
    return [*mentions.mistakes(document), *found]


def _agents(document: Document) -> Iterator[Mistake]:
    for name, agent in named(document, "agents"):
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
    for name, agent in named(document, "agents"):
        tools, places = agent.get("tools"), agent.get("transfer")
        if not isinstance(tools, list) or "transfer" not in tools:
            continue
        if not isinstance(places, dict) or not (places.get("destinations") or places.get("allow")):
            yield document.mistake(
                ("agents", name, "tools", tools.index("transfer")),
                "leads nowhere: name its places in transfer.destinations or transfer.allow",
            )


def _trunks(document: Document) -> Iterator[Mistake]:
    for name, trunk in named(document, "trunks"):
        location = ("trunks", name)
        if not trunk.get("registrar") and not trunk.get("hosts"):
            yield document.mistake(
                location, "needs a registrar, or hosts that its calls come from, or both"
            )
        if trunk.get("registrar") and not trunk.get("username"):
            yield document.mistake(location, "has a registrar and needs a username to register")
        yield from _trunk_tls(document, name, trunk)


def _trunk_tls(document: Document, name: str, trunk: dict[str, Any]) -> Iterator[Mistake]:
    location, tls = ("trunks", name, "tls"), under(trunk, "tls")
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


def _keys(document: Document) -> Iterator[Mistake]:
    creating = [name for name, agent in named(document, "agents") if "join_url" not in agent]
    if creating and under(document.data, "ultravox", "api_key") is None:
        yield document.mistake(
            ("ultravox", "api_key"), f"is required, because agent {creating[0]} creates calls"
        )


def _control(document: Document) -> Iterator[Mistake]:
    listen = read(Endpoint.parse, under(document.data, "control", "listen"))
    token = under(document.data, "control", "token")
    if listen is not None and not listen.loopback and token is None:
        yield document.mistake(
            ("control", "token"), f"is required, because {listen} is open to other machines"
        )


def _webhooks(document: Document) -> Iterator[Mistake]:
    webhooks = under(document.data, "webhooks")
    if not isinstance(webhooks, list) or not webhooks:
        return
    if under(document.data, "journal", "database") is None:
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
            if under(document.data, "sip", "tls", key) is None:
                yield document.mistake(("sip", "tls", key), f"is required to listen on {listen}")


def _ports(document: Document) -> Iterator[Mistake]:
    written = under(document.data, "media", "ports")
    ports = DEFAULT_PORTS if written is None else read(PortRange.parse, written)
    if ports is None:
        return
    max_calls = read(int, under(document.data, "sip", "max_calls") or DEFAULT_MAX_CALLS)
    if max_calls is not None and ports.pairs < max_calls:
        yield document.mistake(
            ("media", "ports"),
            f"holds {ports.pairs} pairs of ports, too few for sip.max_calls {max_calls}:"
            " widen it, or lower that",
        )
    for listen in _listen_urls(document):
        if listen.transport == "udp" and listen.port in ports:
            yield document.mistake(
                ("media", "ports"), f"holds {listen.port}, which {listen} listens on"
            )


def _codecs(document: Document) -> Iterator[Mistake]:
    codecs = under(document.data, "media", "codecs")
    if not isinstance(codecs, list) or not codecs:
        return
    if not any(str(codec).upper() in ENCODINGS for codec in codecs):
        spoken = ", ".join(sorted(ENCODINGS))
        yield document.mistake(
            ("media", "codecs"), f"names none that this version speaks: {spoken}"
        )


def _recordings(document: Document) -> Iterator[Mistake]:
    """A recording needs somewhere to be kept, and what writes it."""
    for location, entry in agents_and_routes(document):
        plan = under(entry, "recording")
        if not isinstance(plan, dict):
            continue
        if plan.get("auto") is True and not under(document.data, "recordings", "folder"):
            yield document.mistake(
                (*location, "recording", "auto"), "needs recordings.folder to keep them in"
            )
        if plan.get("format") in ("flac", "opus") and not coded_available():
            yield document.mistake(
                (*location, "recording", "format"),
                f"{plan['format']} needs the package soundfile: pip install uvbridge[recording]",
            )


def _shared(document: Document) -> Iterator[Mistake]:
    """What is shared needs somewhere to be kept."""
    shared = under(document.data, "shared")
    url = under(shared, "redis")
    if url is None:
        for section in ("trunks", "agents"):
            for name in names_under(shared, section):
                yield document.mistake(("shared", section, name), "needs shared.redis")
        return
    if find_spec("redis") is None:
        needs = "needs the package redis: pip install uvbridge[shared]"
        yield document.mistake(("shared", "redis"), needs)
    if not str(url).startswith(("redis://", "rediss://", "unix://", "file:")):
        yield document.mistake(
            ("shared", "redis"), "has to begin with redis://, rediss:// or unix://"
        )


def _listen_urls(document: Document) -> list[ListenUrl]:
    listen = under(document.data, "sip", "listen")
    if listen is None:
        return list(DEFAULT_LISTEN)
    urls = [read(ListenUrl.parse, url) for url in (listen if isinstance(listen, list) else [])]
    return [url for url in urls if url is not None]
