"""The data messages of an Ultravox call as JSON text and back: the door to all of them. Sans-I/O.

    text frame --parse--> Message | Unknown        Message --serialize--> text frame

A field without a default is always written, null included, the others only when they hold
something. What is not documented is never an error: it parses as `Unknown`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from bridge.ultravox.client_messages import (
    ClientMessage,
    ClientToolResult,
    DataConnectionToolResult,
    ForcedAgentMessage,
    HangUp,
    Ping,
    SetOutputMedium,
    SpawnThread,
    UserTextMessage,
)
from bridge.ultravox.server_messages import (
    CallStarted,
    ClientToolInvocation,
    DataConnectionToolInvocation,
    Debug,
    PlaybackClearBuffer,
    Pong,
    ServerMessage,
    SideGenerationCompleted,
    SideGenerationDelta,
    State,
    ThreadRejected,
    ThreadSpawned,
    ThreadTerminated,
    Transcript,
    UserStartedSpeaking,
    UserStoppedSpeaking,
)
from bridge.ultravox.transcript import Transcripts, Utterance
from bridge.ultravox.vocabulary import (
    AgentState,
    Json,
    Medium,
    Reaction,
    ResponseType,
    Role,
    ToolErrorType,
    Urgency,
)

__all__ = [
    "AgentState",
    "CallStarted",
    "ClientMessage",
    "ClientToolInvocation",
    "ClientToolResult",
    "DataConnectionToolInvocation",
    "DataConnectionToolResult",
    "Debug",
    "ForcedAgentMessage",
    "HangUp",
    "Json",
    "Medium",
    "Message",
    "Ping",
    "PlaybackClearBuffer",
    "Pong",
    "Reaction",
    "ResponseType",
    "Role",
    "ServerMessage",
    "SetOutputMedium",
    "SideGenerationCompleted",
    "SideGenerationDelta",
    "SpawnThread",
    "State",
    "ThreadRejected",
    "ThreadSpawned",
    "ThreadTerminated",
    "ToolErrorType",
    "Transcript",
    "Transcripts",
    "Unknown",
    "Urgency",
    "UserStartedSpeaking",
    "UserStoppedSpeaking",
    "UserTextMessage",
    "Utterance",
    "parse",
    "serialize",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A message of a type, or with a value, that is not documented. To be ignored."""

    type: str
    raw: Json


Message = ServerMessage | ClientMessage
Decoder = Callable[[Any], Any]


def parse(text: str) -> Message | Unknown:
    """Read one text frame.

    Raises ValueError when it is not a JSON object with a `type`, or lacks what its type requires.
    """
    raw = _load(text)
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        raise ValueError("message is not a JSON object with a type")
    kind = _KINDS.get(raw["type"])
    return kind.decode(raw) if kind else Unknown(type=raw["type"], raw=raw)


def serialize(message: Message) -> str:
    """Write one text frame."""
    kind = _KINDS[message.type]
    body: dict[str, Any] = {"type": message.type}
    for field in kind.fields:
        value = getattr(message, field.name)
        if field.required or (value not in (None, field.empty) or value is False):
            body[field.key] = value
    return json.dumps(body, separators=(",", ":"))


def _load(text: str) -> Any:
    try:
        raw = json.loads(text)
    except RecursionError:
        raise ValueError("message is nested too deeply") from None
    if "\\ud" in text or "\\uD" in text:
        # An escaped lone surrogate is legal JSON but cannot be written as UTF-8 again.
        raw = json.loads(json.dumps(raw, ensure_ascii=False).encode("utf-8", "replace"))
    return raw


class _Field:
    """How one field of a message is read and written."""

    __slots__ = ("decode", "empty", "key", "name", "nullable", "required")

    def __init__(self, field: Field[Any], hint: Any) -> None:
        head, *rest = field.name.split("_")
        self.name = field.name
        self.key = head + "".join(word.capitalize() for word in rest)
        factory = field.default_factory
        self.empty = factory() if factory is not MISSING else field.default
        self.required = self.empty is MISSING
        self.nullable = NoneType in get_args(hint)
        self.decode = _decoder(hint)


class _Kind:
    """How one type of message is read and written."""

    __slots__ = ("cls", "fields")

    def __init__(self, cls: type[Message]) -> None:
        hints = get_type_hints(cls)
        self.cls = cls
        self.fields = [_Field(field, hints[field.name]) for field in fields(cls)]

    def decode(self, raw: dict[str, Any]) -> Message | Unknown:
        values: dict[str, Any] = {}
        for field in self.fields:
            value = raw.get(field.key)
            if value is None and field.required and not field.nullable:
                raise ValueError(f"{self.cls.type} message lacks {field.key}")
            if value is None:
                if field.required:
                    values[field.name] = None
                continue
            try:
                values[field.name] = field.decode(value)
            except TypeError:
                raise ValueError(f"{self.cls.type} message has a wrong {field.key}") from None
            except ValueError:
                return Unknown(type=self.cls.type, raw=raw)
        return self.cls(**values)


def _decoder(hint: Any) -> Decoder:
    """A check of one JSON value: TypeError if of a wrong type, ValueError if new to its enum."""
    plain = next((arg for arg in get_args(hint) if arg is not NoneType), hint)
    if NoneType in get_args(hint):
        return _decoder(plain)
    origin = get_origin(hint)
    if origin is tuple:
        return _objects
    if origin is not None and issubclass(origin, Mapping):
        return _exactly(dict)
    if hint is float:
        return _number
    if issubclass(hint, StrEnum):
        return lambda value: hint(_exactly(str)(value))
    return _exactly(hint)


def _exactly(kind: type) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return decode


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        raise TypeError from None


def _objects(value: Any) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError
    return tuple(value)


_KINDS: dict[str, _Kind] = {cls.type: _Kind(cls) for cls in get_args(Message)}
