"""Bringing PJSIP up: library, listeners, codecs, accounts."""

import contextlib
import logging
import ssl
from collections.abc import Iterable
from typing import Any

import pjsua2 as pj

from sip.gate import Member
from sip.pjsua.build import (
    account_config,
    endpoint_config,
    has_ipv6,
    muted,
    silence,
    transport_config,
)
from sip.pjsua.directors import Account, Endpoint, Log, Owner
from sip.stack import Listen, ListenError, Settings, SipError, TlsFiles
from sip.trunk import Trunk, parse_host_port
from sip.uri import parse_uri

__all__ = [
    "choose_codecs",
    "create_account",
    "create_endpoint",
    "listen_on",
    "transport_of",
    "wanted",
]

log = logging.getLogger("sip.pjsua")


def create_endpoint(owner: Owner, settings: Settings) -> Endpoint:
    """The library, initialised but not started. Raises SipError, pj.Error."""
    with muted():
        with contextlib.suppress(pj.Error):
            pj.Endpoint.instance()
            raise SipError("PJSIP runs in this process already; it can run only once")
        endpoint = Endpoint(owner)
        endpoint.libCreate()
    writer = Log() if log.isEnabledFor(logging.DEBUG) else None
    config = endpoint_config(settings, writer=writer)
    if writer is not None:
        writer.__disown__()  # PJSIP deletes it
    endpoint.libInit(config)
    silence(endpoint)
    return endpoint


def wanted(settings: Settings) -> tuple[Listen, ...]:
    """The listeners asked for, and those without which a trunk could not be reached."""
    listeners = list(settings.listen)
    for trunk in settings.trunks:
        for text in (trunk.registrar, trunk.outbound_proxy, trunk.address):
            transport = transport_of(text)
            if transport != "udp" and transport not in {each.transport for each in listeners}:
                log.info("= no %s listener for trunk %s: opening one", transport, trunk.name)
                listeners.append(Listen(transport=transport, port=0))
    return tuple(listeners)


def transport_of(uri: str | None) -> str:
    """udp, tcp or tls, as an address asks for it (RFC 3263 section 4.1)."""
    if not uri:
        return "udp"
    parsed = parse_uri(uri)
    if parsed.scheme == "sips":
        return "tls"
    return parsed.params.get("transport", "udp").lower()


def listen_on(endpoint: Endpoint, listen: Listen, settings: Settings) -> tuple[Listen, str]:
    """Open a listener: where it really listens, and our host as others see it there.

    Raises ListenError.
    """
    if listen.transport == "tls" and listen in settings.listen:
        _check_certificate(listen, settings.tls or TlsFiles())
    if ":" in listen.host and not has_ipv6():
        raise ListenError(str(listen), "this PJSIP build has no IPv6")
    kind, config = transport_config(listen, settings)
    try:
        number = endpoint.transportCreate(kind, config)
    except pj.Error as error:
        raise ListenError(str(listen), str(error.reason)) from None
    info = endpoint.transportGetInfo(number)
    name, address = info.localName, info.localAddress
    host, _ = parse_host_port(name)
    _, port = parse_host_port(address)
    return Listen(transport=listen.transport, host=listen.host, port=port), host


def choose_codecs(endpoint: Endpoint, codecs: Iterable[str]) -> None:
    """Give PJSIP our codecs and their order; it negotiates, we code."""
    known = endpoint.codecEnum2()
    names = [codec.codecId for codec in known]
    ranks = {codec.lower(): rank for rank, codec in enumerate(codecs)}
    for name in names:
        encoding = name.partition("/")[0].lower()
        first = name == next(n for n in names if n.partition("/")[0].lower() == encoding)
        rank = ranks.get(encoding) if first else None
        endpoint.codecSetPriority(name, 0 if rank is None else 254 - rank)
    have = {name.partition("/")[0].lower() for name in names}
    if missing := [codec for codec in ranks if codec not in have]:
        log.warning("= this PJSIP build lacks %s", ", ".join(missing))


def create_account(owner: Owner, member: Member | None, *, host: str, ipv6: bool) -> Account:
    """The account of a trunk; for None the one that strangers reach. Raises SipError."""
    account = Account(owner, member)
    trunk: Trunk | None = member.trunk if member else None
    token = member.token if member else ""
    config: Any = account_config(trunk, host=host, token=token, ipv6=ipv6)
    try:
        account.create(config)
    except pj.Error as error:
        who = f"trunk {trunk.name}" if trunk else "calls from outside"
        raise SipError(f"no SIP account for {who}: {error.reason}") from None
    return account


def _check_certificate(listen: Listen, files: TlsFiles) -> None:
    """PJSIP reads the files only when somebody connects, and says nothing then."""
    if not files.certificate or not files.private_key:
        raise ListenError(str(listen), "TLS needs a certificate and its private key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.private_key)
    except OSError as error:  # ssl.SSLError is one
        where = f"{files.certificate}, {files.private_key}"
        raise ListenError(str(listen), f"{where}: {error.strerror or error}") from None
