import copy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.bench import report, tables

SPREAD = {"p50": 0.1, "p90": 0.2, "p99": 0.3, "max": 4.0, "count": 10}
LEVEL = {
    "calls": 20,
    "cpu_per_call": 0.5,
    "awake_cpu_per_call": 0.4,
    "windows": 2,
    "pace_ms": 6.5,
    "system_share": 0.4,
    "behind_share": 0.002,
    "tick_late_p50_ms": 1.0,
    "tick_late_p99_ms": 5.0,
    "resident_mb": 101.0,
    "threads": 8,
    "descriptors": 40,
    "frames_sent": 10,
    "frames_heard": 10,
    "filled": 0,
    "broken": 0,
    "strange": 0,
    "caller_cpu": 20.0,
    "echo_cpu": 10.0,
    "others_cpu": 0.0,
    "stolen_cpu": 0.0,
    **dict.fromkeys(
        ("round_trip", "uplink", "downlink", "held", "behind_schedule", "setup"),
        SPREAD,
    ),
    "caller_late": SPREAD,
    "echo_late": SPREAD,
}
TURNOVER = {
    "rate": 20,
    "offered": 60,
    "answered": 60,
    "failed": 0,
    "retransmissions": 0,
    "answered_per_s": 20.0,
    "slowest_second": 19,
    "setup": SPREAD,
    "steps": {"answered": 5.0},
}
DOCUMENT = {
    "when": "2026-11-22T07:00:00Z",
    "commit": "abc1234",
    "machine": "a machine",
    "priority": "ordinary",
    "plan": {"window_s": 30.0},
    "doubts": [],
    "runs": [
        {
            "tls": False,
            "idle_mb": 99.0,
            "idle_cpu": 0.3,
            "mb_per_call": 0.2,
            "levels": [LEVEL],
            "manners": {
                "calls": 10,
                "silent_cpu_per_call": 0.1,
                "clears": 10,
                "barge_in": SPREAD,
            },
            "turnover": TURNOVER,
            "rush": None,
        }
    ],
}


@pytest.fixture
def document() -> dict[str, Any]:
    return copy.deepcopy(DOCUMENT)


def test_a_clean_run_raises_no_doubt(document: dict[str, Any]) -> None:
    assert report.doubts(document) == []


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("caller_late", {**SPREAD, "p99": 2.1}, "load was late"),
        ("echo_late", {**SPREAD, "p99": 2.1}, "agent was late"),
        ("others_cpu", 30.0, "others used 30 %"),
        ("stolen_cpu", 2.0, "took 2.0 %"),
    ],
)
def test_what_spoils_a_run_is_told(
    document: dict[str, Any], key: str, value: object, told: str
) -> None:
    document["runs"][0]["levels"][0][key] = value
    (doubt,) = report.doubts(document)
    assert "ws 20 calls" in doubt
    assert told in doubt


def test_a_run_at_another_priority_than_users_is_told(document: dict[str, Any]) -> None:
    document["priority"] = "real-time"
    (doubt,) = report.doubts(document)
    assert "real-time priority" in doubt


def test_a_run_of_plain_sources_is_told(document: dict[str, Any]) -> None:
    document["compiled"] = False
    (doubt,) = report.doubts(document)
    assert "plain Python" in doubt


def test_a_run_is_kept_and_the_next_one_is_compared_with_it(
    document: dict[str, Any], tmp_path: Path
) -> None:
    assert report.last_report(tmp_path) is None
    report.write(document, tmp_path, None)
    last = report.last_report(tmp_path)
    assert last == document

    document["commit"], document["when"] = "def5678", "2026-11-23T07:00:00Z"
    document["runs"][0]["levels"][0]["cpu_per_call"] = 0.25
    report.write(document, tmp_path, last)
    text = (tmp_path / "README.md").read_text()
    assert "Against the run before, abc1234" in text
    assert "| ws, 20 calls: CPU per call, % | 0.5 | 0.25 | -50% |" in text
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_ratios_compare_levels_and_kinds(document: dict[str, Any]) -> None:
    ws = document["runs"][0]
    ws["levels"].append({**LEVEL, "calls": 40, "cpu_per_call": 0.25})
    wss = copy.deepcopy(ws) | {"tls": True}
    wss["levels"][-1]["cpu_per_call"] = 0.5
    document["runs"].append(wss)
    text = "\n".join(tables.ratios(document))
    assert "ws: CPU per call at 40 beside 20: 0.50" in text
    assert "wss beside ws at 40: 2.00" in text


def test_charts_are_well_formed(document: dict[str, Any], tmp_path: Path) -> None:
    report.write(document, tmp_path, None)
    for name in ("cost.svg", "delay.svg", "uplink.svg", "lateness.svg"):
        lines = ET.parse(tmp_path / name).getroot().findall("{http://www.w3.org/2000/svg}polyline")
        assert len(lines) > 1


def test_codecs_and_stages_have_tables_of_their_own_where_they_were_measured() -> None:
    row = {"name": "PCMU", "calls": 90, "cpu_per_call": 0.4, "beside": 0.0, "target": ""}
    other = {"name": "opus", "calls": 9, "cpu_per_call": 1.0, "beside": 1.5, "target": "1.2"}
    more = {
        "codecs": {"plan": {"rounds": 2, "window_s": 3.0}, "rows": [row, other]},
        "stages": [["pacer", 0.41]],
    }
    text = report.markdown({**DOCUMENT, **more}, None)
    assert "| PCMU | 90 | 0.400 |  |  |" in text
    assert "| opus | 9 | 1.000 | +150% | 1.2 |" in text
    assert "| pacer | 0.41 |" in text
    assert "## Codecs" not in report.markdown(DOCUMENT, None)


def test_a_profile_stands_beside_that_of_the_run_before(document: dict[str, Any]) -> None:
    now = {**document, "profile": {"TLS": 7.5, "kernel: epoll": 2.5}}
    before = {**document, "profile": {"TLS": 9.0, "gone": 1.0}}
    text = report.markdown(now, before)
    assert "| TLS | 9.0 | 7.5 | 75% |" in text
    assert "| kernel: epoll |  | 2.5 | 25% |" in text
    assert "| all | 10.0 | 10.0 | |" in text
    assert "## Where the CPU goes" not in report.markdown({**document, "profile": {}}, before)
