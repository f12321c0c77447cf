from dataclasses import replace

import pytest

from tests.impair.judge import Verdict, together
from tests.impair.network import Network
from tests.impair.table import finding_table, verdict_table
from tests.impair.targets import findings

GOOD = Verdict(
    network=Network(loss=0.03, jitter_ms=40.0),
    sent=100,
    network_lost=3,
    lost=3,
    late=0,
    concealed=3,
    filled=0,
    exact=False,
    silenced=(3.0, 3.1),
    heard=(3.6, 3.8),
    delays=(0.010, 0.020, 0.030),
)


def missed(verdict: Verdict, encoding: str = "PCMU") -> set[str]:
    return {each.what for each in findings(encoding, [verdict]) if not each.met}


def test_a_call_that_reaches_all_targets_misses_none() -> None:
    assert len(findings("PCMU", [GOOD])) == 3
    assert not missed(GOOD)


@pytest.mark.parametrize(
    ("harm", "figures"),
    [
        ({"heard": (3.2, 3.3)}, {"PESQ", "PESQ above silence"}),
        ({"silenced": (3.5, 3.5)}, {"PESQ above silence"}),
        ({"delays": (0.010, 0.050, 0.050)}, {"delay p95"}),
        ({"network": Network()}, {"bit-exact", "delay p50"}),
    ],
)
def test_each_target_can_be_missed(harm: dict[str, object], figures: set[str]) -> None:
    assert missed(replace(GOOD, **harm)) == figures  # type: ignore[arg-type]


def test_opinions_have_targets_for_g711_only() -> None:
    assert not missed(replace(GOOD, heard=(1.0, 1.0)), encoding="G722")


def test_seeds_are_judged_together() -> None:
    both = together([GOOD, replace(GOOD, heard=(2.0, 2.2), exact=True, late=1)])
    assert both.opinion == pytest.approx(2.9)
    assert (both.sent, both.network_lost, both.late, both.exact) == (200, 6, 1, False)
    assert both.delay_ms(50) == pytest.approx(20.0)


def test_tables_say_what_was_missed() -> None:
    late = replace(GOOD, delays=(0.1,))
    assert "MISSED" in finding_table(findings("PCMU", [late]))
    assert "MISSED" not in finding_table(findings("PCMU", [GOOD]))
    assert "| 3% lost, 40 ms jitter | 3 (3.0%)" in verdict_table([GOOD])
