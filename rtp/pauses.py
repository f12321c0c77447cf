r"""What is sent in the slots without speech.

slot --> a digit, as telephone-event or as tones
    \-> the end of speech that was cut off
    \-> silence, or where it lasts a word about it (comfort noise, RFC 3389)
"""

from typing import Final

from rtp import tones
from rtp.comfort import Hush
from rtp.dtmf import Keyed
from rtp.encoder import Encoder
from rtp.format import Format
from rtp.frames import Frames
from rtp.numbering import Numbering
from rtp.packet import MARKER
from rtp.stats import StreamStats

__all__ = ["Pauses"]

_NOISE_TYPE: Final = 13  # comfort noise (RFC 3551 table 4)


class Pauses:
    """Makes the packets of slots in which nothing is said."""

    def __init__(
        self,
        audio: Format,
        numbering: Numbering,
        frames: Frames,
        encoder: Encoder,
        *,
        stats: StreamStats,
    ) -> None:
        self._numbering = numbering
        self._frames = frames
        self._encoder = encoder
        self._stats = stats
        self.reformat(audio)

    def reformat(self, audio: Format) -> None:
        """Go on in another format; what was told of silence was told in the former one."""
        self._format = audio
        self._payload_type = audio.payload_type
        self._event_type = audio.event_payload_type
        self._event_ticks = audio.event_clock_rate * audio.ptime // 1000
        self._hush = Hush(audio.frame_s) if audio.comfort_noise else None

    def over(self) -> bool:
        """Something is to be heard again; whether receivers had been told of silence."""
        return self._hush is not None and self._hush.over()

    def packet(self, slot: int, keyed: Keyed | None, *, dialling: bool) -> bytes | None:
        """The packet of a slot; None where silence need not be sent.

        `keyed` is what the slot holds of a digit. While `dialling` silence is sent as it is.
        """
        if keyed is not None and not keyed.inband and self._event_type is not None:
            return self._event(keyed, self._event_type)
        kind = self._payload_type
        fading = self._frames.seam.open
        hush = self._hush
        if hush is not None:
            if dialling or fading:
                kind |= MARKER if hush.over() else 0
            elif (noise := hush.payload(slot)) is not None:
                return self._numbering.packet(_NOISE_TYPE, slot, noise) if noise else None
        if keyed is not None and keyed.sounding:
            payload = self._tone(keyed)
        elif fading:
            payload = self._encoder.encode(self._frames.silence())
        else:
            payload = self._encoder.encode_silence()
        return self._numbering.packet(kind, slot, payload) if payload else None

    def _event(self, keyed: Keyed, kind: int) -> bytes:
        """A packet of a digit, with the timestamp of the digit's first slot."""
        self._note_digit(keyed)
        if not keyed.frame:
            kind |= MARKER
        return self._numbering.packet(kind, keyed.began, keyed.payload(self._event_ticks))

    def _tone(self, keyed: Keyed) -> bytes:
        """The payload of a slot in which a digit sounds."""
        self._note_digit(keyed)
        return self._encoder.encode(tones.frame(keyed, self._format))

    def _note_digit(self, keyed: Keyed) -> None:
        """A digit sounds, and what was cut off before it does no more."""
        self._frames.seam.forget()
        if not keyed.frame:
            self._stats.digits_sent += 1
