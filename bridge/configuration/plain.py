"""What lies in a configuration's plain data, whatever shape a person gave it."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from bridge.configuration.document import Document, Location

__all__ = ["agents_and_routes", "listed", "named", "names", "names_under", "read", "under"]

Value = TypeVar("Value")


def under(data: Any, *keys: str) -> Any:
    """Return what lies under `keys`, or None where the way is barred."""
    for key in keys:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def names(document: Document, section: str) -> list[str]:
    """The names that a section defines."""
    return names_under(document.data, section)


def names_under(data: Any, *keys: str) -> list[str]:
    """The names of what lies under `keys`."""
    entries = under(data, *keys)
    return list(entries) if isinstance(entries, dict) else []


def named(document: Document, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the named entries of a section that have the right shape."""
    entries = under(document.data, section)
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        if isinstance(entry, dict):
            yield name, entry


def listed(document: Document, section: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the entries of a section that is a list, with their positions (from 0)."""
    entries = under(document.data, section)
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield position, entry


def agents_and_routes(document: Document) -> Iterator[tuple[Location, dict[str, Any]]]:
    """Yield every agent and every route that has the right shape, with its location."""
    for name, agent in named(document, "agents"):
        yield ("agents", name), agent
    for position, route in listed(document, "routes"):
        yield ("routes", position), route


def read(reader: Callable[[str], Value], value: Any) -> Value | None:
    """Return `value` as `reader` reads it, or None where it is absent or wrong in itself."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        return reader(str(value))
    except ValueError:
        return None
