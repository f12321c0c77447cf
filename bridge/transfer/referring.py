"""A REFER, followed to its end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.outcome import Cause, Outcome, Result
from bridge.parties.party import Party
from sip import Leg, ReferProgress, SipError

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["TRANSFERRED", "Refused", "refer"]

TRANSFERRED = Outcome(result=Result.SUCCESS, cause=Cause.TRANSFERRED)
"""How a call ends that now goes on without us."""
_GONE_EARLY = Outcome(
    result=Result.SUCCESS,
    cause=Cause.TRANSFERRED,
    detail="the other side hung up before it told the outcome",
)


class Refused(Exception):
    """The other side would not even try: the REFER itself was refused, or could not be sent."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


async def refer(
    call: "Call",
    party: Party,
    target: str,
    *,
    headers: Mapping[str, str],
    replaces: Leg | None = None,
) -> ReferProgress:
    """Ask a party to call `target`; returns the final word of what came of it. Raises Refused.

    A party that hangs up while it is at it has been transferred, as far as anybody can tell.
    """
    assert party.leg is not None
    tried = False
    try:
        await party.leg.refer(target, headers=headers, replaces=replaces)
        while True:
            progress = await party.progress.get()
            if progress.final:
                break
            tried = True
            call.last_word = _GONE_EARLY
            call.note("transfer-progress", code=progress.code)
    except SipError as error:
        raise Refused(0, str(error)) from error
    finally:
        if not (party.leg.ended is not None and tried):
            call.last_word = None
    if progress.code >= 300 and not tried:
        raise Refused(progress.code, progress.reason)
    return progress
