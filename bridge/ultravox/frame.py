"""A WebSocket frame as it comes, or kept for later."""

from dataclasses import dataclass

from picows import WSFrame, WSMsgType

__all__ = ["Frame", "KeptFrame"]


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """What is needed of a frame whose buffer is about to be used again."""

    msg_type: WSMsgType
    fin: bool
    rsv1: bool
    payload: bytes

    def get_payload_as_bytes(self) -> bytes:
        return self.payload

    def get_payload_as_memoryview(self) -> memoryview:
        return memoryview(self.payload)


Frame = WSFrame | KeptFrame
