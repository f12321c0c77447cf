"""A way on which nothing is sent is kept open."""

import itertools
from dataclasses import replace

import pytest

from tests.support.tones import AGENT, tone
from tests.unit.rtp.test_downlink import PCMU, Wire


@pytest.mark.parametrize(("reachable", "kept_open"), [(True, 4), (False, 0)])
def test_on_hold_a_packet_nobody_takes_keeps_the_way_open(
    *, reachable: bool, kept_open: int
) -> None:
    wire = Wire()
    wire.downlink.sending, wire.downlink.reachable = False, reachable
    wire.run(61.0)
    assert len(wire.packets) == kept_open
    assert {(p.payload_type, p.payload, p.marker) for _, p in wire.packets} <= {(20, b"", False)}


def test_another_format_on_hold_does_not_let_the_way_close() -> None:
    wire = Wire()
    wire.downlink.sending = False
    wire.run(100.0)
    wire.downlink.reformat(replace(PCMU, encoding="PCMA", payload_type=8), wire.now)
    wire.run(100.0)
    times = [at for at, _ in wire.packets] + [wire.now]
    assert max(after - before for before, after in itertools.pairwise(times)) < 15.1


def test_what_is_said_on_hold_does_not_let_the_way_close() -> None:
    wire = Wire()
    wire.downlink.sending = False
    wire.play(tone(AGENT, 20.0))
    wire.run(31.0)
    assert len(wire.packets) == 2
