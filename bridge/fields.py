"""The kinds of value a configuration holds, each read from the text a person writes."""

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

from bridge.mistakes import nearest

__all__ = [
    "CODECS",
    "DEFAULT_MAX_CALLS",
    "DEFAULT_PORTS",
    "Codec",
    "Endpoint",
    "EndpointField",
    "File",
    "Host",
    "HttpUrl",
    "ListenField",
    "ListenUrl",
    "MetadataKey",
    "Name",
    "OutputPath",
    "PortRange",
    "PortRangeField",
    "PublicAddress",
    "Secret",
    "SipUri",
    "Text",
    "read_endpoint",
    "read_host",
    "read_listen",
    "read_port_range",
]

CODECS = ("opus", "G722", "PCMU", "PCMA")
"""Encoding names (RFC 4855) that a configuration may list."""

SIP_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
"""SIP ports by transport (RFC 3261 section 19.1.2)."""

_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_-]+)*\.?"
)
_SIP_URI = re.compile(
    r"sips?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:;?@\[\]]+)(:(?P<port>\d+))?(;[^\s?]*)?"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port; port 0 lets the kernel choose."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ListenUrl:
    """Where SIP is received: ``udp://``, ``tcp://`` or ``tls://`` with a numeric host."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}://{Endpoint(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports for RTP, both ends included: pairs of an even RTP and an odd RTCP port."""

    low: int
    high: int

    @property
    def pairs(self) -> int:
        """How many streams the range holds at once."""
        return (self.high - self.low + 1) // 2

    def __contains__(self, port: int) -> bool:
        return self.low <= port <= self.high

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


DEFAULT_PORTS = PortRange(20000, 20999)
DEFAULT_MAX_CALLS = 100


def _needs_text(value: Any) -> Any:
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
    text: str = _needs_text(value)
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
    path = _folder(info) / str(_needs_text(value))
    if path.is_dir():
        raise ValueError(f"{path} is a directory, not a file")
    if not path.exists():
        raise ValueError(f"there is no file {path}")
    return path


def _output_path(value: Any, info: ValidationInfo) -> Path:
    return _folder(info) / str(_needs_text(value))


def _folder(info: ValidationInfo) -> Path:
    """Return the folder that relative paths start from: the configuration file's own."""
    folder = (info.context or {}).get("folder", Path())
    assert isinstance(folder, Path)
    return folder


def _host_and_port(text: str, default_port: int | None) -> Endpoint:
    match = re.fullmatch(r"(\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+))(:(?P<port>\d{1,5}))?", text)
    if match is None:
        raise ValueError("should be host:port, an IPv6 host in brackets")
    port = int(match["port"]) if match["port"] else default_port
    if port is None:
        raise ValueError("has no port; write host:port")
    if port > 65535:
        raise ValueError(f"{port} is not a port; ports end at 65535")
    return Endpoint(match["v6"] or match["host"], port)


def _numeric(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(
            f"{host} is not an IP address; to listen everywhere write 0.0.0.0"
        ) from None


def read_listen(value: Any) -> ListenUrl:
    if isinstance(value, ListenUrl):
        return value
    transport, separator, rest = str(_needs_text(value)).partition("://")
    if not separator or transport not in SIP_PORTS:
        raise ValueError("should begin with udp://, tcp:// or tls://, as in udp://0.0.0.0:5060")
    endpoint = _host_and_port(rest, SIP_PORTS[transport])
    _numeric(endpoint.host)
    return ListenUrl(transport, endpoint.host, endpoint.port)


def read_endpoint(value: Any) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    endpoint = _host_and_port(_needs_text(value), None)
    if endpoint.host != "localhost":
        _numeric(endpoint.host)
    return endpoint


def read_port_range(value: Any) -> PortRange:
    if isinstance(value, PortRange):
        return value
    match = re.fullmatch(r"(\d{1,5}) ?- ?(\d{1,5})", _needs_text(value))
    if match is None:
        raise ValueError("should be two ports with a hyphen, as in 20000-20999")
    low, high = int(match[1]), int(match[2])
    if high > 65535:
        raise ValueError(f"{high} is not a port; ports end at 65535")
    if low < 1024:
        raise ValueError("should begin at port 1024 or above")
    if low >= high:
        raise ValueError("ends before it begins")
    if low % 2:
        raise ValueError(f"should begin on an even port, as RTP does (RFC 3550): {low + 1}")
    if not high % 2:
        raise ValueError(f"holds an odd number of ports; RTP needs pairs, so end at {high + 1}")
    return PortRange(low, high)


def _codec(value: Any) -> str:
    text = str(_needs_text(value))
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


def read_host(text: str) -> IPv4Network | IPv6Network | str:
    """Return an address or network as such and a host name as text. Raises ValueError."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is not None:
        raise ValueError(f"{text} names a host inside a network; for the network write {network}")
    if not _HOST_NAME.fullmatch(text) or re.fullmatch(r"[\d.]+", text):
        raise ValueError(f"{text} is neither an IP address, a network nor a host name")
    return text


def _host(value: Any) -> Any:
    return read_host(value) if isinstance(value, str) else value


def _sip_uri(value: str) -> str:
    match = _SIP_URI.fullmatch(value)
    if match is None:
        raise ValueError("should be sip:host[:port][;transport=tcp|tls], with no user")
    if match["port"] and not 0 < int(match["port"]) < 65536:
        raise ValueError(f"{match['port']} is not a port")
    return value


def _http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ValueError("should be an http:// or https:// address")
    return value.rstrip("/")


def _public_address(value: str) -> str:
    if value == "auto":
        return value
    if value.startswith("stun:"):
        endpoint = _host_and_port(value.removeprefix("stun:"), 3478)
        return f"stun:{endpoint}"
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("should be auto, an IP address, or stun:host:port") from None


Text = Annotated[str, BeforeValidator(_needs_text)]
Name = Annotated[str, AfterValidator(_name)]
MetadataKey = Annotated[str, AfterValidator(_metadata_key)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
OutputPath = Annotated[Path, BeforeValidator(_output_path)]
File = Annotated[Path, BeforeValidator(_file)]
Codec = Annotated[str, BeforeValidator(_codec)]
Host = Annotated[IPv4Network | IPv6Network | str, BeforeValidator(_host)]
SipUri = Annotated[Text, AfterValidator(_sip_uri)]
HttpUrl = Annotated[Text, AfterValidator(_http_url)]
PublicAddress = Annotated[Text, AfterValidator(_public_address)]
ListenField = Annotated[ListenUrl, BeforeValidator(read_listen)]
EndpointField = Annotated[Endpoint, BeforeValidator(read_endpoint)]
PortRangeField = Annotated[PortRange, BeforeValidator(read_port_range)]
