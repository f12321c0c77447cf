"""Profile the bridge at work: which stage of a packet's way its CPU goes to.

    python -m tests.bench.profile                    as it is, writes docs/bench/profile.md
    python -m tests.bench.profile --before COMMIT    and as it was, compiled too, in turn with it
    python -m tests.bench.profile --calls 400 --plain

Samples are taken by perf (Debian's `linux-perf`) by the processor's clock, which needs no counters
and so works in virtual machines too. What sampling costs falls on all stages alike; CPU is measured
in windows without it.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.bench import procfs
from tests.bench.lab import Cores, Lab
from tests.bench.stages import Frame, samples, stages
from tests.bench.worker import ROOT

REPORT = ROOT / "docs" / "bench" / "profile.md"
SETTLE_S, WINDOW_S = 4.0, 6.0
HERTZ = 1999
"""Samples a second; no multiple of the metronome's beat."""
FRAMES_A_SECOND = 50
FUNCTIONS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A checkout that the bridge is run from, and where its compiled modules lie."""

    name: str
    path: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Profile:
    """What was seen of one checkout."""

    cpu: list[float] = field(default_factory=list)
    """Percent of a core a call, one figure a window."""
    stages: Counter[str] = field(default_factory=Counter)
    functions: Counter[Frame] = field(default_factory=Counter)

    @property
    def us(self) -> float:
        """Microseconds for 20 ms of a call, both ways."""
        return median(self.cpu) / 100 / FRAMES_A_SECOND * 1e6

    def share(self, stage: str) -> float:
        """What part of the samples was taken in a stage."""
        return self.stages[stage] / self.stages.total()


def main() -> int:
    asked = argparse.ArgumentParser(description="Profile the bridge at work.")
    asked.add_argument("--before", metavar="COMMIT", help="compare with this commit")
    asked.add_argument("--calls", type=int, default=100)
    asked.add_argument("--rounds", type=int, default=2)
    asked.add_argument("--plain", action="store_true", help="without TLS")
    given = asked.parse_args()
    if shutil.which("perf") is None:
        print("perf is missing: apt-get install linux-perf", file=sys.stderr)
        return 1
    cores = Cores()
    with trees(given.before) as found:
        profiles = {tree.name: Profile() for tree in found}
        for number in range(given.rounds):
            for tree in found[:: 1 if number % 2 == 0 else -1]:
                watch(profiles[tree.name], cores, tree, calls=given.calls, tls=not given.plain)
    text = report(profiles, calls=given.calls, tls=not given.plain)
    print(text)
    REPORT.write_text(text)
    return 0


def costs(cores: Cores, *, calls: int = 100) -> dict[str, float]:
    """Microseconds of each stage for 20 ms of a call over TLS; none where perf cannot tell."""
    if shutil.which("perf") is None:
        return {}
    profile = Profile()
    try:
        watch(profile, cores, Tree(name="now"), calls=calls, tls=True)
    except subprocess.CalledProcessError as error:
        print(f"no profile: {error}", file=sys.stderr)
        return {}
    found = profile.stages.most_common()
    return {name: round(profile.share(name) * profile.us, 2) for name, _ in found}


@contextmanager
def trees(before: str | None) -> Iterator[list[Tree]]:
    """What is to be run: that commit first, where there is one, then what lies here."""
    now = Tree(name=_git("rev-parse", "--short", "HEAD"))
    if before is None:
        yield [now]
        return
    with tempfile.TemporaryDirectory(prefix="uvbridge-profile-") as folder:
        path, native = Path(folder) / "tree", Path(folder) / "native"
        _git("worktree", "add", "--detach", str(path), before)
        try:
            native.mkdir()
            (native / "uvbridge_native").symlink_to(_compiled(path))
            environment = {"PYTHONPATH": str(native)}
            name = _git("rev-parse", "--short", before)
            yield [Tree(name=name, path=path, environment=environment), now]
        finally:
            _git("worktree", "remove", "--force", str(path))


def _compiled(tree: Path) -> str:
    """Where the compiled modules of a checkout are kept; made where they are not yet."""
    program = (
        "from deploy.native.build import build, cached, digests\n"
        "print(cached(digests()) or build(digests()))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tree, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1]


def watch(profile: Profile, cores: Cores, tree: Tree, *, calls: int, tls: bool) -> None:
    """Add a window without and one with sampling to a profile."""
    print(f"{time.strftime('%H:%M:%S')} {tree.name}: {calls} calls", file=sys.stderr, flush=True)
    environment = tree.environment
    with Lab(cores, tls=tls, phones=calls, tree=tree.path, environment=environment) as lab:
        lab.raise_calls_to(calls, rate=20)
        time.sleep(SETTLE_S)
        before, since = procfs.process(lab.bridge_pid), time.monotonic()
        time.sleep(WINDOW_S)
        used, passed = procfs.process(lab.bridge_pid).cpu_s - before.cpu_s, time.monotonic() - since
        profile.cpu.append(100 * used / passed / calls)
        for stack in _sampled(lab.bridge_pid, lab.folder / "perf.data"):
            profile.stages.update(stages([stack]))
            profile.functions[stack[0]] += 1
        lab.end_calls()


def _sampled(pid: int, file: Path) -> Iterator[list[Frame]]:
    """The stacks that a process is found in."""
    record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(HERTZ), "-g", "-o", str(file)]
    subprocess.run([*record, "-p", str(pid), "--", "sleep", str(WINDOW_S)], check=True)
    script = ["perf", "script", "-i", str(file), "-F", "tid,ip,sym,dso"]
    done = subprocess.run(script, check=True, capture_output=True, text=True)
    return samples(done.stdout.splitlines())


def report(profiles: dict[str, Profile], *, calls: int, tls: bool) -> str:
    """All of it as Markdown."""
    last = list(profiles.values())[-1]
    heads = [head for name in profiles for head in (f"{name}, us", "share")]
    totals = [cell for each in profiles.values() for cell in (f"{each.us:.1f}", "100 %")]
    lines = [
        "# Where the CPU goes",
        "",
        f"- machine: {procfs.machine()}; {procfs.load()} at the end",
        f"- {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}, made by"
        " `python -m tests.bench.profile`, whose sources are the method",
        f"- {calls} calls over {'TLS' if tls else 'plain WebSockets'}; microseconds are those of"
        " 20 ms of a call, both ways",
        "",
        _row(["stage", *heads]),
        "|---|" + "---:|" * len(heads),
    ]
    for name, _ in last.stages.most_common():
        cells = (
            cell
            for each in profiles.values()
            for cell in (f"{each.share(name) * each.us:.1f}", f"{each.share(name):.1%}")
        )
        lines.append(_row([name, *cells]))
    lines += [_row(["all", *totals]), "", _functions(last), ""]
    return "\n".join(lines)


def _functions(profile: Profile) -> str:
    """The functions that most samples were taken in, of the last checkout."""
    total = profile.stages.total()
    lines = ["| function | file | share |", "|---|---|---:|"]
    for frame, count in profile.functions.most_common(FUNCTIONS):
        lines.append(_row([frame.function, Path(frame.file).name, f"{count / total:.1%}"]))
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
