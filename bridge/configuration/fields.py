"""The kinds of value a configuration holds, as pydantic checks them."""

import ipaddress
import re
import ssl
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

from bridge.configuration.endpoints import (
    MAX_PORT,
    SIP_PORTS,
    Endpoint,
    ListenUrl,
    PortRange,
    parse_host,
)
from bridge.configuration.mistakes import nearest
from bridge.configuration.reference import split
from bridge.media import wav

__all__ = [
    "CODECS",
    "CaFile",
    "Code",
    "Codec",
    "EndpointField",
    "File",
    "Host",
    "HttpUrl",
    "IpAddress",
    "ListenField",
    "MetadataKey",
    "Name",
    "OutputPath",
    "PortRangeField",
    "PublicAddress",
    "Reference",
    "Secret",
    "SipUri",
    "Sound",
    "Text",
]

CODECS = ("opus", "G722", "PCMU", "PCMA")
"""Encoding names (RFC 4855) that a configuration may list."""
STUN_PORT = 3478
"""RFC 8489 section 18.6."""

_SIP_URI = re.compile(
    r"sips?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:;?@\[\]]+)(:(?P<port>\d{1,6}))?(?P<rest>;[^\s?]*)?"
)
_HTTP_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def _text(value: Any) -> Any:
    """Take a whole number for text: it is written back just as it was read."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("should be text; put quotes round it")
    return value


def _secret(value: Any, info: ValidationInfo) -> Any:
    """Read ``file:PATH`` from disk; anything else is the secret itself. Never shows the value."""
    if isinstance(value, SecretStr):
        return value
    text: str = _text(value)
    if text.startswith("file:"):
        path = _folder(info) / text.removeprefix("file:")
        try:
            text = path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"cannot read {path}: not UTF-8 text") from error
    if not text:
        raise ValueError("is empty")
    return text


def _file(value: Any, info: ValidationInfo) -> Path:
    path = _folder(info) / str(_text(value))
    if path.is_dir():
        raise ValueError(f"{path} is a directory, not a file")
    if not path.exists():
        raise ValueError(f"there is no file {path}")
    return path


def _ca_file(path: Path) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(f"{path} holds no certificate in PEM form") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    return path


def _output_path(value: Any, info: ValidationInfo) -> Path:
    return _folder(info) / str(_text(value))


@dataclass(frozen=True, slots=True)
class Reference:
    """Python code that the configuration names, not looked for yet."""

    name: str
    """package.module:name"""
    folder: Path
    """The configuration file's, where it is looked for too."""


def _reference(value: Any, info: ValidationInfo) -> Reference:
    if isinstance(value, Reference):
        return value
    text = str(_text(value))
    split(text)
    return Reference(text, _folder(info))


def _folder(info: ValidationInfo) -> Path:
    """Return the folder that relative paths start from: the configuration file's own."""
    folder = (info.context or {}).get("folder", Path())
    assert isinstance(folder, Path)
    return folder


def _listen(value: Any) -> ListenUrl:
    return value if isinstance(value, ListenUrl) else ListenUrl.parse(_text(value))


def _endpoint(value: Any) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    endpoint = Endpoint.parse(_text(value))
    if endpoint.host != "localhost":
        _ip_address(endpoint.host)
    return endpoint


def _port_range(value: Any) -> PortRange:
    return value if isinstance(value, PortRange) else PortRange.parse(_text(value))


def _codec(value: Any) -> str:
    text = str(_text(value))
    by_folded = {codec.casefold(): codec for codec in CODECS}
    if (known := by_folded.get(text.casefold())) is not None:
        return known
    raise PydanticCustomError(
        "unknown_codec",
        "{codec} is not a codec of this bridge; it knows {known}",
        {"codec": text, "known": ", ".join(CODECS), "nearest": nearest(text, CODECS)},
    )


def _metadata_key(value: str) -> str:
    if value.startswith("ultravox."):
        raise ValueError("keys that begin with ultravox. are Ultravox's own")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("a name is made of letters, digits, - and _, at most 64 of them")
    return value


def _host(value: Any) -> Any:
    return value if isinstance(value, IPv4Network | IPv6Network) else parse_host(_text(value))


def _sip_uri(value: str) -> str:
    match = _SIP_URI.fullmatch(value)
    if match is None:
        raise ValueError("should be sip:host[:port][;transport=tcp|tls], with no user")
    if match["port"] and not 0 < int(match["port"]) <= MAX_PORT:
        raise ValueError(f"{match['port']} is not a port; ports end at {MAX_PORT}")
    transport = re.search(r";transport=([^;]*)", match["rest"] or "", re.IGNORECASE)
    if transport is not None and transport[1].lower() not in SIP_PORTS:
        raise ValueError(f"knows the transports {', '.join(SIP_PORTS)}, not {transport[1]}")
    return value


def _http_url(value: str) -> str:
    if not _HTTP_URL.fullmatch(value):
        raise ValueError("should be an http:// or https:// address")
    return value.rstrip("/")


def _ip_address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"{value} is not an IP address") from None


def _public_address(value: str) -> str:
    if value == "auto":
        return value
    if value.startswith("stun:"):
        return f"stun:{Endpoint.parse(value.removeprefix('stun:'), default_port=STUN_PORT)}"
    try:
        return _ip_address(value)
    except ValueError:
        raise ValueError("should be auto, an IP address, or stun:host:port") from None


Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, AfterValidator(_name)]
MetadataKey = Annotated[str, AfterValidator(_metadata_key)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
File = Annotated[Path, BeforeValidator(_file)]
CaFile = Annotated[File, AfterValidator(_ca_file)]
Sound = Annotated[File, AfterValidator(wav.check)]
OutputPath = Annotated[Path, BeforeValidator(_output_path)]
Code = Annotated[Reference, BeforeValidator(_reference)]
Codec = Annotated[str, BeforeValidator(_codec)]
Host = Annotated[IPv4Network | IPv6Network | str, BeforeValidator(_host)]
SipUri = Annotated[Text, AfterValidator(_sip_uri)]
HttpUrl = Annotated[Text, AfterValidator(_http_url)]
IpAddress = Annotated[Text, AfterValidator(_ip_address)]
PublicAddress = Annotated[Text, AfterValidator(_public_address)]
ListenField = Annotated[ListenUrl, BeforeValidator(_listen)]
EndpointField = Annotated[Endpoint, BeforeValidator(_endpoint)]
PortRangeField = Annotated[PortRange, BeforeValidator(_port_range)]
