from sip.strangers import BURST, CAPACITY, Strangers


def test_a_source_is_reported_at_most_once_a_second_with_its_count() -> None:
    strangers = Strangers()
    reports = [strangers.refused("203.0.113.1", now=n / 10) for n in range(21)]
    assert [(n, count) for n, count in enumerate(reports) if count] == [(0, 1), (10, 10), (20, 10)]


def test_each_source_is_reported_by_itself() -> None:
    strangers = Strangers()
    assert strangers.refused("203.0.113.1", now=0) == 1
    assert strangers.refused("203.0.113.2", now=0) == 1


def test_an_attack_from_many_addresses_does_not_fill_the_log() -> None:
    strangers = Strangers()
    reports = [strangers.refused(f"source {n}", now=n / 1000) for n in range(999)]
    assert sum(count > 0 for count in reports) == BURST


def test_only_so_many_sources_are_remembered() -> None:
    strangers = Strangers()
    for source in ("forgotten", "kept"):
        strangers.refused(source, now=0)
        strangers.refused(source, now=0)
    for n in range(CAPACITY - 1):
        strangers.refused(f"source {n}", now=1)
    assert strangers.refused("kept", now=100) == 2
    assert strangers.refused("forgotten", now=100) == 1


def test_who_is_seen_again_is_remembered_longer() -> None:
    strangers = Strangers()
    for n in range(CAPACITY):
        strangers.refused(f"source {n}", now=n)
    strangers.refused("source 0", now=0)
    strangers.refused("one more", now=CAPACITY)
    assert strangers.refused("source 0", now=CAPACITY + 1) == 2
    assert strangers.refused("source 1", now=CAPACITY + 2) == 1
