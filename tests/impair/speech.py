"""Recorded speech, said in one call: utterance after utterance, with pauses between them.

The recordings are Debian's: one speaker, 8 kHz and 16 bit in asterisk-core-sounds-en-wav, and
the same ones at 16 kHz, as G.722, in asterisk-core-sounds-en-g722.
"""

import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtp.codec import codec_for
from rtp.format import Format

__all__ = ["Recording", "Speech", "in_one_call", "recordings"]

_FOLDER = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
_PACKAGE = "asterisk-core-sounds-en-"
_G722 = Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000)

_SHORTEST_S, _LONGEST_S = 2.0, 8.0
_PAUSE_S = 0.4  # before each utterance, and after the last
_MARGIN_S = 0.2  # of it on either side of an utterance, judged with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One utterance, s16le mono."""

    name: str
    sample_rate: int
    pcm: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Utterances in a row; each span is in samples and reaches into the pauses around it."""

    pcm: bytes
    sample_rate: int
    spans: tuple[tuple[int, int], ...]


def recordings(count: int, sample_rate: int = 8000) -> list[Recording]:
    """`count` utterances of 2 to 8 s, spread evenly over all there are by name.

    At 8000 or 16000 Hz. Raises FileNotFoundError when the package with them is not installed.
    """
    found = [path for path in sorted(_FOLDER.rglob("*.wav")) if _is_utterance(path)]
    if len(found) < count:
        raise FileNotFoundError(f"{len(found)} recordings: install {_PACKAGE}wav")
    chosen = [found[number * len(found) // count] for number in range(count)]
    read: Callable[[Path], bytes] = _read_wav if sample_rate == 8000 else _read_g722
    return [Recording(name=path.stem, sample_rate=sample_rate, pcm=read(path)) for path in chosen]


def _is_utterance(path: Path) -> bool:
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
    return _SHORTEST_S <= seconds <= _LONGEST_S and path.parent.name != "silence"


def _read_wav(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        pcm: bytes = file.readframes(file.getnframes())
    return pcm


def _read_g722(path: Path) -> bytes:
    try:
        coded = path.with_suffix(".g722").read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"no wide-band recordings: install {_PACKAGE}g722") from None
    return codec_for(_G722).decode(coded)


def in_one_call(said: list[Recording]) -> Speech:
    """The recordings one after the other."""
    rate = said[0].sample_rate
    pause = bytes(2 * int(_PAUSE_S * rate))
    margin = int(_MARGIN_S * rate)
    pcm = bytearray(pause)
    spans = []
    for recording in said:
        start = len(pcm) // 2
        pcm += recording.pcm
        spans.append((start - margin, len(pcm) // 2 + margin))
        pcm += pause
    return Speech(pcm=bytes(pcm), sample_rate=rate, spans=tuple(spans))
