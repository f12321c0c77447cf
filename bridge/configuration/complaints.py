"""Pydantic's validation errors as mistakes that a person can mend."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.configuration.document import Document, Location
from bridge.configuration.mistakes import Mistake, nearest

__all__ = ["UNKNOWN_KEY", "complaints", "key_paths"]

UNKNOWN_KEY = "is not a key of the configuration"

_PLAIN = {
    "missing": "is required",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "string_type": "should be text; put quotes round it",
    "path_type": "should be a file name",
    "dict_type": "should be a mapping of keys to values",
    "model_type": "should be a mapping of keys to values",
    "tuple_type": "should be a list: [ … ]",
    "too_short": "needs at least one entry",
}
"""What to say for each type of pydantic error that has better words than pydantic's."""


def complaints(
    error: ValidationError,
    model: type[BaseModel],
    document: Document,
    *,
    unknown_key: str = UNKNOWN_KEY,
) -> list[Mistake]:
    """Return one mistake for each error that `model` found in `document`.

    `unknown_key` is what to say of a key that the model has not.
    """
    plain = {**_PLAIN, "extra_forbidden": unknown_key}
    details = error.errors(include_url=False, include_input=False)
    return [
        _mistake(each, model, document, plain) for each in details if not _follows(each, details)
    ]


def key_paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every key that `model` knows, dotted; names that users choose are written ``*``."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        yield path
        if (inner := _model_in(field.annotation)) is not None:
            named = field.annotation is not inner
            yield from key_paths(inner, f"{path}.*." if named else f"{path}.")


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list is too short only because what is in it is wrong."""
    at = detail["loc"]
    return detail["type"] == "too_short" and any(
        each is not detail and each["loc"][: len(at)] == at for each in details
    )


def _mistake(
    detail: ErrorDetails, model: type[BaseModel], document: Document, plain: dict[str, str]
) -> Mistake:
    # In brackets: a key that is wrong itself, and which of several forms a value has.
    location: Location = tuple(step for step in detail["loc"] if not str(step).startswith("["))
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx", {})
    close: str | None = context.get("nearest")
    if kind == "extra_forbidden":
        close = _nearest_key(str(location[-1]), location[:-1], model)
    if kind == "value_error":
        message = str(context["error"])
    elif kind in plain:
        message = plain[kind]
    else:
        message = detail["msg"].replace("Input should", "should")
    return document.mistake(location, message, close)


def _nearest_key(key: str, location: Location, model: type[BaseModel]) -> str | None:
    """Look among the keys of the same section, then for the very key in another."""
    here = _model_at(location, model)
    if (close := nearest(key, _keys(here))) is not None:
        return close
    elsewhere = [path for path in key_paths(model) if path.rpartition(".")[2] == key]
    return elsewhere[0] if len(elsewhere) == 1 else None


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(location: Location, model: type[BaseModel]) -> type[BaseModel]:
    """Return the section that `location` leads to; names and list positions lead nowhere new."""
    named = False
    for step in location:
        field = None if named else model.model_fields.get(str(step))
        named = False
        if field is not None and (inner := _model_in(field.annotation)) is not None:
            named = field.annotation is not inner
            model = inner
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation such as ``dict[str, Model]`` holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if (model := _model_in(part)) is not None:
            return model
    return None
