"""Offers that cross, in virtual time."""

import pytest

from sip.commands import Hold, Reoffer
from sip.glare import Glare

HOLD, AGAIN = Hold(leg="7f3a"), Reoffer(leg="7f3a")


def glare() -> Glare:
    """It waits for the middle of the time there is."""
    return Glare(lambda least, most: (least + most) / 2)


@pytest.mark.parametrize(("outbound", "wait_s"), [(True, 3.05), (False, 1.0)])
def test_an_offer_that_crossed_another_is_made_again_and_whoever_called_waits_longer(
    outbound: bool, wait_s: float
) -> None:
    ours = glare()
    ours.offered(HOLD)
    assert ours.take(10.0) == []
    ours.crossed("7f3a", 10.0, outbound=outbound)
    assert ours.take(10.0 + wait_s - 0.01) == []
    assert ours.take(10.0 + wait_s) == [HOLD]
    assert ours.take(100.0) == []


def test_an_offer_made_since_then_takes_its_place() -> None:
    ours = glare()
    ours.offered(HOLD)
    ours.crossed("7f3a", 10.0, outbound=False)
    ours.offered(AGAIN)
    assert ours.take(100.0) == []
    ours.crossed("7f3a", 100.0, outbound=False)
    assert ours.take(200.0) == [AGAIN]


def test_what_was_never_offered_is_not_made_again() -> None:
    ours = glare()
    ours.crossed("7f3a", 10.0, outbound=False)
    assert ours.take(100.0) == []


def test_a_leg_that_is_over_offers_nothing() -> None:
    ours = glare()
    ours.offered(HOLD)
    ours.crossed("7f3a", 10.0, outbound=False)
    ours.forget("7f3a")
    assert ours.take(100.0) == []
