"""Session timers (RFC 4028) at the least interval there is, 90 s, as a program of its own.

    python -m tests.support.session_timers

Half of such an interval, after which its refresher refreshes, is longer than a test may take. So
this runs beside the other tests: it says as JSON what became of three calls, about 65 s later.
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.support import caller
from tests.support.caller import Message, Phone, SipCall, describe
from tests.support.line import Line
from tests.support.service import Bridge, running

INTERVAL_S = 90
TIMER = ("Supported: timer", "Min-SE: 90")
CHANGES = {
    "sip": {"session_expires_s": INTERVAL_S},
    "media": {"rtp_timeout_s": 0},
}


def expires(refresher: str) -> str:
    """The header that names who refreshes."""
    return f"Session-Expires: {INTERVAL_S};refresher={refresher}"


async def refreshed(call: SipCall, line: Line, refresher: str) -> dict[str, Any]:
    """Wait for the bridge to refresh, say yes, and hang up."""
    began = asyncio.get_running_loop().time()
    request: Message = await call.next()
    body = describe(line, version=2) if request.body else ""
    call.reply(request, "200 OK", *TIMER[:1], expires(refresher), body=body)
    if request.method == "INVITE":
        await call.expect("ACK")
    after_s = asyncio.get_running_loop().time() - began
    await call.hang_up()
    return {"method": request.method, "after_s": after_s, "header": request["Session-Expires"]}


async def we_refresh_as_called(bridge: Bridge, phone: Phone) -> dict[str, Any]:
    """The caller wants the bridge to refresh."""
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line), *TIMER, expires("uas"))
        answer = await call.expect(200)
        call.ack()
        return {"agreed": answer["Session-Expires"], **await refreshed(call, line, "uas")}


async def we_refresh_as_caller(bridge: Bridge, phone: Phone) -> dict[str, Any]:
    """The callee leaves it to the bridge, which called, to refresh."""
    host, port = phone.address
    await bridge.post("/v1/calls", {"to": f"sip:1@{host}:{port}", "agent": "silent"})
    async with Line() as line:
        call = await phone.called()
        assert call.invite is not None
        call.reply(call.invite, "200 OK", "Require: timer", expires("uac"), body=describe(line))
        await call.expect("ACK")
        offered = call.invite["Session-Expires"]
        return {"agreed": offered, **await refreshed(call, line, "uac")}


async def they_never_refresh(bridge: Bridge, phone: Phone) -> dict[str, Any]:
    """The caller wants to refresh and then forgets to."""
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line), *TIMER, expires("uac"))
        answer = await call.expect(200)
        call.ack()
        began = asyncio.get_running_loop().time()
        await call.ended()
        after_s = asyncio.get_running_loop().time() - began
    return {"agreed": answer["Session-Expires"], "after_s": after_s}


async def main() -> None:
    caller.PATIENCE_S = 2 * INTERVAL_S
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running(Path(folder), CHANGES) as bridge,
            Phone() as one,
            Phone() as two,
            Phone() as three,
        ):
            called, forgotten, calling = await asyncio.gather(
                we_refresh_as_called(bridge, one),
                they_never_refresh(bridge, two),
                we_refresh_as_caller(bridge, three),
            )
            causes = sorted([(await bridge.record())["outcome"]["cause"] for _ in range(3)])
    told = {"called": called, "forgotten": forgotten, "calling": calling, "causes": causes}
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main())
