"""Opus (RFC 6716, RTP payload RFC 7587) by libopus, called directly.

libopus codes at 8, 12, 16, 24 or 48 kHz whatever the other side does, so a stream's PCM has the
agent's rate and is never resampled; the RTP clock is 48000 Hz all the same. PyAV carries libopus
too, but neither its inband FEC nor its concealment.
"""

import ctypes
import ctypes.util
from functools import cache

from rtp.conceal import Following

__all__ = ["RATES", "Opus", "OpusConcealer", "OpusError", "available", "packet_length"]

RATES = (8000, 12000, 16000, 24000, 48000)
"""Sample rates that libopus codes at, Hz."""

_OK = 0
_APPLICATION_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS, _SET_DTX, _SET_SIGNAL = (
    4002,
    4010,
    4012,
    4014,
    4016,
    4024,
)
_SIGNAL_VOICE = 3001
_LARGEST_PACKET = 1276  # octets of one frame at the highest rate (RFC 6716 section 3.4)
_LONGEST_S = 0.120  # of one packet (RFC 6716 section 2.1.4)
_FRAME_TICKS = (
    *3 * (480, 960, 1920, 2880),  # SILK: 10, 20, 40, 60 ms
    *2 * (480, 960),  # hybrid
    *4 * (120, 240, 480, 960),  # CELT: 2.5 to 20 ms
)
"""Length of a packet's frames by its configuration, in units of 48 kHz (RFC 6716 table 2)."""
_UNSENT = 2  # octets at most of a packet that DTX makes needless (opus_encode's return value)
_EXPECTED_LOSS = 3  # percent told libopus; by 10 it sounds worse at every loss up to 20
_WORTHWHILE = 0.01  # share lost from which on redundancy sounds better than what it costs
_CALM = 3  # reports in a row, of 5 s each, that tell of less: it stops
_STEP = 1  # of complexity: redundancy leaves fewer bits, which have to be chosen better


class OpusError(ValueError):
    """libopus refused."""


@cache
def _library() -> ctypes.CDLL:
    """Load libopus. Raises OSError where the system has none."""
    name = ctypes.util.find_library("opus") or "libopus.so.0"
    library = ctypes.CDLL(name)
    library.opus_strerror.restype = ctypes.c_char_p
    for function in (library.opus_encode, library.opus_decode):
        function.restype = ctypes.c_int
    return library


def available() -> bool:
    """Whether this system has libopus."""
    try:
        _library()
    except OSError:
        return False
    return True


def packet_length(payload: bytes) -> int:
    """Units of the RTP clock, 48 kHz, in one packet (RFC 6716 section 3.1); 0 in a broken one."""
    if not payload:
        return 0
    ticks, code = _FRAME_TICKS[payload[0] >> 3], payload[0] & 3
    if code < 2:
        return ticks << code
    if code == 2:
        return 2 * ticks
    return ticks * (payload[1] & 0x3F) if len(payload) > 1 else 0


def _check(code: int) -> int:
    if code < _OK:
        raise OpusError(f"opus: {_library().opus_strerror(code).decode()}")
    return code


class Opus:
    """One mono encoder and one decoder. Their states are buffers of ours, freed like any other."""

    def __init__(
        self,
        rate: int,
        *,
        bitrate: int = 28_000,
        complexity: int = 3,
        dtx: bool = False,
        redundancy: bool = True,
    ) -> None:
        """Code PCM of `rate` Hz, at about `bitrate` bits per second.

        Where `redundancy` is of use to the other side, each packet brings the frame before it
        along once more (inband FEC) until `follow` tells of little loss. Raises ValueError for a
        rate that Opus does not know, OSError without libopus.
        """
        if rate not in RATES:
            raise ValueError(f"opus does not code at {rate} Hz")
        self._opus = _library()
        self.rate = rate
        self._dtx = dtx
        self._encoder = ctypes.create_string_buffer(self._opus.opus_encoder_get_size(1))
        self._decoder = ctypes.create_string_buffer(self._opus.opus_decoder_get_size(1))
        _check(self._opus.opus_encoder_init(self._encoder, rate, 1, _APPLICATION_VOIP))
        _check(self._opus.opus_decoder_init(self._decoder, rate, 1))
        for request, value in (
            (_SET_BITRATE, bitrate),
            (_SET_DTX, int(dtx)),
            (_SET_SIGNAL, _SIGNAL_VOICE),
        ):
            self._set(request, value)
        self._complexity = complexity
        self._useful = redundancy
        self._calm = 0
        self._protect(on=redundancy)
        self._packet = ctypes.create_string_buffer(_LARGEST_PACKET)
        self.longest = int(_LONGEST_S * rate)
        """Samples in the longest packet there is."""
        self._pcm = ctypes.create_string_buffer(2 * self.longest)

    def follow(self, lost: float) -> None:
        """Go by the share of packets, 0 to 1, that the other side missed in its last interval."""
        if not self._useful:
            return
        self._calm = self._calm + 1 if lost < _WORTHWHILE else 0
        if self._calm in (0, _CALM):
            self._protect(on=not self._calm)

    @property
    def redundant(self) -> bool:
        """Whether packets bring the frame before them along."""
        return self._redundant

    def _protect(self, *, on: bool) -> None:
        self._redundant = on
        self._set(_SET_INBAND_FEC, int(on))
        self._set(_SET_PACKET_LOSS, _EXPECTED_LOSS if on else 0)
        self._set(_SET_COMPLEXITY, min(10, self._complexity + (_STEP if on else 0)))

    def _set(self, request: int, value: int) -> None:
        _check(self._opus.opus_encoder_ctl(self._encoder, request, ctypes.c_int(value)))

    def encode(self, pcm: bytes) -> bytes:
        """The packet of one frame of 2.5, 5, 10, 20, 40 or 60 ms. Raises OpusError for others."""
        size = _check(
            self._opus.opus_encode(self._encoder, pcm, len(pcm) // 2, self._packet, _LARGEST_PACKET)
        )
        return ctypes.string_at(self._packet, size)

    def encode_silence(self, samples: int) -> bytes:
        """The packet of `samples` of silence: coded, so that speech after it starts cleanly.

        With DTX empty where the other side need not hear of it.
        """
        packet = self.encode(bytes(2 * samples))
        return b"" if self._dtx and len(packet) <= _UNSENT else packet

    def decode(self, payload: bytes) -> bytes:
        """The PCM of one packet. Raises OpusError when it is not Opus."""
        return self._decode(payload, self.longest, fec=False)

    def conceal(self, samples: int, following: bytes | None = None) -> bytes:
        """Stand in for a lost frame of `samples`, just before the packet `following` if that came.

        Its redundancy (inband FEC) is used where it has any; else the decoder goes on by itself.
        """
        try:
            return self._decode(following, samples, fec=following is not None)
        except OpusError:
            return bytes(2 * samples)

    def _decode(self, payload: bytes | None, room: int, *, fec: bool) -> bytes:
        size = len(payload) if payload is not None else 0
        samples = _check(
            self._opus.opus_decode(self._decoder, payload, size, self._pcm, room, int(fec))
        )
        return ctypes.string_at(self._pcm, 2 * samples)


class OpusConcealer:
    """Leaves the invention of lost frames to the decoder, which joins what follows by itself.

    The frame before a packet comes from that packet's redundancy, frames before it from the
    decoder's own concealment. That fades to the caller's background noise, also where the sender
    was silent on purpose (DTX).
    """

    def __init__(self, codec: Opus) -> None:
        """Conceal the losses of the stream that `codec` decodes."""
        self._codec = codec
        self._unit = codec.rate // 400  # samples; libopus invents in steps of 2.5 ms
        self._step = codec.longest
        self._spent = True

    @property
    def spent(self) -> bool:
        """Whether there is no past to go on from."""
        return self._spent

    def remember(self, pcm: bytes, /) -> None:
        """The decoder has heard it already."""
        self._spent = False

    def reset(self) -> None:
        """Digital silence from here to the next good frame."""
        self._spent = True

    def settle(self) -> None:
        """The decoder knows."""

    def conceal(self, samples: int, following: Following | None = None) -> bytes:
        """The next `samples` of s16le PCM in place of lost ones, right before `following`."""
        if self._spent and following is None:
            return bytes(2 * samples)
        whole = -(-samples // self._unit) * self._unit
        pcm = b""
        while len(pcm) < 2 * whole:
            part = min(self._step, whole - len(pcm) // 2)
            last = len(pcm) // 2 + part == whole
            payload = following.payload if following is not None and last else None
            pcm += self._codec.conceal(part, payload)
        return pcm[-2 * samples :]

    def resume(self, pcm: bytes) -> bytes:
        """Joined to the invented frames by the decoder."""
        return pcm
