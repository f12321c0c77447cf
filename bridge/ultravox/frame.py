"""A WebSocket frame as it comes, or kept for later."""

from dataclasses import dataclass
from typing import Protocol

from picows import WSMsgType

__all__ = ["Frame", "KeptFrame"]


class Frame(Protocol):
    """What is asked of a frame. Flags are numbers: picows has them so, whatever it declares."""

    @property
    def msg_type(self) -> WSMsgType: ...
    @property
    def fin(self) -> int: ...
    @property
    def rsv1(self) -> int: ...
    def get_payload_as_bytes(self) -> bytes: ...
    def get_payload_as_memoryview(self) -> memoryview: ...


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """What is needed of a frame whose buffer is about to be used again."""

    msg_type: WSMsgType
    fin: int
    rsv1: int
    payload: bytes

    def get_payload_as_bytes(self) -> bytes:
        return self.payload

    def get_payload_as_memoryview(self) -> memoryview:
        return memoryview(self.payload)
