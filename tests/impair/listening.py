"""How speech sounds, by a published measure: PESQ.

Narrow band is ITU-T P.862 on the scale of P.862.1, wide band P.862.2.
"""

import numpy as np
from pesq import pesq

from tests.impair.speech import Speech

__all__ = ["opinions"]


def opinions(speech: Speech, heard: bytes) -> list[float]:
    """Mean opinion score (MOS-LQO) of each utterance: narrow band at 8 kHz, wide band at 16 kHz."""
    band = "nb" if speech.sample_rate == 8000 else "wb"
    reference = np.frombuffer(speech.pcm, "<i2")
    degraded = np.frombuffer(heard, "<i2")
    return [
        float(pesq(speech.sample_rate, reference[start:end], degraded[start:end], band))
        for start, end in speech.spans
    ]
