"""What each codec and SRTP cost the whole bridge beside plain G.711, call for call.

    python -m tests.bench.codecs        prints the table

The same bridge, agent and signalling for each, one after another, in rounds: what else the machine
does falls on all of them, and of each the cheapest round counts.
"""

import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench import procfs, tables
from tests.bench.lab import HOST, Caller, Cores, Lab

__all__ = ["CASES", "Case", "CodecPlan", "measure_codecs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to carry a call."""

    name: str
    encoding: str
    suite: str = ""
    fmtp: str = ""
    target: str = ""
    calls: int = 150
    """At once: the more, the less the bridge's own wake-ups weigh beside what is compared."""


CASES = (
    Case(name="PCMU", encoding="PCMU"),
    Case(name="G722", encoding="G722"),
    Case(name="opus", encoding="opus", target="codec at most 1.2 % of a core", calls=50),
    Case(
        name="opus, redundant",
        encoding="opus",
        fmtp="useinbandfec=1",
        target="codec at most 1.2 % of a core",
        calls=50,
    ),
    Case(
        name="PCMU, SRTP AES_CM_128_HMAC_SHA1_80",
        encoding="PCMU",
        suite="AES_CM_128_HMAC_SHA1_80",
        target="at most +15 %",
    ),
    Case(
        name="PCMU, SRTP AEAD_AES_128_GCM",
        encoding="PCMU",
        suite="AEAD_AES_128_GCM",
        target="at most +15 %",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecPlan:
    """How much is measured."""

    rounds: int = 2
    settle_s: float = 2.0
    window_s: float = 8.0
    rate: int = 40


def measure_codecs(cores: Cores, plan: CodecPlan) -> list[dict[str, Any]]:
    """CPU of the bridge for each case, % of a core a call. Raises CallsFailed."""
    costs: dict[Case, list[float]] = {case: [] for case in CASES}
    for number in range(plan.rounds):
        for case in CASES[:: 1 if number % 2 == 0 else -1]:
            print(f"{time.strftime('%H:%M:%S')} {case.name}", file=sys.stderr, flush=True)
            costs[case].append(_cost(cores, case, plan))
    plain = min(costs[CASES[0]])
    return [
        {
            **asdict(case),
            "cpu_per_call": round(min(found), 4),
            "beside": round(min(found) / plain - 1, 4),
        }
        for case, found in costs.items()
    ]


def _cost(cores: Cores, case: Case, plan: CodecPlan) -> float:
    arguments = (HOST, str(case.calls), case.encoding, case.suite, case.fmtp)
    caller = Caller(
        module="tests.bench.talkers",
        arguments=arguments,
        codec=case.encoding,
        srtp="required" if case.suite else "off",
    )
    with Lab(cores, tls=False, phones=case.calls, caller=caller) as lab:
        lab.raise_calls_to(case.calls, rate=plan.rate)
        time.sleep(plan.settle_s)
        first, since = procfs.process(lab.bridge_pid), time.monotonic()
        received = lab.metrics()[_RECEIVED]
        time.sleep(plan.window_s)
        last, seconds = procfs.process(lab.bridge_pid), time.monotonic() - since
        heard = lab.metrics()[_RECEIVED] - received
        lab.end_calls()
    if heard < 0.95 * 50 * case.calls * seconds:
        raise RuntimeError(f"{case.name}: the bridge heard {heard:.0f} packets in {seconds:.1f} s")
    return 100 * (last.cpu_s - first.cpu_s) / seconds / case.calls


_RECEIVED = 'bridge_rtp_packets_total{direction="received"}'


if __name__ == "__main__":
    asked = CodecPlan()
    figures = {"plan": asdict(asked), "rows": measure_codecs(Cores(), asked)}
    print("\n".join(tables.codecs(figures)))
