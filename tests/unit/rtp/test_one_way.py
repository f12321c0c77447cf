from rtp.one_way import OneWay, OneWayWatch
from rtp.stats import StreamStats


def looks(
    watch: OneWayWatch, stats: StreamStats, *, since: float, until: float, sent: int = 250
) -> list[OneWay | None]:
    """What a look every 5 s finds while we send and nothing comes."""
    found = []
    for at in range(int(since), int(until) + 1, 5):
        found.append(watch.look(stats, float(at)))
        stats.sent += sent
    return found


def test_a_stream_to_which_nothing_ever_comes_is_one_way_after_10_s() -> None:
    found = looks(OneWayWatch(), StreamStats(), since=0, until=15)
    assert found == [None, None, OneWay.NOTHING_COMES, OneWay.NOTHING_COMES]


def test_a_peer_that_listens_in_silence_is_given_20_s() -> None:
    watch, stats = OneWayWatch(), StreamStats(received=500)
    assert looks(watch, stats, since=0, until=20) == [None] * 4 + [OneWay.NOTHING_COMES]


def test_packets_both_ways_are_fine_for_ever() -> None:
    watch, stats = OneWayWatch(), StreamStats()
    for at in range(0, 600, 5):
        stats.sent += 250
        stats.received += 1
        assert watch.look(stats, float(at)) is None


def test_a_hushed_peer_is_there_as_long_as_its_reports_come() -> None:
    watch, stats = OneWayWatch(), StreamStats(received=500)
    for at in range(0, 600, 5):
        stats.sent += 250
        stats.remote_reports += 1
        assert watch.look(stats, float(at), hushed=True) is None
    stats.sent += 250
    assert watch.look(stats, 614.0, hushed=True) is None
    assert watch.look(stats, 615.0, hushed=True) is OneWay.NOTHING_COMES


def test_reports_alone_are_no_audio_of_a_peer_that_may_not_be_hushed() -> None:
    watch, stats = OneWayWatch(), StreamStats()
    for at in (0, 5, 10):
        stats.sent += 250
        stats.remote_reports += 1
        found = watch.look(stats, float(at))
    assert found is OneWay.NOTHING_COMES


def test_where_we_send_nothing_either_nothing_is_expected() -> None:
    assert not any(looks(OneWayWatch(), StreamStats(), since=0, until=60, sent=0))


def test_a_peer_that_reports_all_our_packets_lost_hears_nothing() -> None:
    stats = StreamStats(received=1, sent=1, remote_deaf=1)
    watch = OneWayWatch()
    assert watch.look(stats, 0.0) is None
    stats.remote_deaf = 2
    assert watch.look(stats, 5.0) is OneWay.NOTHING_ARRIVES
