"""The last judgement of each codec and of clocks, kept with the code in `docs/impair`."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["FOLDER", "write", "write_drift"]

FOLDER = "docs/impair"
_ROOT = Path(__file__).parents[2]
_READING = """\
Recorded speech goes in packets of 20 ms through a network that loses, delays and doubles them,
into what takes them in a call, and what is handed up of it is compared with what was recorded.
Counts are of all calls together.

- **network**: what it loses, each packet by itself or in bursts of that mean length; its delay
  beyond a base of 40 ms, spread evenly from 0 to the jitter, packets waiting in a queue or, "out of
  order", each on its own way; how many are overtaken or come twice.
- **given up**: packets that did not come in time; **late**: those that came after that.
- **concealed**: frames invented for them; **silence**: frames of it between the first and the last.
- **PESQ, silence put in**: the same losses with silence for each and no other harm; **as heard**:
  with what was handed up, "exact" where that is what was sent, sample by sample.
- **delay added**: of each frame beyond the base, so with the network's own jitter in it.

From the agent to the caller, the telephone that hears conceals as this bridge does."""
_DRIFT = """\
Speech for an hour, its sender's clock that much faster than ours: the caller's over a network with
20 ms of jitter, and the agent's, which feeds the playout in real time."""
_MEASURES = {"PCMU": "narrow band (P.862.1)", "PCMA": "narrow band (P.862.1)"}


def write(
    codec: str,
    targets: str,
    tables: Iterable[tuple[str, str]],
    *,
    utterances: int,
    seeds: int,
    whole: bool = True,
) -> Path:
    """Write what was found of one codec, in the `whole` sweep or a part; returns where."""
    measure = _MEASURES.get(codec, "wide band (P.862.2)")
    parts = [
        f"# {codec} through bad networks",
        f"Made by `python -m tests.impair.run {'' if whole else '--targets '}--keep` at "
        f"{_commit()}: {utterances} recorded "
        f"utterances, {seeds} seeds of each network, in virtual time. "
        f"PESQ is {measure}, the mean of all utterances.",
        _READING,
        targets,
    ]
    for way, table in tables:
        parts += [f"## {way.capitalize()}", table]
    path = _ROOT / FOLDER / f"{codec}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n")
    return path


def write_drift(codec: str, table: str) -> Path:
    """Write what an hour between two clocks did to the sound; returns where."""
    path = _ROOT / FOLDER / "drift.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    how = f"Made by `python -m tests.impair.run --keep` at {_commit()}"
    made = f"{how}, with {codec}, in virtual time."
    path.write_text("\n\n".join(["# An hour between two clocks", made, _DRIFT, table]) + "\n")
    return path


def _commit() -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(asked, cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no commit"
