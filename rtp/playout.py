"""The agent's speech, held until the wire is ready for it."""

from collections import deque

__all__ = ["Playout"]


class Playout:
    """A queue of PCM taken in pieces of any even size and given out in frames.

    The pieces are kept as they came, so that a frame costs the same at any depth. Sizes are bytes
    of s16le mono PCM.
    """

    __slots__ = ("_capacity", "_offset", "_pieces", "depth")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pieces: deque[bytes] = deque()
        self._offset = 0  # bytes of the first piece already given out
        self.depth = 0
        """Bytes queued."""

    def resize(self, capacity: int) -> None:
        """Hold up to `capacity` bytes from the next push on."""
        self._capacity = capacity

    def push(self, pcm: bytes) -> int:
        """Queue PCM; returns how many of the oldest bytes had to go to make room.

        Half a sample at the end is left out: it would turn all that follows into noise.
        """
        if len(pcm) & 1:
            pcm = pcm[:-1]
        if not pcm:
            return 0
        self._pieces.append(pcm)
        self.depth += len(pcm)
        excess = self.depth - self._capacity
        if excess <= 0:
            return 0
        self.pull(excess)
        return excess

    def pull(self, size: int) -> bytes:
        """The next `size` bytes, or all there are when that is less."""
        pieces = self._pieces
        if not pieces:
            return b""
        first = pieces[0]
        end = self._offset + size
        if end < len(first):
            pcm = first[self._offset : end]
            self._offset = end
            self.depth -= size
            return pcm
        return self._gather(size)

    def put_back(self, pcm: bytes) -> None:
        """Give back the end of what was just pulled, to be pulled again."""
        pieces = self._pieces
        if pieces and self._offset:
            pieces[0] = pieces[0][self._offset :]
        pieces.appendleft(pcm)
        self._offset = 0
        self.depth += len(pcm)

    def clear(self) -> int:
        """Drop everything; returns how many bytes that was."""
        dropped = self.depth
        self._pieces.clear()
        self._offset = 0
        self.depth = 0
        return dropped

    def _gather(self, size: int) -> bytes:
        """A frame that ends its piece, or spans several."""
        parts: list[bytes] = []
        wanted = size
        while wanted and self._pieces:
            first = self._pieces[0]
            part = first[self._offset : self._offset + wanted]
            parts.append(part)
            wanted -= len(part)
            self._offset += len(part)
            if self._offset == len(first):
                self._pieces.popleft()
                self._offset = 0
        self.depth -= size - wanted
        return parts[0] if len(parts) == 1 else b"".join(parts)
