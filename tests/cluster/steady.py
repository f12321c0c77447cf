"""Calls that keep coming, by SIPp: an own process, which a busy demonstration does not slow."""

import asyncio
import csv
import re
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.ports import free_port
from tests.cluster.house import DIE_WITH_US, House

__all__ = ["Failure", "Steady", "Tally"]

TALK_MS = 2000
_SCENARIO = Path(__file__).parents[1] / "bench" / "edge_calls" / "caller.xml"
_UNEXPECTED = re.compile(r"expecting '(\w+)' \(index (\d+)\), received '(?:SIP/2\.0 )?([^\r']+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that did not go as it should."""

    at_s: float
    """Since the calls began."""
    met: str
    """The answer that it got, or what else befell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of them."""

    calls: int
    failed: int
    """Refused, or not answered, or not ended as they should."""
    failures: list[Failure]
    """Each of them, in order, as far as SIPp says why."""
    waits_ms: list[float]
    """From INVITE to 200, sorted."""


class Steady:
    """A stream of calls to the edge of a house, `rate` a second; they talk for two seconds."""

    def __init__(self, house: House, rate: int) -> None:
        self._house, self._rate = house, rate
        self._process: Process | None = None
        self._folder = Path()
        self._began = 0.0

    async def begin(self, name: str) -> None:
        """Have them begin; what SIPp writes is kept under that name."""
        house = self._house
        self._folder = house.folder / name
        self._folder.mkdir()
        host = house.places.address("carrier")
        words = ["-sf", str(_SCENARIO), "-i", host, "-p", str(free_port()), "-s", "15550000"]
        words += ["-r", str(self._rate), "-d", str(TALK_MS), "-m", "100000", "-l", "5000"]
        words += ["-nostdin", "-trace_rtt", "-rtt_freq", "1"]
        words += ["-trace_stat", "-fd", "1", "-stf", "stat.csv"]
        words += ["-trace_err", "-error_file", "errors.log"]
        command = (*DIE_WITH_US, *house.places.at("carrier"), "sipp", *words)
        self._began = time.time()
        self._process = await asyncio.create_subprocess_exec(
            *command,
            "{}:{}".format(*house.edge),
            cwd=self._folder,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )

    async def end(self) -> Tally:
        """Let those that were begun come to their end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)
        await asyncio.wait_for(self._process.wait(), 30)
        with (self._folder / "stat.csv").open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        (times,) = self._folder.glob("*_rtt.csv")
        waits = [float(line.split(";")[1]) for line in times.read_text().splitlines()[1:]]
        return Tally(
            calls=int(last["TotalCallCreated"]),
            failed=int(last["FailedCall(C)"]),
            failures=list(self._failures()),
            waits_ms=sorted(waits),
        )

    def _failures(self) -> Iterator[Failure]:
        log = self._folder / "errors.log"
        for line in log.read_text(errors="replace").splitlines() if log.exists() else ():
            if "borting call" in line:
                stamp, _, what = line.partition(": ")
                yield Failure(at_s=float(stamp.split("\t")[-1]) - self._began, met=_met(what))


def _met(what: str) -> str:
    """What befell a call, of SIPp's line about it."""
    if found := _UNEXPECTED.search(what):
        return f"{found[3]}, where {found[1]} was expected (step {found[2]} of the scenario)"
    if found := re.search("unexpected (BYE|CANCEL)", what):
        return f"{found[1]}, unexpected"
    return "silence" if "timeout" in what else what
