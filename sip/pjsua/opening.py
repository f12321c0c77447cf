"""Bringing PJSIP up: library, listeners, codecs, accounts."""

import contextlib
import logging
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

import pjsua2 as pj

from sip.comfort_noise import ComfortNoise
from sip.gate import Member
from sip.pjsua.build import CAN_DO_NOISE, CAN_SCREEN, has_ipv6, muted
from sip.pjsua.config import account_config, endpoint_config, silence, transport_config
from sip.pjsua.directors import Account, Endpoint, Log, Screen
from sip.pjsua.owner import Owner
from sip.settings import Listen, Settings
from sip.stack import ListenError, SipError
from sip.tls import TlsFiles
from sip.trunk import Trunk, parse_host_port, transport_of
from sip.uri import parse_uri

__all__ = [
    "choose_codecs",
    "connect_for",
    "create_account",
    "create_endpoint",
    "feasible",
    "listen_on",
    "open_noise",
    "open_screen",
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


def open_screen(owner: Owner, settings: Settings) -> Screen | None:
    """Have requests outside any dialog shown to us first; None where this build cannot."""
    if CAN_SCREEN:
        screen = Screen(owner)
        if screen.open():
            return screen
    if asking := [t.name for t in settings.trunks if t.accept_refer or t.accept_replaces]:
        names = ", ".join(asking)
        log.warning("= this PJSIP build declines REFER and Replaces, also of %s", names)
    return None


def feasible(settings: Settings) -> Settings:
    """The settings without what this PJSIP build cannot do."""
    if CAN_DO_NOISE or settings.comfort_noise is ComfortNoise.OFF:
        return settings
    if settings.comfort_noise is ComfortNoise.OFFER:
        log.warning("= this PJSIP build offers no comfort noise")
    return replace(settings, comfort_noise=ComfortNoise.OFF)


def open_noise() -> None:
    """Keep comfort noise from PJSIP's eyes, agreed to or not. Raises SipError."""
    if CAN_DO_NOISE and not pj.ComfortNoise.open():
        raise SipError("PJSIP does not let us see to comfort noise")


def wanted(settings: Settings) -> tuple[Listen, ...]:
    """The listeners asked for, and those without which a trunk could not be reached."""
    listeners = list(settings.listen)
    for trunk in settings.trunks:
        for uri in trunk.places if trunk.tls is None else ():
            transport, host = transport_of(uri), _any_host(uri)
            served = {(each.transport, ip_address(each.host).version) for each in listeners}
            if transport != "udp" and (transport, ip_address(host).version) not in served:
                log.info("= no %s listener for trunk %s: opening one", transport, trunk.name)
                listeners.append(Listen(transport=transport, host=host, port=0))
    return tuple(listeners)


def _any_host(uri: str) -> str:
    """Every address of ours, of the family that ``uri`` is reached by."""
    return "::" if ":" in parse_uri(uri).host else "0.0.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A listener that is open."""

    number: int
    """PJSIP's."""
    listen: Listen
    """Where it really listens."""
    host: str
    """Ours as others see it there."""


def listen_on(
    endpoint: Endpoint, listen: Listen, settings: Settings, *, tls: TlsFiles | None = None
) -> Opened:
    """Open a listener, with ``tls`` instead of the settings' files if given. Raises ListenError."""
    files = tls or settings.tls or TlsFiles()
    if listen.transport == "tls":
        _check_certificate(listen, files, needed=tls is None and listen in settings.listen)
    if ":" in listen.host and not has_ipv6():
        raise ListenError(str(listen), "this PJSIP build has no IPv6")
    kind, config = transport_config(listen, files, public_address=settings.public_address)
    try:
        number = endpoint.transportCreate(kind, config)
    except pj.Error as error:
        raise ListenError(str(listen), str(error.reason)) from None
    info = endpoint.transportGetInfo(number)
    name, address = info.localName, info.localAddress
    host, _ = parse_host_port(name)
    _, port = parse_host_port(address)
    where = Listen(transport=listen.transport, host=listen.host, port=port)
    return Opened(number=number, listen=where, host=host)


def connect_for(endpoint: Endpoint, trunk: Trunk, settings: Settings) -> int | None:
    """A transport of the trunk's own where it has TLS files of its own: PJSIP's number.

    Certificates belong to a transport there, not to an account. Raises ListenError.
    """
    if trunk.tls is None:
        return None
    listen = Listen(transport="tls", host=_any_host(trunk.places[0]), port=0)
    return listen_on(endpoint, listen, settings, tls=trunk.tls).number


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


def create_account(
    owner: Owner,
    member: Member | None,
    *,
    host: str,
    ipv6: bool,
    suites: Iterable[str] = (),
    transport: int | None = None,
    route: str = "",
) -> Account:
    """The account of a trunk; for None the one that strangers reach. Raises SipError.

    All that it sends goes over ``transport``, and to ``route`` first, if they are given; one with a
    route registers nowhere.
    """
    account = Account(owner, member)
    trunk: Trunk | None = member.trunk if member else None
    token = member.token if member else ""
    config: Any = account_config(trunk, host=host, token=token, ipv6=ipv6, suites=suites)
    if transport is not None:
        config.sipConfig.transportId = transport
    if route:
        proxies = [route, *config.sipConfig.proxies]
        config.sipConfig.proxies.clear()
        for each in proxies:
            config.sipConfig.proxies.append(each)
        config.regConfig.registrarUri = ""
    try:
        account.create(config)
    except pj.Error as error:
        who = f"trunk {trunk.name}" if trunk else "calls from outside"
        raise SipError(f"no SIP account for {who}: {error.reason}") from None
    return account


def _check_certificate(listen: Listen, files: TlsFiles, *, needed: bool) -> None:
    """PJSIP reads the files only when somebody connects, and says nothing then."""
    if not needed and not files.certificate:
        return
    if not files.certificate or not files.private_key:
        raise ListenError(str(listen), "TLS needs a certificate and its private key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty password keeps OpenSSL from asking the terminal for one.
        context.load_cert_chain(files.certificate, files.private_key, password="")
    except OSError as error:  # ssl.SSLError is one
        where = f"certificate {files.certificate} with private key {files.private_key}"
        why = getattr(error, "reason", None) or error.strerror or error
        raise ListenError(str(listen), f"{where}: {why}") from None
