r"""Payloads whose turn has come, made sound, or sent on as they are.

    payload --> relay (`rtp.relay`) --> who wants its sound? --> codec --> PCM
                                                   \-- nobody: it has a length, and no sound

A codec that has not heard what was sent on hears the last of it before it makes sound again.
"""

import contextlib
from typing import Final

from rtp.codec import codec_for, concealment_for
from rtp.format import Format
from rtp.relay import Relay
from rtp.stats import StreamStats

__all__ = ["Decoder"]

_LONGEST_S: Final = 0.200  # audio in one packet


class Decoder:
    """The codec of one stream's way in, kept in step with its sender."""

    def __init__(self, audio: Format, *, stats: StreamStats) -> None:
        self.relay: Relay | None = None
        """Who sends payloads on as they come."""
        self.listened = True
        """Whether the sound of what is relayed is wanted too."""
        self._stats = stats
        self._deaf = False  # the codec has not heard the last payloads
        self._open(audio)

    def reformat(self, audio: Format) -> None:
        """Take payloads of another format, from a codec that knows nothing yet."""
        self.connect(None)
        self._open(audio)

    def _open(self, audio: Format) -> None:
        self._codec = codec_for(audio)
        self.concealment = concealment_for(self._codec, audio.sample_rate)
        """What fills the gaps in this codec's sound."""
        self._longest = int(_LONGEST_S * audio.sample_rate) * 2  # bytes of PCM
        self._longest_ticks = int(_LONGEST_S * audio.clock_rate)

    def connect(self, relay: Relay | None) -> None:
        """Have payloads sent on as they come, or no more."""
        self._hear_again()
        self.relay = relay

    def decode(self, payload: bytes) -> bytes:
        """The PCM of a payload; empty, and counted, when it is unusable."""
        try:
            pcm = self._codec.decode(payload)
        except ValueError:
            pcm = b""
        if 0 < len(pcm) <= self._longest:
            return pcm
        self._stats.invalid += 1
        return b""

    def pass_on(self, timestamp: int, payload: bytes, now: float, *, marker: bool) -> int:
        """Let a payload be sent on; its timestamp units where nobody wants its sound, else 0."""
        relay = self.relay
        if relay is None:
            return 0
        ticks = relay.length(payload)
        if not 0 < ticks <= self._longest_ticks:
            relay.miss(1)
            return 0
        if ticks > relay.longest:
            relay.yield_to_sound()
            return 0
        if relay.forward(timestamp, ticks, payload, now, marker=marker) or self.listened:
            self._hear_again(payload)
            return 0
        self._deaf = True
        return ticks

    def _hear_again(self, present: bytes | None = None) -> None:
        """Bring the codec to where it would be, had it heard all before the `present` payload."""
        if not self._deaf:
            return
        assert self.relay is not None
        self._deaf = False
        for payload in self.relay.recent:
            if payload is present:
                break
            with contextlib.suppress(ValueError):
                self.concealment.remember(self._codec.decode(payload))
