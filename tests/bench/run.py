"""Measure the bridge: cost, delay, set-up, memory.

    python -m tests.bench.run                   13 minutes, writes docs/bench
    python -m tests.bench.run --short           a minute, prints figures and keeps nothing
    python -m tests.bench.run --levels 100,200  other numbers of calls, keeps nothing either
    python -m tests.bench.run --codecs          4 minutes: G.722, Opus and SRTP beside G.711

The exit status is 0 whatever the figures are, and 1 when a call failed.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from deploy.native.build import digests, installed
from tests.bench import packet_cost, procfs, profile, report, tables
from tests.bench.codecs import CodecPlan, measure_codecs
from tests.bench.lab import Cores
from tests.bench.measure import Plan, Run, measure
from tests.bench.signalling import CallsFailed
from tests.bench.worker import ROOT

REPORT = ROOT / "docs" / "bench"
SHORT = Plan(
    levels=(5, 20),
    settle_s=1.5,
    window_s=3.0,
    manners_calls=0,
    turnover_calls=0,
    rush_calls=40,
)


def main() -> int:
    asked = _arguments()
    plan = SHORT if asked.short else Plan()
    if asked.levels:
        plan = replace(plan, levels=asked.levels)
    keep = plan == Plan() and not asked.codecs
    cores = Cores()
    try:
        if asked.codecs:
            return _codecs(cores)
        runs = [measure(cores, plan, tls=tls) for tls in (False, True)]
        more = _more(cores) if keep else {}
    except CallsFailed as error:
        print(f"calls failed: {error}", file=sys.stderr)
        return 1
    document = _document(plan, runs) | more
    print("\n".join(tables.figures(document)))
    if keep:
        report.write(document, REPORT, report.last_report(REPORT))
    return 0


def _codecs(cores: Cores) -> int:
    """Print what codecs and encryption cost, and nothing else."""
    print("\n".join(tables.codecs(_costs(cores))))
    return 0


def _costs(cores: Cores) -> dict[str, Any]:
    plan = CodecPlan()
    return {"plan": asdict(plan), "rows": measure_codecs(cores, plan)}


def _more(cores: Cores) -> dict[str, Any]:
    """What is measured besides whole runs: each codec, and each stage of a packet's way."""
    stages = packet_cost.stages(packets_each=10_000, rounds=5, calls=50)
    return {
        "codecs": _costs(cores),
        "stages": [[name, round(us, 2)] for name, us in stages],
        "profile": profile.costs(cores),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the bridge: cost, delay, set-up, memory.")
    parser.add_argument("--short", action="store_true", help="few calls, print only")
    parser.add_argument("--codecs", action="store_true", help="codecs and SRTP only, print only")
    parser.add_argument("--levels", type=_levels, help="numbers of calls, rising, print only")
    return parser.parse_args()


def _levels(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(each) for each in text.split(",")}))


def _document(plan: Plan, runs: list[Run]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _commit(),
        "machine": procfs.machine(),
        "pace_ms": round(procfs.pace_ms(), 2),
        "priority": _priority(),
        "compiled": installed() == digests(),
        "plan": asdict(plan),
        "runs": [{**asdict(run), "mb_per_call": round(run.mb_per_call, 3)} for run in runs],
    }
    document["doubts"] = report.doubts(document)
    return document


def _commit() -> str:
    """The commit that was measured, and whether the bridge's code differed from it."""
    if not Path(ROOT / ".git").exists():
        return "unknown"
    commit = _git("rev-parse", "--short", "HEAD")
    return f"{commit} with changes" if _git("diff", "--name-only", "HEAD", "--", "*.py") else commit


def _priority() -> str:
    """How this process and its children are scheduled (sched(7))."""
    return "ordinary" if os.sched_getscheduler(0) == os.SCHED_OTHER else "real-time"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
