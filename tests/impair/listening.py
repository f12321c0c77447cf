"""How speech sounds, by a published measure: PESQ.

Narrow band is ITU-T P.862 on the scale of P.862.1, wide band P.862.2.
"""

from functools import lru_cache

import numpy as np
from pesq import pesq

from tests.impair.speech import Speech

__all__ = ["opinions"]


def opinions(speech: Speech, heard: bytes) -> list[float]:
    """Mean opinion score (MOS-LQO) of each utterance: narrow band at 8 kHz, wide band at 16 kHz."""
    return [
        _opinion(speech.sample_rate, speech.pcm[2 * start : 2 * end], heard[2 * start : 2 * end])
        for start, end in speech.spans
    ]


@lru_cache(maxsize=512)  # jitter seldom changes what is heard, only when
def _opinion(sample_rate: int, said: bytes, heard: bytes) -> float:
    reference, degraded = (np.frombuffer(pcm, "<i2") for pcm in (said, heard))
    return float(pesq(sample_rate, reference, degraded, "nb" if sample_rate == 8000 else "wb"))
