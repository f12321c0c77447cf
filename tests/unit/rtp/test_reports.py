import pytest

from rtp import rtcp
from rtp.reports import Reported, Reports, ntp_time
from rtp.stats import StreamStats

OURS, PEER = 0xAAAA, 0xBBBB
NOON = 1_700_000_000.5


def stream(
    *, peer: int | None = PEER, base: int = 100, highest: int = 199, received: int = 100
) -> Reported:
    return Reported(
        ssrc=OURS,
        timestamp=1234,
        clock_rate=8000,
        peer=peer,
        base=base,
        highest=highest,
        received=received,
    )


def written(reports: Reports, at: Reported, now: float = NOON) -> rtcp.Report:
    report = rtcp.parse(reports.write(at, ntp_time(now)))[0]
    assert isinstance(report, rtcp.Report)
    return report


def test_ntp_time_counts_from_1900_in_fractions_of_a_second() -> None:
    assert ntp_time(0.25) == (2_208_988_800 << 32) + (1 << 30)


def test_before_anything_is_sent_or_heard_the_report_is_empty() -> None:
    report = written(Reports(stats=StreamStats()), stream(peer=None))
    assert report == rtcp.Report(ssrc=OURS)


def test_a_report_tells_what_was_sent_and_when() -> None:
    report = written(Reports(stats=StreamStats(sent=50, sent_bytes=8000)), stream(peer=None))
    assert (report.packets, report.octets, report.timestamp) == (50, 8000, 1234)
    assert report.ntp == ntp_time(NOON)


def test_loss_is_told_since_the_beginning_and_since_the_last_report() -> None:
    reports = Reports(stats=StreamStats())
    first = written(reports, stream(highest=199, received=90)).receptions[0]
    assert first.lost == 10
    assert first.fraction_lost == pytest.approx(0.1, abs=1 / 256)
    second = written(reports, stream(highest=299, received=190)).receptions[0]
    assert (second.lost, second.fraction_lost) == (10, 0)
    third = written(reports, stream(highest=399, received=240)).receptions[0]
    assert (third.lost, third.fraction_lost) == (60, 0.5)


def test_a_sender_taken_up_anew_is_counted_from_there() -> None:
    reports = Reports(stats=StreamStats())
    written(reports, stream(highest=199, received=90))
    anew = written(reports, stream(base=5000, highest=5009, received=5)).receptions[0]
    assert (anew.lost, anew.fraction_lost) == (5, 0.5)


def test_jitter_is_told_in_clock_units() -> None:
    reports = Reports(stats=StreamStats(jitter=0.010))
    assert written(reports, stream()).receptions[0].jitter == 80


def test_the_peers_report_is_echoed_with_the_time_since() -> None:
    reports = Reports(stats=StreamStats())
    theirs = rtcp.Report(ssrc=PEER, ntp=0x0000_1234_5678_0000)
    reports.read(rtcp.serialize(theirs), stream(), ntp_time(NOON))
    block = written(reports, stream(), NOON + 1.5).receptions[0]
    assert block.last_report == 0x12345678
    assert block.delay == pytest.approx(1.5 * 65536, abs=2)


def test_before_the_peers_first_report_none_is_echoed() -> None:
    block = written(Reports(stats=StreamStats()), stream()).receptions[0]
    assert (block.last_report, block.delay) == (0, 0)


def test_a_peer_that_has_had_no_report_of_ours_tells_of_no_round_trip() -> None:
    stats = StreamStats()
    block = rtcp.Reception(
        ssrc=OURS, fraction_lost=0, lost=3, highest=9, jitter=0, last_report=0, delay=0
    )
    compound = (
        rtcp.Report(ssrc=PEER, receptions=(block,)),
        rtcp.SourceDescription(ssrc=PEER, cname="them"),
    )
    Reports(stats=stats).read(rtcp.serialize(*compound), stream(), ntp_time(NOON) & 0x7FFFFFFFFFFF)
    assert (stats.remote_lost, stats.rtt) == (3, None)


def test_the_round_trip_is_what_the_peers_delay_leaves_of_the_time_passed() -> None:
    stats = StreamStats()
    sent_at = ntp_time(NOON) >> 16 & 0xFFFFFFFF
    block = rtcp.Reception(
        ssrc=OURS,
        fraction_lost=0.125,
        lost=3,
        highest=9,
        jitter=160,
        last_report=sent_at,
        delay=2 * 65536,
    )
    report = rtcp.Report(ssrc=PEER, receptions=(block,))
    Reports(stats=stats).read(rtcp.serialize(report), stream(), ntp_time(NOON + 2.08))
    assert stats.rtt == pytest.approx(0.080, abs=0.001)
    assert (stats.remote_lost, stats.remote_fraction_lost) == (3, 0.125)
    assert stats.remote_jitter == pytest.approx(0.020)


def test_a_delay_longer_than_the_time_passed_gives_no_round_trip() -> None:
    stats = StreamStats()
    block = rtcp.Reception(
        ssrc=OURS,
        fraction_lost=0,
        lost=0,
        highest=9,
        jitter=0,
        last_report=ntp_time(NOON) >> 16 & 0xFFFFFFFF,
        delay=10 * 65536,
    )
    Reports(stats=stats).read(
        rtcp.serialize(rtcp.Report(ssrc=PEER, receptions=(block,))), stream(), ntp_time(NOON + 1)
    )
    assert stats.rtt is None


def test_what_is_said_of_other_sources_is_passed_over() -> None:
    stats = StreamStats()
    block = rtcp.Reception(
        ssrc=0xCCCC, fraction_lost=0.5, lost=9, highest=9, jitter=9, last_report=9, delay=9
    )
    reports = Reports(stats=stats)
    foreign = rtcp.Report(ssrc=0xDDDD, ntp=1 << 40, receptions=(block,))
    reports.read(rtcp.serialize(foreign), stream(), ntp_time(NOON))
    assert stats == StreamStats()
    assert written(reports, stream()).receptions[0].last_report == 0


def test_the_last_word_is_a_goodbye() -> None:
    compound = rtcp.parse(Reports(stats=StreamStats()).write_bye(stream(), ntp_time(NOON)))
    assert compound[-1] == rtcp.Bye(sources=(OURS,))


def test_intervals_are_spread_around_five_seconds() -> None:
    intervals = [Reports(stats=StreamStats()).interval() for _ in range(200)]
    assert min(intervals) >= 2.5
    assert max(intervals) <= 7.5
    assert max(intervals) - min(intervals) > 3


def test_a_peer_that_gets_nothing_of_ours_is_known_by_its_reports_in_a_row() -> None:
    stats = StreamStats(sent=500)
    reports = Reports(stats=stats)
    for lost, deaf in ((1.0, 1), (1.0, 2), (0.3, 0), (1.0, 1)):
        reports.read(heard_by_peer(lost), stream(), ntp_time(NOON))
        assert stats.remote_deaf == deaf
    assert stats.remote_reports == 4


def heard_by_peer(fraction_lost: float) -> bytes:
    reception = rtcp.Reception(
        ssrc=OURS, fraction_lost=fraction_lost, lost=1, highest=9, jitter=0, last_report=0, delay=0
    )
    return rtcp.serialize(rtcp.Report(ssrc=PEER, receptions=(reception,)))


def test_more_packets_than_were_expected_are_no_loss() -> None:
    reports = Reports(stats=StreamStats())
    written(reports, stream(highest=199, received=100))
    doubled = written(reports, stream(highest=299, received=220)).receptions[0]
    assert (doubled.lost, doubled.fraction_lost) == (-20, 0)
