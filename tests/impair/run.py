"""Judge the sound of speech that comes through bad networks, in virtual time.

    python -m tests.impair.run                  every codec, both ways, an hour of drift
    python -m tests.impair.run --targets        only the figures that have a target
    python -m tests.impair.run --utterances 24 --seeds 5 --codecs PCMU
    python -m tests.impair.run --keep           write docs/impair/CODEC.md too

Prints Markdown. The exit status is 1 when a target is missed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.impair import kept
from tests.impair.drift import Drift, agent_drift, caller_drift
from tests.impair.formats import FORMATS
from tests.impair.judge import AGENT_TO_CALLER, CALLER_TO_AGENT, Call, Verdict, listen, together
from tests.impair.network import Network
from tests.impair.speech import Speech, in_one_call, recordings
from tests.impair.table import drift_table, finding_table, verdict_table
from tests.impair.targets import JUDGED, findings

_LOSSES = (0.0, 0.01, 0.03, 0.05, 0.10)
_BURST = 2.5
_JITTERS_MS = (0.0, 20.0, 60.0, 120.0)
_DRIFT_PPM = 200.0
_DRIFT_S = 3600.0

UPLINK = (
    *(Network(loss=loss, jitter_ms=jitter) for loss in _LOSSES for jitter in _JITTERS_MS),
    *(
        Network(loss=loss, burst=_BURST, jitter_ms=jitter)
        for loss in _LOSSES[1:]
        for jitter in _JITTERS_MS
    ),
    *(Network(loss=0.03, jitter_ms=jitter, ordered=False) for jitter in _JITTERS_MS[1:]),
    Network(reorder=0.02),
    Network(loss=0.03, reorder=0.02, jitter_ms=20.0),
    Network(duplicate=0.05),
    Network(loss=0.03, reorder=0.02, duplicate=0.05, jitter_ms=60.0),
)
DOWNLINK = tuple(
    Network(loss=loss, burst=burst, jitter_ms=20.0) for burst in (1.0, _BURST) for loss in _LOSSES
)


def main() -> int:
    asked = _arguments()
    asked.codecs = [codec for codec in asked.codecs if _has_speech(codec)]
    with ProcessPoolExecutor() as pool:
        judge = partial(_judge, pool, asked)
        judged = {codec: judge(CALLER_TO_AGENT, codec, JUDGED) for codec in asked.codecs}
        found = [each for codec, verdicts in judged.items() for each in findings(codec, verdicts)]
        print(finding_table(found))
        for codec in asked.codecs:
            tables = [(f"{CALLER_TO_AGENT}, where there are targets", verdict_table(judged[codec]))]
            if not asked.targets:
                for way, networks in ((CALLER_TO_AGENT, UPLINK), (AGENT_TO_CALLER, DOWNLINK)):
                    tables.append((way, verdict_table(judge(way, codec, networks))))
            for way, table in tables:
                print(f"\n{codec}, {way}\n\n{table}", flush=True)
            if asked.keep:
                targets = finding_table(findings(codec, judged[codec]))
                kept.write(
                    codec,
                    targets,
                    tables,
                    utterances=asked.utterances,
                    seeds=asked.seeds,
                    whole=not asked.targets,
                )
        if not asked.targets:
            print(f"\n{asked.codecs[0]}, an hour between two clocks\n")
            table = drift_table(_drift(pool, asked))
            print(table)
            if asked.keep:
                kept.write_drift(asked.codecs[0], table)
    missed = [each for each in found if not each.met]
    print(f"\n{len(found) - len(missed)} of {len(found)} targets met")
    return 1 if missed or not found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Judge speech through bad networks.")
    parser.add_argument("--targets", action="store_true", help="only what has a target")
    parser.add_argument("--keep", action="store_true", help=f"write {kept.FOLDER}/ too")
    parser.add_argument("--utterances", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--codecs", nargs="+", choices=FORMATS, default=list(FORMATS))
    return parser.parse_args()


def _has_speech(encoding: str) -> bool:
    """Whether there is speech at this codec's rate; says what is missing if not."""
    try:
        recordings(1, FORMATS[encoding].sample_rate)
    except FileNotFoundError as error:
        print(f"{encoding} left out: {error}", file=sys.stderr)
        return False
    return True


def _judge(
    pool: ProcessPoolExecutor,
    asked: argparse.Namespace,
    way: str,
    encoding: str,
    networks: Sequence[Network],
) -> list[Verdict]:
    """Each network's verdict, over all seeds. Networks that lose the same packets share a job."""
    by_fate: dict[tuple[float, float], list[Network]] = {}
    for network in networks:
        by_fate.setdefault((network.loss, network.burst), []).append(network)
    jobs = [
        (Call(way=way, encoding=encoding, utterances=asked.utterances, seed=seed), group)
        for group in by_fate.values()
        for seed in range(1, asked.seeds + 1)
    ]
    heard: dict[Network, list[Verdict]] = {network: [] for network in networks}
    for verdicts in pool.map(listen, *zip(*jobs, strict=True)):
        for verdict in verdicts:
            heard[verdict.network].append(verdict)
    return [together(heard[network]) for network in networks]


def _drift(pool: ProcessPoolExecutor, asked: argparse.Namespace) -> list[Drift]:
    audio = FORMATS[asked.codecs[0]]
    speech = in_one_call(recordings(asked.utterances, audio.sample_rate))
    jobs = [
        pool.submit(_drift_of, way, speech, asked.codecs[0], ppm)
        for way in (caller_drift, agent_drift)
        for ppm in (_DRIFT_PPM, -_DRIFT_PPM)
    ]
    return [job.result() for job in jobs]


def _drift_of(way: Callable[..., Drift], speech: Speech, encoding: str, ppm: float) -> Drift:
    """In a process of the pool, to which a format that is compiled cannot be sent."""
    return way(speech, FORMATS[encoding], ppm=ppm, seconds=_DRIFT_S)


if __name__ == "__main__":
    sys.exit(main())
