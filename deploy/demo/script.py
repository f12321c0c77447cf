"""What is said in the demo: the agent's lines and the caller's recordings.

The caller is a person: Debian's asterisk-core-sounds-en-wav, 8 kHz. Her sentences stand at fixed
times, so that the first falls into the agent's greeting and the others into its silences.
"""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AGENT_PROMPT",
    "GREETING",
    "SAMPLE_RATE",
    "SOUNDS",
    "Sentence",
    "caller_speech",
    "echo_speech",
]

Samples = NDArray[np.int16]

SAMPLE_RATE = 8000
SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
TAIL_S = 30.0
"""Silence after the last sentence; baresip hangs up when its file ends, and the agent is first."""
EDGE_PEAK = 300
"""Quieter samples at either end of a recording are cut off."""

GREETING = (
    "Good morning and thank you for calling the reception of the telephone museum, which is open "
    "from nine to five on every working day, and while I have your attention, let me tell you all "
    "about our new opening hours in the summer."
)
AGENT_PROMPT = f"""\
You answer the telephone of an office. The lines below are for the stand-in.
say: {GREETING}
say: I am sorry to hear that. What has happened?
say: I see. Somebody with a net is on the way to you.
say: You are welcome.
tool: hang_up {{"farewell": "Thank you for calling. Goodbye."}}
"""

_LINES = (
    (2.6, ("im-sorry", "something-terribly-wrong"), "I'm sorry. Something is terribly wrong!"),
    (9.6, ("tt-weasels",), "Weasels have eaten our phone system."),
    (16.4, ("auth-thankyou", "goodbye"), "Thank you. Goodbye!"),
)
"""Second at which the caller begins, recordings, and what is heard in them."""

_ECHO_RECORDING = "demo-echotest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of the caller, and the second of her audio at which it begins."""

    text: str
    start_s: float


def caller_speech() -> tuple[Samples, list[Sentence]]:
    """The caller's whole audio, and her sentences in it.

    Raises FileNotFoundError when the recordings are not installed.
    """
    sentences = []
    pieces: list[Samples] = []
    length = 0
    for start_s, names, text in _LINES:
        speech = np.concatenate([_recording(name) for name in names])
        start = round(start_s * SAMPLE_RATE)
        pieces += [np.zeros(start - length, np.int16), speech]
        length = start + len(speech)
        sentences.append(Sentence(text=text, start_s=start_s))
    pieces.append(np.zeros(round(TAIL_S * SAMPLE_RATE), np.int16))
    return np.concatenate(pieces), sentences


def echo_speech() -> Samples:
    """22 s of speech for a call to the echo agent.

    Raises FileNotFoundError when the recordings are not installed.
    """
    return _recording(_ECHO_RECORDING)


def _recording(name: str) -> Samples:
    with wave.open(str(SOUNDS / f"{name}.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > EDGE_PEAK)
    return samples[loud[0] : loud[-1] + 1]
