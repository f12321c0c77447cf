"""Whose fault an exception is that came out of a scenario, and where it happened."""

import logging
import sysconfig
import traceback
from pathlib import Path

from bridge.causes import causes_of
from bridge.errors import CallError, ScenarioFailed
from sip import SipError

__all__ = ["blamed", "place_of"]

log = logging.getLogger("bridge.scenario")

OURS = Path(__file__).parents[2]
"""The bridge itself lies here; what lies elsewhere is somebody's scenario."""


def blamed(error: BaseException, call_id: str) -> CallError | SipError:
    """The error that ends the call: itself where it is one of the bridge's, else ScenarioFailed.

    Of several that tasks raised in a group it is the scenario's own fault, where there is one.
    Where the scenario failed is logged.
    """
    if isinstance(error, BaseExceptionGroup):
        errors = causes_of(error)
        theirs = (each for each in errors if not isinstance(each, CallError | SipError))
        error = next(theirs, errors[0])
    if isinstance(error, CallError | SipError):
        return error
    where = _where(error)
    log.error(
        "= call %s its scenario failed at %s: %s: %s", call_id, where, type(error).__name__, error
    )
    log.debug("= call %s its scenario failed", call_id, exc_info=error)
    return ScenarioFailed(f"{type(error).__name__} at {where}")


def place_of(frames: traceback.StackSummary, *, installed: bool = False) -> str | None:
    """File and line of the innermost frame that is a scenario's; None where there is none.

    A scenario may be `installed` among the libraries.
    """
    theirs = [frame for frame in frames if _theirs(Path(frame.filename), installed=installed)]
    return f"{theirs[-1].filename}:{theirs[-1].lineno}" if theirs else None


def _where(error: BaseException) -> str:
    """Where a scenario failed; where the bridge did, if it was called wrongly at once."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    where = place_of(frames) or place_of(frames, installed=True)
    return where or f"{last.filename}:{last.lineno}"


def _theirs(file: Path, *, installed: bool) -> bool:
    own = any(file.is_relative_to(OURS / package) for package in ("bridge", "sip", "rtp"))
    packaged = "site-packages" in file.parts
    library = file.is_relative_to(sysconfig.get_path("stdlib")) and not packaged
    return file.is_absolute() and not own and not library and (installed or not packaged)
