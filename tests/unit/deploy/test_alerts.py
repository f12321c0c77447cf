"""Prometheus takes the rules, and they fire when they should and not otherwise."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


def promtool(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_prometheus_takes_its_configuration_and_the_rules() -> None:
    status, told = promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yaml")
    assert status == 0, told


def test_each_story_fires_the_alerts_it_should() -> None:
    status, told = promtool("test", "rules", ROOT / "tests/data/prometheus/alerts_test.yaml")
    assert status == 0, told


def test_every_panel_asks_in_promql(tmp_path: Path) -> None:
    panels = json.loads((ROOT / "deploy/grafana/dashboards/uvbridge.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    rules = [
        {"record": f"panel:{number}", "expr": expr.replace("$__rate_interval", "5m")}
        for number, expr in enumerate(asked)
    ]
    assert len(rules) > 40
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    status, told = promtool("check", "rules", file)
    assert status == 0, told
