"""One negotiated audio format, from which every sample, tick and byte count derives."""

from dataclasses import dataclass

__all__ = ["Format", "OpusTerms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpusTerms:
    """How our Opus encoder works; the decoder takes whatever comes."""

    bitrate: int = 28_000
    """Bits per second, about. Less than 24 kbit/s leaves no room for redundancy against loss."""
    complexity: int = 3
    """0 to 10; speech gains little above, and the cost doubles."""
    redundancy: bool = True
    """Whether the other side can use inband FEC (useinbandfec)."""
    dtx: bool = False
    """Send nothing while there is nothing to hear, as the other side asked (usedtx)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What one side of an offer/answer settled for one audio stream.

    Clock rate and sample rate differ where history wants it: G.722 counts RTP time at 8000 Hz
    and samples at 16000 Hz (RFC 3551 section 4.5.2).
    """

    encoding: str
    """Encoding name of RFC 4855, "PCMU" or "PCMA"; compared without regard to case."""
    payload_type: int
    clock_rate: int
    """RTP timestamp units per second."""
    sample_rate: int
    """PCM samples per second."""
    ptime: int = 20
    """Milliseconds of audio in each packet we send."""
    max_ptime: int = 0
    """Milliseconds that the peer takes in one at most; 0 where it does not say."""
    event_payload_type: int | None = None
    """Payload type of telephone-event (RFC 4733), None when not negotiated."""
    event_clock_rate: int = 8000
    own_payload_type: int | None = None
    """Payload type of what comes, where it is another than that of what we send."""
    own_event_payload_type: int | None = None
    """The same of telephone-event."""
    comfort_noise: bool = False
    """Whether silence is described (RFC 3389, payload type 13) where it lasts, not sent."""
    opus: OpusTerms = OpusTerms()
    """Of no matter to other encodings."""

    @property
    def coding(self) -> tuple[str, int, int, OpusTerms]:
        """What makes a codec: formats that have it in common can share one."""
        return self.encoding.upper(), self.clock_rate, self.sample_rate, self.opus

    @property
    def samples(self) -> int:
        """PCM samples in one frame."""
        return self.sample_rate * self.ptime // 1000

    @property
    def frame_bytes(self) -> int:
        """Bytes of s16le mono PCM in one frame."""
        return self.samples * 2

    @property
    def frame_s(self) -> float:
        """Seconds of audio in one frame."""
        return self.ptime / 1000

    @property
    def timestamp_step(self) -> int:
        """RTP timestamp units in one frame."""
        return self.clock_rate * self.ptime // 1000

    @property
    def silence(self) -> bytes:
        """One frame of silent PCM."""
        return bytes(self.frame_bytes)

    def bears(self, other: "Format") -> bool:
        """Whether payloads of the other format may be sent as this one's."""
        return (
            self.encoding.upper() == other.encoding.upper()
            and self.clock_rate == other.clock_rate
            and self.opus.bitrate >= other.opus.bitrate
        )
