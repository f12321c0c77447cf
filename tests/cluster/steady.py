"""Calls that keep coming, by SIPp: an own process, which a busy demonstration does not slow."""

import asyncio
import csv
import signal
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.house import DIE_WITH_US, House
from tests.support.sipp import free_port

__all__ = ["Steady", "Tally"]

TALK_MS = 2000
_SCENARIO = Path(__file__).parents[1] / "bench" / "edge_calls" / "caller.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of them."""

    calls: int
    failed: int
    """Refused, or not answered, or not ended as they should."""
    waits_ms: list[float]
    """From INVITE to 200, sorted."""


class Steady:
    """A stream of calls to the edge of a house, `rate` a second; they talk for two seconds."""

    def __init__(self, house: House, rate: int) -> None:
        self._house, self._rate = house, rate
        self._process: Process | None = None
        self._folder = Path()

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
        command = (*DIE_WITH_US, *house.places.at("carrier"), "sipp", *words)
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
            waits_ms=sorted(waits),
        )
