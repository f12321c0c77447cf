"""What a call costs Kamailio, as `deploy/kamailio` has it: SIPp calls SIPp through it.

    SIPp ── SIP ── edge ── SIP ── SIPp        no media, no bridge

Writes docs/bench/edge.json, which `tests.bench.scaling` plans by.

    python -m tests.bench.edge
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from subprocess import DEVNULL

from deploy.ports import free_port
from tests.bench.procfs import machine
from tests.cluster import edge

__all__ = ["RESULT", "main"]

RESULT = Path(__file__).parents[2] / "docs" / "bench" / "edge.json"
CALLER, EDGE, CALLEE = "127.0.0.2", "127.0.0.5", "127.0.0.11"
RATE, CALLS, TALK_MS = 100, 2000, 2000
MESSAGES = 14
"""Received and sent for each call: INVITE, 100, 180, 200, ACK, BYE, 200, once on either side."""
_SCENARIOS = Path(__file__).parent / "edge_calls"
_TICKS_S = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory(prefix="uvbridge-edge-") as temporary:
        folder, port = Path(temporary), free_port()
        config = edge.furnish(
            folder,
            address=EDGE,
            port=port,
            bridges=[(CALLEE, port)],
            carriers=[(CALLER, port)],
            change={"!@CALLS_A_SECOND@!50!": f"!@CALLS_A_SECOND@!{10 * RATE}!"},
        )
        command = edge.command(config, memory_mb=256)
        kamailio = subprocess.Popen(command, start_new_session=True, stdout=DEVNULL, stderr=DEVNULL)
        callee = subprocess.Popen(_sipp("callee", CALLEE, port), stdout=DEVNULL, stderr=DEVNULL)
        try:
            time.sleep(3)
            before, began = _cpu_s(kamailio.pid), time.monotonic()
            words = ("-r", str(RATE), "-m", str(CALLS), "-d", str(TALK_MS), "-l", "2000")
            caller = (*_sipp("caller", CALLER, port), *words, f"{EDGE}:{port}")
            run = subprocess.run(caller, check=False, timeout=90, stdout=DEVNULL, stderr=DEVNULL)
            used, seconds = _cpu_s(kamailio.pid) - before, time.monotonic() - began
            memory = _resident_mb(kamailio.pid)
        finally:
            for process in (callee, kamailio):
                process.terminate()
                process.wait()
    if run.returncode:
        sys.exit(f"SIPp ended with {run.returncode}: not all calls passed")
    found = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _commit(),
        "machine": machine(),
        "kamailio": _version(),
        "calls": CALLS,
        "calls_per_s": round(CALLS / seconds, 1),
        "messages_per_call": MESSAGES,
        "cpu_ms_per_call": round(1000 * used / CALLS, 3),
        "resident_mb": round(memory),
    }
    print(json.dumps(found, indent=2))
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


def _sipp(role: str, host: str, port: int) -> tuple[str, ...]:
    scenario = str(_SCENARIOS / f"{role}.xml")
    return ("sipp", "-sf", scenario, "-i", host, "-p", str(port), "-aa", "-nostdin")


def _group(pid: int) -> list[list[str]]:
    """The fields of /proc/PID/stat, from the third on, of all processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid:
            found.append(fields)
    return found


def _cpu_s(pid: int) -> float:
    return sum(int(fields[11]) + int(fields[12]) for fields in _group(pid)) / _TICKS_S


def _resident_mb(pid: int) -> float:
    """Of all processes; what they share counts once for each."""
    pages = sum(int(fields[21]) for fields in _group(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _commit() -> str:
    words = ("git", "rev-parse", "--short", "HEAD")
    told = subprocess.run(words, capture_output=True, text=True, check=False, cwd=RESULT.parent)
    return told.stdout.strip()


def _version() -> str:
    told = subprocess.run(("kamailio", "-v"), capture_output=True, text=True, check=False).stdout
    return told.split()[2]


if __name__ == "__main__":
    main()
