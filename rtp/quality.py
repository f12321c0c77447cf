"""How a call sounds, estimated from what was counted: the E-model of ITU-T G.107.

    R = 93.2 - Id(delay) - Ie,eff(codec, loss)            MOS from R by G.107 annex B

Everything that RTP does not tell (levels, echo, noise) has its default, which gives the 93.2. All
codecs are rated on the narrow-band scale, up to 4.4: it compares networks, not codecs.
"""

from dataclasses import dataclass

from rtp.stats import StreamStats

__all__ = ["Quality", "estimate", "mos_of"]

_BEST = 93.2
_OURS_S = 0.030  # one packet's length, and our share of handling it
_LATEST_S = 0.1773  # one-way delay beyond which talking to each other suffers


@dataclass(frozen=True, slots=True)
class _Codec:
    """What a codec costs (Ie), and how much loss it bears (Bpl)."""

    impairment: float
    robustness: float


_G711 = _Codec(0.0, 25.1)  # with concealment: G.113 appendix I
# G.113 has no narrow-band figures for these. G.722 conceals as G.711 does, with a decoder that
# takes a while to find back; Opus brings most lost frames along a second time.
_CODECS = {"PCMU": _G711, "PCMA": _G711, "G722": _Codec(0.0, 15.0), "OPUS": _Codec(0.0, 30.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Mean opinion scores, 1 (bad) to 4.4 (as good as a telephone gets)."""

    uplink: float | None
    """Of what came from the peer; None when nothing did."""
    downlink: float | None
    """Of what the peer got from us, by its RTCP; None when it reported nothing."""


def estimate(stats: StreamStats, encoding: str) -> Quality:
    """Estimate both directions of a stream. Raises ValueError for an unknown encoding."""
    try:
        codec = _CODECS[encoding.upper()]
    except KeyError:
        raise ValueError(f"no quality figures for {encoding!r}") from None
    way_s = _OURS_S + (stats.rtt or 0.0) / 2
    return Quality(
        uplink=mos_of(_rating(codec, _missing(stats), way_s + 2 * stats.jitter))
        if stats.received
        else None,
        downlink=mos_of(_rating(codec, _missed(stats), way_s + 2 * stats.remote_jitter))
        if stats.remote_reports
        else None,
    )


def mos_of(rating: float) -> float:
    """The mean opinion score of a rating R (G.107 annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def _missing(stats: StreamStats) -> float:
    """Share of the peer's packets that were not heard, 0 to 1."""
    missing = max(stats.lost, stats.late) + stats.excess
    played = max(0, stats.received - stats.duplicates - stats.late - stats.excess)
    return missing / (played + missing) if missing else 0.0


def _missed(stats: StreamStats) -> float:
    """Share of our packets that the peer missed, 0 to 1."""
    return min(1.0, max(0, stats.remote_lost) / stats.sent) if stats.sent else 0.0


def _rating(codec: _Codec, loss: float, delay_s: float) -> float:
    """R of one direction; loss as a share, taken for random, delay from mouth to ear."""
    percent = 100 * loss
    impairment = codec.impairment + (95 - codec.impairment) * percent / (percent + codec.robustness)
    late_s = max(0.0, delay_s - _LATEST_S)
    return _BEST - 24 * delay_s - 110 * late_s - impairment
