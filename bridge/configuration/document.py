"""The configuration file as plain data: YAML read, ``${ENV}`` filled in (`environment`), every
key's line known.

YAML is read the way people write telephone numbers: a scalar is a number only when it would be
written back just so. ``+442071838750``, ``0123`` and ``20:30`` stay text, and so do ``yes`` and
``2026-01-31``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import yaml

from bridge.configuration.environment import References
from bridge.configuration.mistakes import Mistake

__all__ = ["Document", "Location", "dotted"]

Location = tuple[str | int, ...]
"""Keys and list positions (from 0) from the top of the document."""

_INT = re.compile(r"^(?:0|-?[1-9][0-9]*)$")
_FLOAT = re.compile(r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$")
_LONGEST_INT = 20
_TAG = "tag:yaml.org,2002:"
MOST_VALUES = 500_000
"""Values of one document; a few lines of aliases of aliases make any number of them."""


class _TooLong(Exception):
    """The document holds more values than anybody writes."""


class _Loader(yaml.SafeLoader):
    """Safe YAML whose plain scalars are null, true, false, canonical numbers, or text."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver(f"{_TAG}int", _INT, list("-0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}merge", re.compile(r"^<<$"), ["<"])


def dotted(location: Location) -> str:
    """Return a location as people write it: keys joined by dots, list items counted from 1."""
    return ".".join(str(step + 1) if isinstance(step, int) else step for step in location)


@dataclass(slots=True, kw_only=True)
class Document:
    """What a YAML text holds, and what is wrong with the text itself."""

    data: Any = field(default_factory=dict)
    readable: bool = True
    """The text is YAML; otherwise there is nothing in `data`."""
    lines: dict[Location, int] = field(default_factory=dict)
    """Line (from 1) of each key and list item."""
    mistakes: list[Mistake] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str, env: Mapping[str, str]) -> "Document":
        """Read `text`, taking variables from `env`; never raises, see `mistakes`."""
        document = cls()
        references = References(text, env)
        loader = None
        try:
            loader = _Loader(references.text)
            root = loader.get_single_node()
            if root is not None:
                document.data = _Reading(document, loader, references).value(root, (), ())
            if document.data is None:
                document.data = {}
        except yaml.YAMLError as error:
            document.readable = False
            document.mistakes.append(_syntax_mistake(error))
        except RecursionError:
            document.readable = False
            document.mistakes.append(Mistake(path="", message="is nested too deeply"))
        except _TooLong:
            document.readable = False
            told = f"holds more than {MOST_VALUES} values, those that aliases repeat included"
            document.mistakes.append(Mistake(path="", message=told))
        finally:
            if loader is not None:
                loader.dispose()
        return document

    def line(self, location: Location) -> int | None:
        """Return the line of what is at `location`, or of the nearest thing above it."""
        while location:
            if location in self.lines:
                return self.lines[location]
            location = location[:-1]
        return None

    def mistake(self, location: Location, message: str, nearest: str | None = None) -> Mistake:
        """Return a mistake that knows its path and line."""
        return Mistake(
            path=dotted(location), message=message, nearest=nearest, line=self.line(location)
        )


def _syntax_mistake(error: yaml.YAMLError) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML")
    if problem.startswith("but "):
        problem = f"{getattr(error, 'context', '')}, {problem}"
    if mark is None:
        return Mistake(path="", message=f"not valid YAML: {problem}")
    return Mistake(
        path="",
        message=f"not valid YAML at column {mark.column + 1}: {problem}",
        line=mark.line + 1,
    )


@dataclass(slots=True)
class _Reading:
    """Turns YAML nodes into plain data, noting lines and mistakes in the document."""

    document: Document
    loader: _Loader
    references: References
    checked: set[int] = field(default_factory=set)
    """Mappings whose keys were looked at; an alias names the same node twice."""
    count: int = 0
    """Values so far."""

    def value(self, node: yaml.Node, location: Location, above: tuple[int, ...]) -> Any:
        """Return what `node` holds; `above` are the nodes it lies in."""
        self.document.lines.setdefault(location, node.start_mark.line + 1)
        self.count += 1
        if self.count > MOST_VALUES:
            raise _TooLong
        if id(node) in above:
            self._note(location, "refers to itself")
            return None
        above = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location, above)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.value(item, (*location, position), above)
                for position, item in enumerate(node.value)
            ]
        return self._scalar(node, location)

    def _mapping(
        self, node: yaml.MappingNode, location: Location, above: tuple[int, ...]
    ) -> dict[str, Any]:
        if id(node) not in self.checked:
            self.checked.add(id(node))
            self._note_duplicates(node, location)
            self.loader.flatten_mapping(node)
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._note(location, "has a key that is not text")
                continue
            name = self._expand(str(key.value), location)
            here = (*location, name)
            self.document.lines[here] = key.start_mark.line + 1
            mapping[name] = self.value(value, here, above)
        return mapping

    def _note_duplicates(self, node: yaml.MappingNode, location: Location) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{_TAG}merge":
                continue
            line = key.start_mark.line + 1
            if key.value in first:
                self.document.mistakes.append(
                    Mistake(
                        path=dotted((*location, key.value)),
                        message=f"is here twice, first on line {first[key.value]}",
                        line=line,
                    )
                )
            first.setdefault(key.value, line)

    def _scalar(self, node: yaml.Node, location: Location) -> Any:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str":
                return self._expand(text, location)
            case "null":
                return None
            case "bool" if text in ("true", "false"):
                return text == "true"
            case "int" if _INT.match(text) and len(text) <= _LONGEST_INT:
                return int(text)
            case "float" if _FLOAT.match(text):
                return float(text)
        self._note(location, f"cannot be read as the YAML tag {node.tag}")
        return None

    def _expand(self, text: str, location: Location) -> str:
        return self.references.expand(text, partial(self._note, location))

    def _note(self, location: Location, message: str) -> None:
        self.document.mistakes.append(self.document.mistake(location, message))
