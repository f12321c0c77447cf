"""What the sound of a call has to reach in a bad network, and whether it does."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.impair.formats import G711
from tests.impair.judge import Verdict
from tests.impair.network import Network

__all__ = ["JUDGED", "Finding", "findings"]

_CLEAN = Network()
_JITTER_MS = 40.0
_OPINIONS = {0.01: 3.8, 0.03: 3.3, 0.05: 2.9}  # G.711, narrow band, random loss
_GAIN_AT, _GAIN = 0.03, 0.3
_CLEAN_P50_MS = 3.0
_JITTER_P95_MS = 45.0

JUDGED = (
    _CLEAN,
    *(
        Network(loss=loss, jitter_ms=_JITTER_MS, ordered=ordered)
        for ordered in (True, False)
        for loss in (0.0, *_OPINIONS)
    ),
)
"""The networks that have targets: clean, and 40 ms of jitter with and without a queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One target, and what was measured."""

    encoding: str
    network: Network
    what: str
    target: str
    measured: str
    met: bool


def findings(encoding: str, verdicts: Iterable[Verdict]) -> list[Finding]:
    """Each target that applies to these calls from the caller to the agent."""
    return [finding for verdict in verdicts for finding in _judge(encoding, verdict)]


def _judge(encoding: str, verdict: Verdict) -> list[Finding]:
    network = verdict.network
    found = []

    def expect(what: str, target: str, measured: str, *, met: bool) -> None:
        found.append(
            Finding(
                encoding=encoding,
                network=network,
                what=what,
                target=target,
                measured=measured,
                met=met,
            )
        )

    if not network.loss and network.ordered:
        expect("bit-exact", "yes", "yes" if verdict.exact else "no", met=verdict.exact)
    if network == _CLEAN:
        p50 = verdict.delay_ms(50)
        expect("delay p50", f"< {_CLEAN_P50_MS:g} ms", f"{p50:.1f} ms", met=p50 < _CLEAN_P50_MS)
    if network.jitter_ms == _JITTER_MS:
        p95 = verdict.delay_ms(95)
        expect("delay p95", f"< {_JITTER_P95_MS:g} ms", f"{p95:.1f} ms", met=p95 < _JITTER_P95_MS)
    if encoding not in G711:
        return found
    if least := _OPINIONS.get(network.loss):
        opinion = verdict.opinion
        expect("PESQ", f">= {least:g}", f"{opinion:.2f}", met=opinion >= least)
    if network.loss == _GAIN_AT:
        gain = verdict.opinion - verdict.opinion_silenced
        expect("PESQ above silence", f">= {_GAIN:g}", f"{gain:.2f}", met=gain >= _GAIN)
    return found
