"""What a valid configuration says that is probably not meant: warnings, not mistakes."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.configuration.document import Document, Location
from bridge.configuration.endpoints import Endpoint, goes_by_tls
from bridge.configuration.mistakes import Mistake
from bridge.configuration.templates import doubtful
from bridge.configuration.unreached import unreached
from rtp.codec import ENCODINGS

if TYPE_CHECKING:
    from bridge.config import Config

__all__ = ["warnings"]

EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
RESERVED_PORTS = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")


def warnings(config: "Config", document: Document) -> list[Mistake]:
    """Return what is allowed in `config` and yet looks wrong."""
    values = (_ports, _families, _codecs, _secrecy, _srtp, _dialling, _placeholders)
    rules = (_reach, _routes, _sources, *values)
    return list(chain.from_iterable(rule(config, document) for rule in rules))


def _reach(config: "Config", document: Document) -> Iterator[Mistake]:
    if not config.trunks:
        yield document.mistake(("trunks",), "is empty: no call can come in or go out")
    elif not config.routes:
        yield document.mistake(("routes",), "is empty: every inbound call is answered 404")


def _routes(config: "Config", document: Document) -> Iterator[Mistake]:
    """Name the routes that another one above always takes the calls of."""
    for position, above in unreached(config.routes):
        yield document.mistake(
            ("routes", position), f"is never reached: route {above + 1} takes all its calls"
        )


def _sources(config: "Config", document: Document) -> Iterator[Mistake]:
    networks: list[tuple[Location, IPv4Network | IPv6Network]] = []
    for name, trunk in config.trunks.items():
        for position, host in enumerate(trunk.hosts):
            location: Location = ("trunks", name, "hosts", position)
            if isinstance(host, str):
                continue
            if host.prefixlen == 0:
                yield document.mistake(location, "trusts everybody: anyone may call in")
            networks.append((location, host))
    for (first, one), (second, other) in combinations(networks, 2):
        if first[1] != second[1] and one.version == other.version and _overlap(one, other):
            yield document.mistake(
                second,
                f"{other} overlaps {one} of trunk {first[1]}, which gets the calls that no"
                " registered user name tells apart",
            )


def _overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    """Whether two networks of one IP version share addresses."""
    return int(one.broadcast_address) >= int(other.network_address) and (
        int(other.broadcast_address) >= int(one.network_address)
    )


def _ports(config: "Config", document: Document) -> Iterator[Mistake]:
    """Compare RTP's ports with those the kernel gives to any program that asks for one."""
    try:
        low, high = (int(port) for port in EPHEMERAL_PORTS.read_text().split())
        reserved = RESERVED_PORTS.read_text()
    except (OSError, ValueError):
        return
    ports = config.media.ports
    taken = range(max(low, ports.low), min(high, ports.high) + 1)
    if taken and not _reserves(reserved, taken):
        yield document.mistake(
            ("media", "ports"),
            f"{ports} overlaps the kernel's own range {low}-{high}, so that other programs may"
            " hold some of them; choose lower ones or set net.ipv4.ip_local_reserved_ports",
        )


def _families(config: "Config", document: Document) -> Iterator[Mistake]:
    """Compare the IP versions of calls with those that media has."""
    address = ip_address(config.media.bind_address)
    if address.version == 6 and address.is_unspecified:
        return
    for listen in config.sip.listen:
        if ip_address(listen.host).version != address.version:
            yield document.mistake(
                ("media", "bind_address"),
                f"has no audio for calls that come in on {listen}; :: has both IP versions",
            )


def _reserves(reserved: str, ports: range) -> bool:
    """Say whether the kernel's list, such as ``8080,20000-20999``, holds all of `ports`."""
    held: set[int] = set()
    for low, high in re.findall(r"(\d+)(?:-(\d+))?", reserved):
        held.update(range(int(low), int(high or low) + 1))
    return held.issuperset(ports)


def _codecs(config: "Config", document: Document) -> Iterator[Mistake]:
    for position, codec in enumerate(config.media.codecs):
        if codec.upper() not in ENCODINGS:
            yield document.mistake(
                ("media", "codecs", position), f"{codec} is not spoken by this version: passed over"
            )


def _secrecy(config: "Config", document: Document) -> Iterator[Mistake]:
    url = urlsplit(config.ultravox.api_url)
    if url.scheme == "http" and not Endpoint(url.hostname or "", 0).loopback:
        yield document.mistake(("ultravox", "api_url"), "sends the API key unencrypted")
    for position, webhook in enumerate(config.webhooks):
        url = urlsplit(webhook.url)
        if url.scheme == "http" and not Endpoint(url.hostname or "", 0).loopback:
            yield document.mistake(
                ("webhooks", position, "url"), "sends what happens to calls unencrypted"
            )
    if not config.sip.tls.verify:
        yield document.mistake(("sip", "tls", "verify"), "trusts any certificate a trunk shows")
    for name, trunk in config.trunks.items():
        if trunk.tls.verify is False:
            location = ("trunks", name, "tls", "verify")
            yield document.mistake(location, "trusts any certificate that this trunk shows")
    if config.control.listen is not None and config.control.token is None:
        yield document.mistake(
            ("control", "token"), "is not set: calls can be seen, not placed or ended, through it"
        )


def _srtp(config: "Config", document: Document) -> Iterator[Mistake]:
    """Name the trunks whose media keys travel in SIP messages that anybody can read."""
    inbound = any(listen.transport == "tls" for listen in config.sip.listen)
    for name, trunk in config.trunks.items():
        if trunk.srtp == "off":
            continue
        places = (trunk.outbound_proxy, trunk.address, trunk.registrar)
        place = next(filter(None, places), None)
        hidden = inbound if place is None else goes_by_tls(place)
        if not hidden:
            yield document.mistake(
                ("trunks", name, "srtp"), "sends its keys unencrypted: SIP does not go over TLS"
            )


def _dialling(config: "Config", document: Document) -> Iterator[Mistake]:
    """Name the patterns that let a stranger talk the agent into calling any number there is."""
    for name, agent in config.agents.items():
        for position, pattern in enumerate(agent.transfer.allow):
            if not re.search("[0-9@]", pattern):
                yield document.mistake(
                    ("agents", name, "transfer", "allow", position),
                    f"{pattern} lets the agent call any number, premium ones too",
                )


def _placeholders(config: "Config", document: Document) -> Iterator[Mistake]:
    for name, agent in config.agents.items():
        keys = ("call", "variables", "body", "query", "metadata")
        places = [((key,), getattr(agent, key)) for key in keys]
        for place, value in (*places, (("transfer", "headers"), agent.transfer.headers)):
            for location, text in _texts(value, ("agents", name, *place)):
                for word, close in doubtful(text):
                    yield document.mistake(location, f"{word} is no placeholder", close)


def _texts(value: Any, location: Location) -> Iterator[tuple[Location, str]]:
    """Yield every text in `value`, however deep, with its place."""
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*location, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _texts(item, (*location, position))
