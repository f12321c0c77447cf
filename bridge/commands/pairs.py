"""Names with their values as words of the command line: ``name=value``, ``Name: value``."""

from collections.abc import Iterable

__all__ = ["BadPair", "headers", "variables"]


class BadPair(ValueError):
    """A word that holds no name, or no divider; the text says which."""


def variables(words: Iterable[str]) -> dict[str, str]:
    """Those of ``--var``; a value may hold anything, ``=`` too. Raises BadPair."""
    return dict(_pair("--var", word, "=") for word in words)


def headers(words: Iterable[str]) -> dict[str, str]:
    """Those of ``--header``, as SIP writes them. Raises BadPair."""
    found = (_pair("--header", word, ":") for word in words)
    return {name.strip(): value.strip() for name, value in found}


def _pair(option: str, word: str, divider: str) -> tuple[str, str]:
    name, found, value = word.partition(divider)
    if not name.strip() or not found:
        raise BadPair(f"{option} {word}: should be name{divider}value")
    return name, value
