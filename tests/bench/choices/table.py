"""Side-by-side tables: each case in a process of its own, on the bridge's core, in rounds.

    python -m tests.bench.choices.NAME         runs all cases, writes their section of choices.md
    python -m tests.bench.choices.NAME CASE    runs one, prints its figures as JSON

A case's CPU is the least of its rounds: whatever else the machine does only adds to it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench import procfs
from tests.bench.lab import Cores
from tests.bench.worker import ROOT, pinned

__all__ = ["Choice", "Figures", "keep"]

Figures = Mapping[str, float]
"""What one case was measured as, by the heading of its column; the first one decides."""

REPORT = ROOT / "docs" / "bench" / "choices.md"
HEAD = """\
# Choices, side by side

Small programs that isolate one choice each, under the same load in the same run; made by
`python -m tests.bench.choices.NAME`, whose sources are the method. CPU is that of the one process,
the least of its rounds. Agent and phones are the benchmark's own, on the other core.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One table."""

    title: str
    text: str
    """What was measured, and what follows."""
    cases: Mapping[str, Callable[[], Figures]]
    rounds: int = 3
    timeout_s: float = 60.0
    """Of one case."""

    def main(self) -> None:
        """Run one case, or all."""
        if len(sys.argv) > 1:
            print(json.dumps(self.cases[sys.argv[1]]()))
            return
        cores = Cores()
        found: dict[str, list[Figures]] = {name: [] for name in self.cases}
        for number in range(self.rounds):
            for name in list(found)[:: 1 if number % 2 == 0 else -1]:
                found[name] += _run(name, cores, self.timeout_s)
        best = {name: min(rounds, key=_decisive) for name, rounds in found.items()}
        section = "\n".join(self.lines(best))
        print(section)
        keep(REPORT, self.title, section)

    def lines(self, best: Mapping[str, Figures]) -> list[str]:
        """The section, of each case's best round."""
        columns = list(next(iter(best.values())))
        first = _decisive(next(iter(best.values())))
        lines = [f"## {self.title}", "", self.text.strip(), ""]
        lines += ["| " + " | ".join(["", *columns, "beside the first"]) + " |"]
        lines += ["|---|" + "---:|" * (len(columns) + 1)]
        for name, figures in best.items():
            values = [f"{figures[column]:.2f}" for column in columns]
            beside = f"{_decisive(figures) / first - 1:+.0%}" if first else ""
            lines.append("| " + " | ".join([name, *values, beside]) + " |")
        when = time.strftime("%Y-%m-%d", time.gmtime())
        ordinary = os.sched_getscheduler(0) == os.SCHED_OTHER
        priority = "" if ordinary else ", at real-time priority beside other work"
        return [*lines, "", f"{procfs.machine()}; {when}{priority}.", ""]


def _decisive(figures: Figures) -> float:
    return next(iter(figures.values()))


def _run(case: str, cores: Cores, timeout_s: float) -> list[Figures]:
    """One round; none where the load did not keep up with it."""
    module = Path(sys.argv[0]).stem
    command = [sys.executable, "-m", f"tests.bench.choices.{module}", case]
    print(f"{time.strftime('%H:%M:%S')} {module}: {case}", file=sys.stderr, flush=True)
    process = pinned(command, {cores.bridge}, stdout=subprocess.PIPE)
    answer, _ = process.communicate(timeout=timeout_s)
    return [] if process.returncode else [json.loads(answer.splitlines()[-1])]


def keep(report: Path, title: str, section: str) -> None:
    """Put a section in its place, or at the end."""
    text = report.read_text() if report.exists() else HEAD
    head, *sections = text.split("\n## ")
    others = {each.partition("\n")[0]: f"## {each}" for each in sections}
    others[title] = section
    report.write_text("\n\n".join(each.strip() for each in (head, *others.values())) + "\n")
