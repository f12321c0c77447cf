"""The last judgement of each codec, kept with the code: `docs/impair/CODEC.md`."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["FOLDER", "write"]

FOLDER = "docs/impair"
_ROOT = Path(__file__).parents[2]
_MEASURES = {"PCMU": "narrow band (P.862.1)", "PCMA": "narrow band (P.862.1)"}


def write(
    codec: str, targets: str, tables: Iterable[tuple[str, str]], *, utterances: int, seeds: int
) -> Path:
    """Write what was found of one codec; returns where."""
    measure = _MEASURES.get(codec, "wide band (P.862.2)")
    parts = [
        f"# {codec} through bad networks",
        f"Made by `python -m tests.impair.run --keep` at {_commit()}: {utterances} recorded "
        f"utterances, {seeds} seeds of each network, in virtual time. "
        f"PESQ is {measure}.",
        targets,
    ]
    for way, table in tables:
        parts += [f"## {way.capitalize()}", table]
    path = _ROOT / FOLDER / f"{codec}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n")
    return path


def _commit() -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(asked, cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no commit"
