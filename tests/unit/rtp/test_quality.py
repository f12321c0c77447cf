import pytest

from rtp.quality import estimate, mos_of
from rtp.stats import StreamStats


def test_ratings_become_the_scores_of_annex_b() -> None:
    scores = {rating: round(mos_of(rating), 2) for rating in (-5, 0, 50, 60, 70, 80, 90, 100, 120)}
    assert scores == {
        -5: 1.0, 0: 1.0, 50: 2.58, 60: 3.1, 70: 3.6, 80: 4.02, 90: 4.34, 100: 4.5, 120: 4.5,
    }  # fmt: skip


def test_a_clean_call_sounds_as_good_as_a_telephone() -> None:
    quality = estimate(StreamStats(received=1000, sent=1000, remote_reports=3), "PCMU")
    assert quality.uplink == quality.downlink == pytest.approx(4.39, abs=0.02)


@pytest.mark.parametrize(
    ("lost", "expected"), [(10, 4.3), (30, 4.1), (50, 3.9), (100, 3.4), (200, 2.6)]
)
def test_loss_costs_what_concealed_g711_loses_by_it(lost: int, expected: float) -> None:
    stats = StreamStats(received=1000 - lost, lost=lost)
    assert estimate(stats, "PCMA").uplink == pytest.approx(expected, abs=0.1)


def test_opus_bears_more_loss_than_g711() -> None:
    stats = StreamStats(received=950, lost=50)
    opus, g711 = (estimate(stats, encoding).uplink for encoding in ("opus", "PCMU"))
    assert opus is not None
    assert g711 is not None
    assert opus > g711


def test_a_long_way_costs_more_than_a_short_one() -> None:
    scores = [
        estimate(StreamStats(received=1000, rtt=rtt), "PCMU").uplink for rtt in (0.0, 0.2, 0.6)
    ]
    assert scores == [pytest.approx(s, abs=0.05) for s in (4.39, 4.34, 3.5)]


def test_each_direction_has_its_own_score() -> None:
    stats = StreamStats(received=1000, sent=1000, remote_reports=1, remote_lost=100)
    quality = estimate(stats, "G722")
    assert quality.uplink is not None
    assert quality.downlink is not None
    assert quality.downlink < quality.uplink - 0.5


def test_what_nobody_told_has_no_score() -> None:
    quality = estimate(StreamStats(sent=1000), "PCMU")
    assert (quality.uplink, quality.downlink) == (None, None)


def test_a_late_packet_is_missing_once() -> None:
    lost_only = estimate(StreamStats(received=950, lost=50), "PCMU")
    came_late = estimate(StreamStats(received=1000, lost=50, late=50), "PCMU")
    assert lost_only == came_late


@pytest.mark.parametrize(
    "stats",
    [
        StreamStats(received=1, lost=10**9, late=10**9, excess=10**9, duplicates=10**9),
        StreamStats(received=5, sent=5, remote_reports=1, remote_lost=-40),
        StreamStats(received=5, sent=5, remote_reports=1, remote_lost=10**7, rtt=30_000.0),
        StreamStats(received=5, jitter=50.0),
    ],
)
def test_no_count_leads_beyond_the_scale(stats: StreamStats) -> None:
    quality = estimate(stats, "PCMU")
    assert all(1.0 <= mos <= 4.5 for mos in (quality.uplink, quality.downlink) if mos is not None)


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(ValueError, match="speex"):
        estimate(StreamStats(), "speex")


def test_packets_too_late_to_be_heard_are_missing_even_where_none_was_lost() -> None:
    late = estimate(StreamStats(received=1000, late=50), "PCMU")
    assert late == estimate(StreamStats(received=950, lost=50), "PCMU")


def test_a_peer_that_counts_duplicates_sounds_no_better_than_well() -> None:
    stats = StreamStats(sent=1000, remote_reports=1, remote_lost=-200)
    assert estimate(stats, "PCMU").downlink == pytest.approx(4.39, abs=0.02)
