"""SIP and tel addresses: who a From or To names (RFC 3261 section 19.1, RFC 3966)."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

__all__ = [
    "NameAddr",
    "Uri",
    "check_sendable",
    "parse_name_addr",
    "parse_uri",
    "quote_display",
    "quote_user",
    "tag_of",
]

USER_SAFE = "-_.!~*'()&=+$,"
"""Characters of a user part that stand unescaped (RFC 3261 section 25.1) and cannot be taken
for the start of parameters or headers by a lenient parser."""

_UNSENDABLE = re.compile(r'[^!-~]|[<>"?\\^`{|}]')
_TAG = re.compile(r";\s*tag\s*=\s*([^\s;]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uri:
    """The parts of an address that decide where it leads."""

    scheme: str
    """sip, sips or tel, in lower case."""
    user: str
    """Unescaped; the number, of a tel URI."""
    host: str
    """Without the brackets of an IPv6 address; empty in a tel URI."""
    port: int | None
    params: dict[str, str]
    """URI parameters, names in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAddr:
    """A From, To or Contact value, read."""

    display: str
    uri: str
    user: str


def parse_uri(text: str) -> Uri:
    """Read an address.

    Raises ValueError when it has no known scheme or its port is no number.
    """
    scheme, colon, rest = text.strip().partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips", "tel"):
        raise ValueError(f"not a sip, sips or tel address: {text[:80]!r}")
    if scheme == "tel":
        number, params = _split_params(rest)
        return Uri(scheme=scheme, user=number, host="", port=None, params=params)
    user, at, where = rest.rpartition("@")
    host_port, params = _split_params(where.partition("?")[0])
    host, port = _split_port(host_port)
    user = user.partition(":")[0].partition(";")[0] if at else ""
    return Uri(scheme=scheme, user=unquote(user), host=host, port=port, params=params)


def check_sendable(text: str) -> None:
    """Refuse an address that would not stay one where it is written into a message as it is.

    Raises ValueError where a character is in it that no address has (RFC 3261 section 25.1), a line
    break above all, or headers, which the stack would make those of the request.
    """
    if "?" in text:
        raise ValueError("an address that is called holds no headers, and so no question mark")
    if found := _UNSENDABLE.search(text):
        raise ValueError(f"no address has {found[0]!r} in it")


def parse_name_addr(text: str) -> NameAddr:
    """Read ``"Ann" <sip:ann@x>;tag=1`` or its bare form; lenient, never raises."""
    display, opened, rest = _before_angle(text.strip())
    uri = rest.partition(">")[0] if opened else text.partition(";")[0].strip()
    try:
        user = parse_uri(uri).user
    except ValueError:
        user = ""
    return NameAddr(display=display, uri=uri, user=user)


def tag_of(text: str) -> str:
    """The tag of a From or To value (RFC 3261 section 19.3); empty where there is none."""
    found = _TAG.search(text.rpartition(">")[2])
    return found[1] if found else ""


def quote_user(user: str) -> str:
    """Escape what may not stand bare in a user part, so that a number cannot add parts."""
    return quote(user, safe=USER_SAFE)


def quote_display(name: str) -> str:
    """A display name as a quoted string, control characters removed."""
    clean = "".join(c for c in name if c.isprintable())
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _before_angle(text: str) -> tuple[str, bool, str]:
    """Display name, whether an angle bracket follows, and what follows it."""
    if text.startswith('"'):
        end = 1
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        display = text[1:end].replace('\\"', '"').replace("\\\\", "\\")
        rest = text[end + 1 :].lstrip()
        return display, rest.startswith("<"), rest[1:]
    display, opened, rest = text.partition("<")
    return (display.strip() if opened else ""), bool(opened), rest


def _split_params(text: str) -> tuple[str, dict[str, str]]:
    bare, *pairs = text.split(";")
    params: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        params[name.strip().lower()] = value.strip()
    return bare.strip(), params


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if port and not port.isdigit():
        raise ValueError(f"port of an address is no number: {port[:20]!r}")
    return host, int(port) if port else None
