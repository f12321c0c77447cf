"""Letters from the outbox to receivers that fail, hang, go away and come back."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bridge.archive import outbox
from bridge.archive.outbox import Letter
from bridge.configuration.sections import JournalConfig
from bridge.configuration.webhooks import WebhookConfig
from bridge.papers.journal import Journal
from bridge.webhooks import Couriers, courier, couriers
from bridge.webhooks.clock import steady
from deploy.ports import free_port
from tests.support.hook_receiver import SECRET, Delivery, HookReceiver, receiving, verify
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other in hundredths of a second."""
    monkeypatch.setattr(courier, "POLL_S", 0.05)
    monkeypatch.setattr(courier, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(couriers, "DRAIN_S", 0.3)


def kept(folder: Path) -> Journal:
    return Journal(JournalConfig.model_validate({"database": str(folder / "calls.db")}))


def hook(url: str, **more: Any) -> WebhookConfig:
    return WebhookConfig.model_validate({"url": url, "secret": SECRET, **more})


def letters(url: str, *calls: str, each: int = 5) -> list[Letter]:
    """Some letters for each call, told apart by their number."""
    return [
        Letter(
            id=f"{call}/{number}",
            endpoint=url,
            call=call,
            event=str(number),
            written=steady(),
            body=f'{{"id": "{call}/{number}", "event": "{number}", "call": "{call}"}}',
        )
        for number in range(each)
        for call in calls
    ]


def failing(times: int, *, headers: dict[str, str] | None = None) -> Callable[[Delivery], Any]:
    """Answers each call's first tries with 500."""
    tries: dict[str, int] = {}

    def answer(delivery: Delivery) -> web.Response | None:
        call = delivery.said["call"]
        tries[call] = tries.get(call, 0) + 1
        return web.Response(status=500, headers=headers) if tries[call] <= times else None

    return answer


def of(receiver: HookReceiver, call: str) -> list[str]:
    return [each.event for each in receiver.taken if each.said["call"] == call]


IN_ORDER = ["0", "1", "2", "3", "4"]


async def test_letters_arrive_once_and_in_order_for_each_call_where_all_is_well(
    tmp_path: Path,
) -> None:
    async with receiving() as receiver, kept(tmp_path) as journal:
        async with Couriers([hook(receiver.url)], journal) as carried:
            names = [f"c-{number}" for number in range(20)]
            journal.post(letters(receiver.url, *names))
            carried.wake()
            await receiver.took(100)
            await until(lambda: carried.fates["delivered"] == 100)
        assert all(of(receiver, name) == IN_ORDER for name in names)
        assert len(receiver.tries) == 100
        assert receiver.tries[0].headers["Content-Type"] == "application/json"


async def test_a_receiver_that_fails_three_times_gets_each_in_order_after_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(answer=failing(3)) as receiver, kept(tmp_path) as journal:
        async with Couriers([hook(receiver.url)], journal) as carried:
            journal.post(letters(receiver.url, "c-1", "c-2"))
            await receiver.took(10)
            await until(lambda: not carried.pending)
        assert of(receiver, "c-1") == of(receiver, "c-2") == IN_ORDER
        assert carried.fates == {"delivered": 10, "failed": 6}
    assert caplog.text.count("fails: answered 500") == 1
    assert SECRET not in caplog.text
    assert "/hook" not in caplog.text


async def test_a_receiver_that_hangs_delays_no_other(tmp_path: Path) -> None:
    async with (
        receiving() as good,
        receiving(hang=True) as slow,
        kept(tmp_path) as journal,
    ):
        hooks = [hook(slow.url, timeout_s=2), hook(good.url)]
        async with Couriers(hooks, journal) as carried:
            names = [f"c-{number}" for number in range(30)]
            journal.post(letters(slow.url, *names, each=1))
            await until(lambda: len(slow.tries) >= courier.PARALLEL)
            journal.post(letters(good.url, *names, each=1))
            carried.wake()
            await good.took(30)
            assert carried.fates["failed"] == 0  # the slow one's letters are all still on their way
            await until(lambda: carried.fates["failed"] >= 8)
            assert carried.pending == 30
            slow.hang = False
            await slow.took(30)


async def test_a_clock_that_is_set_back_delays_no_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        receiving(answer=failing(1)) as receiver,
        kept(tmp_path) as journal,
        Couriers([hook(receiver.url)], journal) as carried,
    ):
        journal.post(letters(receiver.url, "a"))
        true = time.time
        monkeypatch.setattr(time, "time", lambda: true() - 7200)
        carried.wake()
        await receiver.took(5)
        assert of(receiver, "a") == IN_ORDER


async def test_retry_after_is_heeded(tmp_path: Path) -> None:
    answer = failing(1, headers={"Retry-After": "1"})
    async with (
        receiving(answer=answer) as receiver,
        kept(tmp_path) as journal,
        Couriers([hook(receiver.url)], journal),
    ):
        journal.post(letters(receiver.url, "c-1", each=1))
        await receiver.took(1)
    first, second = receiver.tries
    assert second.at - first.at >= 1


async def test_what_is_gone_or_too_old_is_given_up_and_the_next_takes_its_turn(
    tmp_path: Path,
) -> None:
    def gone(delivery: Delivery) -> web.Response | None:
        return web.Response(status=410) if delivery.event == "0" else None

    async with (
        receiving(answer=gone) as receiver,
        kept(tmp_path) as journal,
        Couriers([hook(receiver.url)], journal) as carried,
    ):
        journal.post(letters(receiver.url, "c-1"))
        assert await receiver.took(4) == IN_ORDER[1:]
        assert carried.fates["dead"] == 1
    async with (
        receiving(answer=failing(99)) as receiver,
        kept(tmp_path) as journal,
        Couriers([hook(receiver.url, give_up_h=0.1 / 3600)], journal) as carried,
    ):
        journal.post(letters(receiver.url, "c-1", each=1))
        await until(lambda: carried.fates["dead"] == 1)
    assert len(receiver.tries) >= 2


async def test_a_receiver_down_at_the_exit_is_told_after_the_next_start(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    async with kept(tmp_path) as journal:
        began = time.monotonic()
        async with Couriers([hook(url)], journal) as carried:
            journal.post(letters(url, "c-1"))
            await until(lambda: carried.fates["failed"] > 0)
        assert time.monotonic() - began < 3
    async with (
        receiving(port) as receiver,
        kept(tmp_path) as journal,
        Couriers([hook(url)], journal),
    ):
        assert await receiver.took(5) == IN_ORDER


async def test_what_is_due_at_the_exit_still_goes_out_while_a_hanging_receiver_is_left(
    tmp_path: Path,
) -> None:
    async with receiving() as good, receiving(hang=True) as slow, kept(tmp_path) as journal:
        began = time.monotonic()
        async with Couriers([hook(slow.url), hook(good.url)], journal):
            journal.post(letters(slow.url, "c-1"))
            journal.post(letters(good.url, "c-1"))
        assert good.events == IN_ORDER
        assert time.monotonic() - began < 2


async def test_of_two_processes_one_delivers_and_the_other_takes_over(tmp_path: Path) -> None:
    async with (
        receiving() as receiver,
        kept(tmp_path) as one,
        kept(tmp_path) as two,
        Couriers([hook(receiver.url)], two) as second,
    ):
        async with Couriers([hook(receiver.url)], one) as first:
            two.post(letters(receiver.url, "c-1"))
            await receiver.took(5)
            assert sorted((first.fates["delivered"], second.fates["delivered"])) == [0, 5]
        two.post(letters(receiver.url, "c-2"))
        await receiver.took(10)
    assert len(receiver.tries) == 10


async def test_while_the_outbox_cannot_be_written_nothing_is_delivered_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        receiving() as receiver,
        kept(tmp_path) as journal,
        Couriers([hook(receiver.url)], journal) as carried,
    ):
        full = True
        settle = outbox.settle

        def refuse(*words: Any) -> None:
            if full:
                raise sqlite3.OperationalError("database or disk is full")
            settle(*words)

        monkeypatch.setattr(outbox, "settle", refuse)
        journal.post(letters(receiver.url, "c-1"))
        await receiver.took(1)
        await asyncio.sleep(0.2)
        assert len(receiver.tries) == 1
        full = False
        assert await receiver.took(5) == IN_ORDER
        await until(lambda: carried.fates["delivered"] == 5)


async def test_both_secrets_sign_while_receivers_change_over(tmp_path: Path) -> None:
    async with (
        receiving() as receiver,
        kept(tmp_path) as journal,
        Couriers([hook(receiver.url, secret="new", former_secret=SECRET)], journal),
    ):
        journal.post(letters(receiver.url, "c-1", each=1))
        await receiver.took(1)
    headers = receiver.taken[0].headers
    body = letters(receiver.url, "c-1", each=1)[0].body.encode()
    for secret in ("new", SECRET):
        verify(headers["Webhook-Timestamp"], body, headers["Webhook-Signature"], secret)
    with pytest.raises(AssertionError):
        verify(headers["Webhook-Timestamp"], body, headers["Webhook-Signature"], "other")


async def test_of_an_outbox_that_has_grown_too_large_the_oldest_letters_go_and_are_counted(
    tmp_path: Path,
) -> None:
    async with kept(tmp_path) as journal:
        url = f"http://127.0.0.1:{free_port()}/hook"
        some = letters(url, "c-1", "c-2", each=50)
        most = (sum(len(letter.body) for letter in some[-20:]) + 5) / 1_000_000
        await journal.post(some)  # type: ignore[misc]
        async with Couriers([hook(url, keep_mb=most)], journal) as delivering:
            await until(lambda: delivering.fates["shed"] == 80)
            await until(lambda: delivering.pending == 20)
