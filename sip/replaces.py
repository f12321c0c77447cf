"""Dialogs named in messages: Replaces (RFC 3891), and the Refer-To that carries it (RFC 3515)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote

from sip.message import Headers
from sip.uri import parse_name_addr, parse_uri

__all__ = ["DialogId", "ReferTo", "Replaces", "parse_refer_to", "parse_replaces", "refer_to"]

HEADER_SAFE: Final = "-_.!~*'()[]/?:+$"
"""What stands unescaped in a header of a URI (RFC 3261 section 25.1, hvalue)."""
_WORD: Final = re.compile(r"[^\s;,<>\"]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogId:
    """A dialog by its Call-ID and tags, from our side (RFC 3261 section 12)."""

    call_id: str
    local_tag: str
    remote_tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaces:
    """A dialog by its Call-ID and tags, from the side of whoever receives this."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    def names(self, dialog: DialogId) -> bool:
        """Whether it means that dialog of ours, by exactly these tags."""
        return dialog == DialogId(
            call_id=self.call_id, local_tag=self.to_tag, remote_tag=self.from_tag
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferTo:
    """Whom a REFER wants called."""

    target: str
    """Address, without the headers in it."""
    replaces: Replaces | None
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the call has to carry of what the address said: Replaces."""


def parse_replaces(value: str) -> Replaces:
    """Read a Replaces header. Raises ValueError when it names no dialog."""
    if "," in value:
        raise ValueError("Replaces names more than one dialog")
    call_id, *pairs = value.split(";")
    params: dict[str, str] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        params[name.strip().lower()] = text.strip()
    words = (call_id.strip(), params.get("to-tag", ""), params.get("from-tag", ""))
    if not all(_WORD.fullmatch(word) for word in words):
        raise ValueError(f"Replaces names no dialog: {value[:80]!r}")
    return Replaces(
        call_id=words[0], to_tag=words[1], from_tag=words[2], early_only="early-only" in params
    )


def parse_refer_to(headers: Headers) -> ReferTo:
    """Read Refer-To of a REFER.

    Raises ValueError when there is not exactly one, or it holds no address that can be called.
    """
    values = headers.get("Refer-To", ())
    if len(values) != 1:
        raise ValueError(f"a REFER has one Refer-To, this one has {len(values)}")
    uri = parse_name_addr(values[0]).uri
    target, _, extra = uri.partition("?")
    where = parse_uri(target)
    if not (where.user if where.scheme == "tel" else where.host):
        raise ValueError(f"Refer-To names nobody: {values[0][:80]!r}")
    named = dict(pair.partition("=")[::2] for pair in extra.split("&") if pair)
    text = next((unquote(v) for name, v in named.items() if name.lower() == "replaces"), "")
    if not text:
        return ReferTo(target=target, replaces=None)
    return ReferTo(target=target, replaces=parse_replaces(text), headers={"Replaces": text})


def refer_to(uri: str, replaced: DialogId) -> str:
    """The address that has its callee take the place of a dialog of ours (RFC 5589)."""
    value = f"{replaced.call_id};to-tag={replaced.remote_tag};from-tag={replaced.local_tag}"
    return f"{uri.partition('?')[0]}?Replaces={quote(value, safe=HEADER_SAFE)}"
