"""How PJSIP is set up, for signalling without sound: our settings as the structures it takes."""

import socket
import ssl
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pjsua2 as pj

from sip.pjsua.build import version
from sip.settings import Listen, Settings
from sip.tls import TlsFiles
from sip.trunk import CONTACT_PARAM, Srtp, Trunk

__all__ = [
    "TRANSPORTS",
    "account_config",
    "call_param",
    "endpoint_config",
    "silence",
    "transport_config",
]

TRANSPORTS: Final = {
    ("udp", 4): pj.PJSIP_TRANSPORT_UDP,
    ("udp", 6): pj.PJSIP_TRANSPORT_UDP6,
    ("tcp", 4): pj.PJSIP_TRANSPORT_TCP,
    ("tcp", 6): pj.PJSIP_TRANSPORT_TCP6,
    ("tls", 4): pj.PJSIP_TRANSPORT_TLS,
    ("tls", 6): pj.PJSIP_TRANSPORT_TLS6,
}
SENDER_AND_SPACE: Final = 64 | 512
"""PJ_LOG_HAS_SENDER and PJ_LOG_HAS_SPACE: Python's logging adds the rest."""
REFUSALS: Final = 64
"""Room beyond the calls we take, so that one more is refused by us, with Retry-After."""
SRTP_USE: Final = {
    Srtp.OFF: pj.PJMEDIA_SRTP_DISABLED,
    Srtp.OPTIONAL: pj.PJMEDIA_SRTP_OPTIONAL,
    Srtp.REQUIRED: pj.PJMEDIA_SRTP_MANDATORY,
}
AUTHORITIES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
HANDSHAKE_MS: Final = 5000
"""How long a TLS handshake may take; without a bound, PJSIP waits for ever."""
KEPT_ALIVE: Final = tuple(
    pj.SockOpt(*option)
    for option in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 25),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
    )
)
"""A TCP connection is probed after 25 s of silence, and given up where nothing was acknowledged for
20 s: the default is a quarter of an hour, in which each request would be lost. Made once, for PJSIP
points into them."""
BREAKS: Final = "\r\n\0"
"""What would end a line of a message, or all of it."""
REFRESH_EARLY_S: Final = 5
"""How long before its end a binding is renewed, at the latest."""


def endpoint_config(settings: Settings, *, writer: Any) -> Any:
    """Library settings: no worker threads, no sound, PJSIP's own log only to ``writer``."""
    config = pj.EpConfig()
    ua, media, logs = config.uaConfig, config.medConfig, config.logConfig
    ua.threadCnt = 0
    ua.mainThreadOnly = False
    ua.maxCalls = min(settings.max_calls + REFUSALS, version().max_calls)
    ua.userAgent = settings.user_agent
    ua.mwiUnsolicitedEnabled = False
    ua.natTypeInSdp = 0
    for server in settings.nameservers:
        ua.nameserver.append(server)
    media.threadCnt = 0
    media.hasIoqueue = False
    media.noVad = True
    media.sndAutoCloseTime = -1
    logs.decor = SENDER_AND_SPACE
    logs.level = logs.consoleLevel = 4 if writer is not None else 0
    logs.msgLogging = 1 if writer is not None else 0
    if writer is not None:
        logs.writer = writer
    return config


def silence(endpoint: Any) -> None:
    """Leave PJSIP without a sound device.

    Before 2.16 a stream leaves the conference bridge, whose ports are few, only at a tick of
    its clock: such a build gets the null device, which ticks. Later ones let it go at once.
    """
    devices = endpoint.audDevManager()
    major, minor = (int(part) for part in version().version.split(".")[:2])
    if (major, minor) < (2, 16):
        devices.setNullDev()
    else:
        devices.setNoDev()


def transport_config(
    listen: Listen, tls: TlsFiles, *, public_address: str | None
) -> tuple[int, Any]:
    """PJSIP's transport type and configuration for a listener."""
    config = pj.TransportConfig()
    config.port = listen.port
    config.boundAddress = listen.host
    version = ip_address(listen.host).version
    if public_address and ip_address(public_address).version == version:
        config.publicAddress = public_address
    if listen.transport == "tls":
        _tls(config.tlsConfig, tls)
    if listen.transport != "udp":
        place = config.tlsConfig if listen.transport == "tls" else config
        for option in KEPT_ALIVE:
            place.sockOptParams.sockOpts.append(option)
    return TRANSPORTS[listen.transport, version], config


def account_config(
    trunk: Trunk | None, *, host: str, token: str, ipv6: bool, suites: Iterable[str] = ()
) -> Any:
    """An account for a trunk; for None the one that strangers reach."""
    config = pj.AccountConfig()
    config.idUri = f"<{(trunk or Trunk(name='')).identity(host)}>"
    config.mediaConfig.useLoopMedTp = True
    config.mediaConfig.lockCodecEnabled = False
    config.mediaConfig.srtpUse = 0
    config.regConfig.registerOnAdd = False
    config.sipConfig.autoRespondSipMessage = False  # no such field before 2.16: no effect
    if ipv6:
        config.mediaConfig.ipv6Use = pj.PJSUA_IPV6_ENABLED
    if trunk is None:
        return config
    _srtp(config.mediaConfig, trunk.srtp, suites)
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.callConfig.timerSessExpiresSec = trunk.session_expires_s
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    if trunk.outbound_proxy:
        config.sipConfig.proxies.append(trunk.outbound_proxy)
    if trunk.username or trunk.password:
        user = trunk.auth_username or trunk.username
        credentials = pj.AuthCredInfo("digest", trunk.realm, user, 0, trunk.password)
        config.sipConfig.authCreds.append(credentials)
    if trunk.registrar is not None:
        config.regConfig.registrarUri = trunk.registrar
        config.regConfig.timeoutSec = trunk.expires_s
        config.regConfig.delayBeforeRefreshSec = min(REFRESH_EARLY_S, trunk.expires_s // 3)
        # Retries are ours: PJSIP's do not back off.
        config.regConfig.retryIntervalSec = 0
        config.regConfig.firstRetryIntervalSec = 0
        config.sipConfig.contactUriParams = f";{CONTACT_PARAM}={token}"
    return config


def call_param(
    code: int = 0,
    *,
    reason: str = "",
    headers: Mapping[str, str] | None = None,
    local_uri: str = "",
    with_media: bool = False,
) -> Any:
    """Parameters of a call operation; ``with_media`` where it makes an offer or an answer.

    Raises ValueError when a header, or the reason, would break the message apart.
    """
    if any(c in reason for c in BREAKS):
        raise ValueError("the reason holds a line break")
    param = pj.CallOpParam(with_media)
    param.statusCode = code
    param.reason = reason
    if with_media:
        param.opt.audioCount = 1
        param.opt.videoCount = 0
        if hasattr(param.opt, "textCount"):  # from 2.16 on, which would offer m=text
            param.opt.textCount = 0
    option = param.txOption
    if local_uri:
        option.localUri = local_uri
    for name, value in (headers or {}).items():
        if any(c in name + value for c in BREAKS) or not name:
            raise ValueError(f"header {name!r} holds a line break")
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        option.headers.append(header)
    return param


def _srtp(config: Any, srtp: Srtp, suites: Iterable[str]) -> None:
    """Have keys negotiated; whether signalling hides them is the configuration's business."""
    config.srtpUse = SRTP_USE[srtp]
    config.srtpSecureSignaling = 0
    if srtp is Srtp.OFF:
        return
    config.srtpOpt.keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
    for name in suites:
        suite = pj.SrtpCrypto()
        suite.name = name
        config.srtpOpt.cryptos.append(suite)


def _tls(config: Any, files: TlsFiles) -> None:
    config.certFile = files.certificate
    config.privKeyFile = files.private_key
    verifying = files.verify or files.require_client
    config.CaListFile = files.ca_file or (_system_authorities() if verifying else "")
    config.verifyServer = files.verify
    config.verifyClient = config.requireClientCert = files.require_client
    config.msecTimeout = HANDSHAKE_MS


def _system_authorities() -> str:
    """The system's file of certificate authorities; PJSIP does not look for it by itself."""
    candidates = [ssl.get_default_verify_paths().cafile, *AUTHORITIES]
    return next((path for path in candidates if path and Path(path).is_file()), "")
