"""Looks for a wire that has fallen silent."""

import asyncio

from bridge.outcome import Cause, Outcome, Result
from bridge.parties.party import Party

__all__ = ["silent"]

NEVER = ", nor ever before; see sip.public_address, and the firewall for media.ports"
INTERVAL_S = 1.0
"""How often a silent wire is looked for."""


async def silent(party: Party, *, timeout_s: float) -> Outcome:
    """Wait until no RTP of a party that is not held has come for `timeout_s`.

    Where it may send comfort noise once and then nothing, its RTCP reports say that it is there.
    """
    loop = asyncio.get_running_loop()
    since = loop.time()
    reports = 0
    while True:
        await asyncio.sleep(INTERVAL_S)
        now = loop.time()
        before, reports = reports, party.stream.stats.remote_reports
        hushed = party.media is not None and party.media.comfort_noise
        if party.held or (hushed and reports > before):
            since = now
        heard = party.stream.last_received
        if now - max(since, heard or 0.0) > timeout_s:
            ever = "" if heard is not None else NEVER
            return Outcome(
                result=Result.INDETERMINATE,
                cause=Cause.MEDIA_LOST,
                detail=f"no RTP for {timeout_s:g} s{ever}",
            )
