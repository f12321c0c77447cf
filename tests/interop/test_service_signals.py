"""How a running service leaves, as a process: SIGTERM lets calls finish, SIGINT ends them."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.caller import Phone, SipCall
from tests.support.service import offer_to
from tests.support.serving import serving
from tests.support.waiting import until


async def test_sigterm_lets_calls_finish_and_takes_no_new_ones(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, Phone() as phone:
        async with phone.call(served.address, user="echo", pitch=1050) as call:
            await call.line.speech()
            served.signal(signal.SIGTERM)
            await served.logged("= draining, 1 calls alive")
            refused = await offer_to(phone, served.address, user="echo")
            assert int((await refused.expect(503))["Retry-After"]) > 0
            await call.line.listen(0.5)
            assert call.bye is None
            assert served.process.returncode is None
        assert await served.gone() == 0
        assert (await served.record())["outcome"]["cause"] == "caller-hung-up"
        (agent,) = served.standin.calls.values()
        assert agent.end_reason == "hangup"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGINT, None),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGINT),
    ],
)
async def test_sigint_or_a_second_signal_ends_calls_with_a_bye(
    tmp_path: Path, first: signal.Signals, second: signal.Signals | None
) -> None:
    async with serving(tmp_path) as served, Phone() as phone:
        async with (
            phone.call(served.address, user="echo") as one,
            phone.call(served.address, user="talker") as two,
        ):
            await two.line.speech()
            ringing = await offer_to(phone, served.address, user="slow")
            await ringing.expect(180)
            (shown, *_) = await served.get("/v1/calls")
            follower = await served.api.get(f"/v1/calls/{shown['id']}/events")
            served.signal(first)
            if second is not None:
                await served.logged("= draining")
                served.signal(second)
            byes = await asyncio.gather(one.ended(), two.ended())
            await ringing.expect(503)
            assert '"cause": "shutdown"' in await follower.text()
        assert await served.gone() == 0
        assert all('text="shutdown"' in bye["Reason"] for bye in byes)
        causes = [(await served.record())["outcome"]["cause"] for _ in range(3)]
        assert causes == ["shutdown"] * 3
        await until(lambda: all(call.ended for call in served.standin.calls.values()))
        assert "Traceback" not in served.log


async def test_calls_that_outlast_the_drain_get_a_bye(tmp_path: Path) -> None:
    change = {"sip": {"drain_timeout_s": 0.3}}
    async with serving(tmp_path, change) as served, Phone() as phone:
        async with phone.call(served.address, user="echo") as call:
            served.signal(signal.SIGTERM)
            await call.ended()
        assert await served.gone() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_service_leaves_at_once(tmp_path: Path, number: signal.Signals) -> None:
    async with serving(tmp_path) as served:
        served.signal(number)
        assert await served.gone() == 0
        assert "Traceback" not in served.log


async def test_signals_that_mean_nothing_end_no_call(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, Phone() as phone:
        async with phone.call(served.address, user="echo") as call:
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
                served.signal(number)
            await served.logged("changes nothing")
            await call.line.listen(0.2)
        served.signal(signal.SIGTERM)
        assert await served.gone() == 0


async def test_a_service_told_to_stop_under_load_leaves_no_call_up(tmp_path: Path) -> None:
    answered = asyncio.Event()

    async def fate(call: SipCall) -> str:
        final = await call.final()
        if final.code != 200:
            return "refused"
        call.ack()
        answered.set()
        await call.ended()
        return "ended"

    async with serving(tmp_path) as served, Phone() as phone:
        fates = []
        for number in range(30):
            call = await offer_to(phone, served.address, user="echo")
            fates.append(asyncio.create_task(fate(call)))
            if number == 15:
                await answered.wait()
                served.signal(signal.SIGINT)
            await asyncio.sleep(0.01)
        assert await served.gone() == 0
        # Once the socket is gone nobody is heard any more.
        _, unheard = await asyncio.wait(fates, timeout=0.5)
        for each in unheard:
            each.cancel()
        ends = [await each for each in fates if each not in unheard]
        assert set(ends) == {"ended", "refused"}
        assert not unheard & set(fates[: len(ends)])
        assert "Traceback" not in served.log
        await until(lambda: all(call.ended for call in served.standin.calls.values()))
