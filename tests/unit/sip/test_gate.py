from ipaddress import ip_network

import pytest

from sip import (
    Event,
    MediaAddress,
    Refusal,
    RegistrationChanged,
    RegistrationState,
    Stranger,
    Trunk,
)
from sip.gate import FULL, NO_MEDIA, Gate
from sip.stack import Hooks, StackStats

PBX = Trunk(name="pbx", hosts=(ip_network("192.0.2.0/24"),))
CARRIER = Trunk(name="carrier", registrar="sip:sip.example.net", username="ann")
MEDIA = MediaAddress(host="10.0.0.1", port=4000)


class Door:
    """A gate with what it emitted."""

    def __init__(self, media: MediaAddress | None = MEDIA) -> None:
        self.events: list[Event] = []
        self.asked: list[str] = []
        self.stats = StackStats()

        def lease(peer: str) -> MediaAddress | None:
            self.asked.append(peer)
            return media

        hooks = Hooks(emit=self.events.append, lease=lease, unlease=lambda address: None)
        self.gate = Gate((PBX, CARRIER), hooks=hooks, stats=self.stats)


def test_a_call_of_a_trunk_gets_a_media_address_for_its_peer() -> None:
    door = Door()
    assert door.gate.admit("192.0.2.9") == MEDIA
    assert door.asked == ["192.0.2.9"]


def test_without_a_media_address_it_is_refused() -> None:
    door = Door(media=None)
    assert door.gate.admit("192.0.2.9") == NO_MEDIA
    assert door.stats.refused == 1


def test_nothing_is_leased_while_nothing_is_admitted() -> None:
    door = Door()
    door.gate.refusal = Refusal(retry_after_s=3)
    assert door.gate.admit("192.0.2.9") == Refusal(retry_after_s=3)
    assert door.asked == []
    assert door.stats.refused == 1


def test_nothing_is_leased_for_a_call_that_pjsip_has_no_room_for() -> None:
    door = Door()
    assert door.gate.admit("192.0.2.9", full=True) == FULL
    assert door.asked == []
    assert door.stats.refused == 1


def test_a_registrar_is_trusted_by_what_it_resolves_to_and_by_who_answered() -> None:
    door = Door()
    member = door.gate.members["carrier"]
    member.resolved = frozenset({"198.51.100.1"})
    member.answered_from = "198.51.100.2"
    sources = ("198.51.100.1", "198.51.100.2")
    assert [door.gate.identify(source, "sip:1@x") for source in sources] == [None, None]
    member.machine.accepted(300, code=200, reason="OK", now=0)
    assert [door.gate.identify(source, "sip:1@x") for source in sources] == [CARRIER, CARRIER]


def test_strangers_are_counted_each_and_told_seldom(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    for n in range(5):
        door.gate.turn_away("203.0.113.1", "INVITE", "no trunk", now=n / 10)
    assert door.stats.strangers == 5
    assert door.events == [Stranger(source="203.0.113.1", method="INVITE", why="no trunk", count=1)]
    assert len(caplog.records) == 1


def test_a_registration_is_told_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    member = door.gate.members["carrier"]
    caplog.set_level("INFO")
    door.gate.tell(member, 0)
    door.gate.tell(member, 1)
    member.machine.failed(code=401, reason="Unauthorized", now=2)
    door.gate.tell(member, 2)
    states = [e.registration.state for e in door.events if isinstance(e, RegistrationChanged)]
    assert states == [RegistrationState.UNREGISTERED, RegistrationState.REJECTED]
    assert "trunk carrier is rejected, 401 Unauthorized, again in 2 s" in caplog.text


def test_a_renewal_is_told_but_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    member = door.gate.members["carrier"]
    caplog.set_level("INFO")
    for now in (0, 100):
        member.machine.accepted(300, code=200, reason="OK", now=now)
        door.gate.tell(member, now)
    assert len(door.events) == 2
    assert len(caplog.records) == 1


def test_the_next_thing_due_is_the_earliest() -> None:
    door = Door()
    assert door.gate.due is None
    door.gate.members["carrier"].machine.accepted(300, code=200, reason="OK", now=7)
    assert door.gate.due == 307
