"""Louder or quieter: a callback for audio, with a gain in front of it."""

from bridge.media.patchbay import Take
from rtp.codec import amplified

__all__ = ["with_gain"]


def with_gain(take: Take, decibels: float) -> Take:
    """`take`, for audio that is to be `decibels` louder; itself where that is nothing."""
    if not decibels:
        return take
    factor = 10 ** (decibels / 20)

    def louder(pcm: bytes) -> None:
        take(amplified(pcm, factor))

    return louder
