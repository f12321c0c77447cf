"""What passes between the process of the calls and that of the tools: a JSON object a line."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["MAX_FRAME", "FrameSocket", "pack", "unpack"]

MAX_FRAME = 16 * 1024 * 1024
"""Octets of a line; a transcript or a list of many tools is the longest."""

Frame = Mapping[str, Any]


def pack(frame: Frame) -> bytes:
    """Write one."""
    return json.dumps(frame, separators=(",", ":")).encode() + b"\n"


def unpack(line: bytes) -> dict[str, Any]:
    """Read one. Raises ValueError where it is none."""
    frame = json.loads(line)
    if not isinstance(frame, dict):
        raise ValueError("a frame should be an object")
    return frame


class FrameSocket:
    """The end of the tools' process: blocking, written from any thread, read from one."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        self._writing = threading.Lock()

    def send(self, frame: Frame) -> None:
        """Send one. Raises OSError where the other end is gone."""
        data = pack(frame)
        with self._writing:
            self._socket.sendall(data)

    def frames(self) -> Iterator[dict[str, Any]]:
        """Read until the other end is closed."""
        with self._socket.makefile("rb") as lines:
            for line in lines:
                yield unpack(line)
