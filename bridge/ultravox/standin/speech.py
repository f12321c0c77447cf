"""The stand-in's voice: espeak-ng where it is installed, else tones with the rhythm of speech."""

import asyncio
import logging
import shutil
import struct
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger("bridge.ultravox.standin")

CACHE_CAPACITY = 64
"""Spoken texts kept."""
WORDS_PER_MINUTE = 165
TONE_RATE = 16000
TONE_S_PER_CHARACTER = 0.06
SYLLABLE_HZ = 4.0
PITCH_HZ = 140.0
TIMEOUT_S = 20.0

Samples = NDArray[np.float32]


class Speaker:
    """Turns text into PCM. Work is done off the loop; what was spoken once is kept."""

    def __init__(self, *, program: str | None = "espeak-ng") -> None:
        self._program = shutil.which(program) if program else None
        self._spoken: OrderedDict[tuple[str, int], asyncio.Task[bytes]] = OrderedDict()

    async def say(self, text: str, sample_rate: int) -> bytes:
        """Speech as s16le mono at `sample_rate`; at least 20 ms of it."""
        key = (text, sample_rate)
        if key not in self._spoken:
            self._spoken[key] = asyncio.create_task(self._synthesize(text, sample_rate))
            while len(self._spoken) > CACHE_CAPACITY:
                self._spoken.popitem(last=False)
        self._spoken.move_to_end(key)
        return await asyncio.shield(self._spoken[key])

    async def _synthesize(self, text: str, sample_rate: int) -> bytes:
        wav = await self._espeak(text) if self._program and text.strip() else b""
        return await asyncio.to_thread(_render, wav, text, sample_rate)

    async def _espeak(self, text: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            str(self._program),
            *("--stdin", "--stdout", "-v", "en", "-s", str(WORDS_PER_MINUTE)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            wav, _ = await asyncio.wait_for(process.communicate(text.encode()), TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            wav = b""
        if process.returncode:
            log.warning("espeak-ng failed with status %s, tones instead", process.returncode)
            return b""
        return wav


def _render(wav: bytes, text: str, sample_rate: int) -> bytes:
    samples, rate = _read_wav(wav) or (tones(text), TONE_RATE)
    return to_pcm(resample(samples, rate, sample_rate))


def _read_wav(wav: bytes) -> tuple[Samples, int] | None:
    """Samples and rate of a 16-bit mono WAV; from a pipe its header has no true length."""
    start = wav.find(b"data")
    if start < 0:
        return None
    (rate,) = struct.unpack_from("<I", wav, 24)
    body = wav[start + 8 :]
    return np.frombuffer(body[: len(body) & ~1], "<i2").astype(np.float32), rate


def tones(text: str) -> Samples:
    """A buzz with harmonics, syllables and pauses at the spaces, as long as `text` takes to say."""
    per_character = round(TONE_S_PER_CHARACTER * TONE_RATE)
    gate = np.repeat([0.0 if character.isspace() else 1.0 for character in text], per_character)
    time = np.arange(max(len(gate), TONE_RATE // 50)) / TONE_RATE
    gate = np.resize(gate, len(time)) if len(gate) else np.zeros(len(time))
    buzz = np.zeros(len(time))
    for harmonic in range(1, 12):
        buzz += np.sin(2 * np.pi * PITCH_HZ * harmonic * time) / harmonic
    syllables = 0.6 - 0.4 * np.cos(2 * np.pi * SYLLABLE_HZ * time)
    return (5000.0 * buzz * syllables * gate).astype(np.float32)


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """The same sound at `wanted` Hz, band-limited: its spectrum cut or extended."""
    if rate == wanted or not len(samples):
        return samples
    count = round(len(samples) * wanted / rate)
    spectrum = np.fft.rfft(samples)
    bins = count // 2 + 1
    cut = np.zeros(bins, dtype=spectrum.dtype)
    keep = min(bins, len(spectrum))
    cut[:keep] = spectrum[:keep]
    return (np.fft.irfft(cut, count) * (count / len(samples))).astype(np.float32)


def to_pcm(samples: Samples) -> bytes:
    """Samples as s16le, clipped."""
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
