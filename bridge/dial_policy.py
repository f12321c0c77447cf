"""Whom an agent may transfer a call to: whatever is not allowed here is refused. Sans-I/O.

    "Sales"               a name of `destinations`      ──> +442071838750
    "+44 20 7183 8750"    a pattern of `allow` takes it ──> +442071838750
    "sip:12@pbx.example"  the same, by its very host    ──> sip:12@pbx.example

What an agent asks for comes from a language model that listens to strangers: it may name a
place, never write one. What is dialled is put together from the policy's own text.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Destination", "DialPolicy", "NotAllowed", "check_pattern", "check_target", "folded"]

MAX_DIGITS = 15
"""Of a telephone number (ITU-T E.164 section 6)."""

_NUMBER = re.compile(r"\+?[0-9]{1,15}")
_NUMBER_PATTERN = re.compile(r"\+?[0-9?]*\*?")
_SIP = re.compile(
    r"(?P<scheme>sips?):(?P<user>[A-Za-z0-9_.+*?-]{1,64})"
    r"@(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:[0-9]{1,5})?"
    r"(?P<params>;transport=(?:udp|tcp|tls))?",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[\s.()/-]+")


class NotAllowed(ValueError):
    """The dial policy does not allow it; the text may be told to the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a call may go."""

    target: str
    """A number or a SIP URI, as it is dialled."""
    name: str = ""
    """What the configuration calls it; empty where a pattern allowed it."""


class DialPolicy:
    """Names that stand for places, and patterns of places that may be dialled as they are."""

    def __init__(
        self, *, destinations: Mapping[str, str] | None = None, allow: Iterable[str] = ()
    ) -> None:
        """`destinations` and `allow` are as `check_target` and `check_pattern` let them pass."""
        self._named = {
            folded(name): Destination(target=target, name=name)
            for name, target in (destinations or {}).items()
        }
        patterns = tuple(allow)
        self._numbers = [_number_rule(each) for each in patterns if not _is_sip(each)]
        self._uris = [match for each in patterns if (match := _SIP.fullmatch(each))]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that an agent may choose from, as they are written."""
        return tuple(each.name for each in self._named.values())

    @property
    def open(self) -> bool:
        """Whether numbers or addresses may be given as well as names."""
        return bool(self._numbers or self._uris)

    def resolve(self, wanted: str) -> Destination:
        """Return where `wanted` leads: a name, a telephone number or a SIP address.

        Raises NotAllowed.
        """
        if (named := self._named.get(folded(wanted))) is not None:
            return named
        if (uri := _SIP.fullmatch(wanted.strip())) is not None:
            target = next(filter(None, (_admit(uri, rule) for rule in self._uris)), None)
        else:
            number = _SEPARATORS.sub("", wanted.removeprefix("tel:"))
            target = number if self._takes(number) else None
        if target is None:
            raise NotAllowed(self._refusal())
        return Destination(target=target)

    def _takes(self, number: str) -> bool:
        return bool(_NUMBER.fullmatch(number)) and any(r.fullmatch(number) for r in self._numbers)

    def _refusal(self) -> str:
        known = f"; it may go to {', '.join(self.names)}" if self._named else ""
        return f"calls may not be transferred there{known}"


def check_target(target: str) -> str:
    """Return a telephone number or SIP address without its separators. Raises ValueError."""
    match = _SIP.fullmatch(target)
    if match is not None and not set("*?") & set(match["user"]):
        return target
    number = _SEPARATORS.sub("", target.removeprefix("tel:"))
    if match is not None or not _NUMBER.fullmatch(number):
        raise ValueError("should be a telephone number or sip:user@host")
    return number


def check_pattern(pattern: str) -> str:
    """Return a pattern of numbers or of users at one SIP host. Raises ValueError."""
    if _SIP.fullmatch(pattern):
        return pattern
    number = _SEPARATORS.sub("", pattern)
    if _is_sip(pattern) or not _NUMBER_PATTERN.fullmatch(number) or not number.strip("+"):
        raise ValueError(
            "should be a number whose digits may be ? and whose end may be *, such as +4420*, or"
            " sip:user@host, where only the user may hold ? and *"
        )
    return number


def folded(name: str) -> str:
    """Return `name` as a speaker would not tell it from others: case, spaces, - and _ aside."""
    return re.sub(r"[\s_-]+", " ", name.strip().casefold())


def _is_sip(text: str) -> bool:
    return text.strip().lower().startswith(("sip:", "sips:"))


def _number_rule(pattern: str) -> re.Pattern[str]:
    """`?` is one digit, `*` at the end any number of them, none included."""
    return re.compile(re.escape(pattern).replace(r"\?", "[0-9]").replace(r"\*", "[0-9]*"))


def _admit(wanted: re.Match[str], rule: re.Match[str]) -> str | None:
    """The address to dial, with nothing of `wanted` in it but the user, or None."""
    user = re.escape(rule["user"]).replace(r"\?", "[A-Za-z0-9_.+-]")
    user = user.replace(r"\*", "[A-Za-z0-9_.+-]*")
    same = wanted["scheme"].lower() == rule["scheme"].lower() and (
        (wanted["host"].lower(), wanted["port"]) == (rule["host"].lower(), rule["port"])
    )
    if not same or not re.fullmatch(user, wanted["user"]):
        return None
    where = f"{rule['host']}{rule['port'] or ''}{rule['params'] or ''}"
    return f"{rule['scheme']}:{wanted['user']}@{where}"
