"""A function's parameters: the JSON schema that the agent gets, and the check of what it gives.

`Signature` leaves out the parameter that takes the call; the agent is not offered that one.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError

__all__ = ["BadArguments", "Parameter", "Signature", "Unsupported", "inlined"]

_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only",
    inspect.Parameter.VAR_POSITIONAL: "takes any number of values",
    inspect.Parameter.VAR_KEYWORD: "takes any name",
}


class Unsupported(ValueError):
    """The function cannot be a tool; the text says why."""


class BadArguments(ValueError):
    """The agent's arguments are wrong; the text tells it what to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter as the agent sees it."""

    name: str
    schema: Mapping[str, Any]
    required: bool


class Signature:
    """What a function takes from the agent, and from us."""

    def __init__(
        self, function: Callable[..., Any], *, ours: type, descriptions: Mapping[str, str]
    ) -> None:
        """A parameter annotated `ours` is given by us and not offered. Raises Unsupported."""
        self.context: str | None = None
        """The parameter that takes what is `ours`."""
        fields: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        for name, annotation, default in _parameters(function):
            if annotation is ours:
                self.context = name
                continue
            # Under a name of its own: a model may have no field named copy, json or _x.
            key = f"p{len(fields)}"
            self._names[key] = name
            described = {"description": descriptions[name]} if name in descriptions else {}
            fields[key] = (annotation, _field(annotation, name, default, described))
        self._model = _model(function, fields)
        self.parameters = tuple(self._described())

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the agent's arguments as the function takes them. Raises BadArguments."""
        try:
            checked = self._model.model_validate(dict(arguments))
        except ValidationError as error:
            raise BadArguments(_complaint(error)) from None
        return {self._names[key]: getattr(checked, key) for key in checked.model_fields_set}

    def _described(self) -> list[Parameter]:
        whole = TypeAdapter(self._model).json_schema(by_alias=True)
        definitions = whole.get("$defs", {})
        required = set(whole.get("required", ()))
        return [
            Parameter(
                name=name,
                schema=_plain(inlined(schema, definitions), optional=name not in required),
                required=name in required,
            )
            for name, schema in whole.get("properties", {}).items()
        ]


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """Name, annotation and default of each parameter. Raises Unsupported."""
    try:
        signature = inspect.signature(function)
        hints = typing.get_type_hints(function, include_extras=True)
    except (TypeError, ValueError, NameError) as error:
        raise Unsupported(f"its signature cannot be read: {error}") from None
    found = []
    for name, parameter in signature.parameters.items():
        if parameter.kind in _KINDS:
            raise Unsupported(f"parameter {name} {_KINDS[parameter.kind]}; tools take named values")
        if name not in hints:
            raise Unsupported(f"parameter {name} has no type; annotate it")
        found.append((name, hints[name], parameter.default))
    return found


def _field(annotation: Any, name: str, default: Any, described: Mapping[str, str]) -> Any:
    # What Annotated says of itself is not overridden by the docstring.
    told = any(getattr(extra, "description", None) for extra in typing.get_args(annotation)[1:])
    more: dict[str, Any] = {"alias": name, **({} if told else described)}
    if default is inspect.Parameter.empty:
        return Field(**more)
    # By a factory, so that the schema need not be able to show it.
    return Field(default_factory=lambda: default, **more)


def _model(function: Callable[..., Any], fields: dict[str, Any]) -> type[BaseModel]:
    name = getattr(function, "__name__", "tool")
    config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    try:
        model: type[BaseModel] = create_model(name, __config__=config, **fields)
        TypeAdapter(model).json_schema()
    except (PydanticUserError, TypeError, NameError, RecursionError) as error:
        told = str(error).splitlines()[0]
        raise Unsupported(f"a parameter's type cannot be told to an agent: {told}") from None
    return model


def inlined(schema: Any, definitions: Mapping[str, Any], within: tuple[str, ...] = ()) -> Any:
    """A schema in which every reference is replaced by what it refers to. Raises Unsupported."""
    if isinstance(schema, list):
        return [inlined(each, definitions, within) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: value for key, value in schema.items() if key not in ("$ref", "$defs")}
    whole = {key: inlined(value, definitions, within) for key, value in rest.items()}
    if (reference := schema.get("$ref")) is None:
        return whole
    name = str(reference).rpartition("/")[2]
    if name in within:
        raise Unsupported(f"its parameters hold {name} within {name}, without end")
    return {**inlined(definitions[name], definitions, (*within, name)), **whole}


def _plain(schema: Any, *, optional: bool) -> Any:
    """A parameter's schema without titles that only repeat names, nor the null of an absent one."""
    schema = _untitled(schema)
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if optional and len(options) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**options[0], **rest}
    return schema


def _untitled(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        # A property may be named title; the keyword holds a text.
        key: _untitled(value)
        for key, value in schema.items()
        if key != "title" or not isinstance(value, str)
    }


def _complaint(error: ValidationError) -> str:
    told = []
    for each in error.errors(include_url=False, include_input=False):
        place = ".".join(str(step) for step in each["loc"]) or "arguments"
        what = "is no parameter of this tool" if each["type"] == "extra_forbidden" else each["msg"]
        told.append(f"{place}: {what}")
    return "; ".join(told)
