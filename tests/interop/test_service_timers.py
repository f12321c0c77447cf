"""Session timers of the whole service, both as the refresher and not."""

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.patient]


@pytest.fixture
def told(session_timers: str) -> dict[str, Any]:
    """What became of the three calls."""
    result: dict[str, Any] = json.loads(session_timers)
    return result


def test_the_called_bridge_refreshes_when_it_is_asked_to(told: dict[str, Any]) -> None:
    assert told["called"]["agreed"] == "90;refresher=uas"
    assert told["called"]["method"] in ("UPDATE", "INVITE")
    assert 40 < told["called"]["after_s"] < 60


def test_the_calling_bridge_refreshes(told: dict[str, Any]) -> None:
    assert told["calling"]["agreed"].startswith("90")
    assert told["calling"]["method"] in ("UPDATE", "INVITE")
    assert 40 < told["calling"]["after_s"] < 60


def test_a_call_that_its_caller_does_not_refresh_is_ended_in_time(told: dict[str, Any]) -> None:
    assert told["forgotten"]["agreed"] == "90;refresher=uac"
    # RFC 4028 section 10: before the interval is over, by 32 s or a third of it.
    assert 55 < told["forgotten"]["after_s"] <= 90
    assert sorted(told["causes"]) == ["callee-hung-up", "caller-hung-up", "unreachable"]
