"""The formats judged: one for each encoding that the media path carries here."""

from rtp.codec import ENCODINGS
from rtp.format import Format

__all__ = ["FORMATS", "G711"]

G711 = ("PCMU", "PCMA")

_ALL = (
    Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000),
    Format(encoding="PCMA", payload_type=8, clock_rate=8000, sample_rate=8000),
    Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000),
    Format(encoding="opus", payload_type=111, clock_rate=48000, sample_rate=16000),
)
FORMATS = {audio.encoding: audio for audio in _ALL if audio.encoding.upper() in ENCODINGS}
