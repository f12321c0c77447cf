"""`uvbridge serve`: run the service until a signal ends it.

SIGTERM stops taking calls and lets those alive finish, bounded by ``sip.drain_timeout_s``. SIGINT
ends them with a BYE; so does a second SIGTERM. SIGHUP drains where a terminal goes away; elsewhere
it changes nothing, nor do SIGUSR1 and SIGUSR2, which would end a process without a word.

Under systemd it is told how we fare (Type=notify).
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import uvloop

from bridge.collector import Collector
from bridge.commands import descriptors
from bridge.commands.supervisor import Supervisor
from bridge.config import Config
from bridge.control import Control
from bridge.memory import use_huge_pages
from bridge.service import Service

__all__ = ["run"]

log = logging.getLogger("bridge.serve")

SHARED_DATABASE = (
    "= journal.database %s is open in another process as well: give each bridge one of its own, or"
    " calls that one of them is killed in have no end while the other lives"
)


def run(config: Config) -> None:
    """Serve until told to stop.

    Raises OSError, saying what and where, when the service cannot start.
    """
    use_huge_pages()
    limit, wanted = descriptors.enlarge(), descriptors.needed(config)
    if limit < wanted:
        told = "= only %d files may be open, and all calls at once need %d: raise LimitNOFILE"
        log.warning(told, limit, wanted)
    uvloop.run(_serve(config))


async def _serve(config: Config) -> None:
    signals, supervisor = _Signals(), Supervisor.from_environment()
    async with AsyncExitStack() as exits:
        service = await exits.enter_async_context(Service(config))
        if config.control.listen is not None:
            await exits.enter_async_context(Control(service, config.control))
        exits.enter_context(Collector(lambda: len(service.calls)))
        for warning in config.warnings:
            log.warning("= %s", warning)
        if service.papers.journal.shared:
            log.warning(SHARED_DATABASE, config.journal.database)
        log.info("= ready: %s", service.describe())
        supervisor.ready(service.describe())
        told = asyncio.create_task(
            supervisor.keep_told(service.alive, partial(_status, service)), name="supervisor"
        )
        exits.callback(told.cancel)
        await signals.drain.wait()
        if not signals.stop.is_set():
            service.drain()
            supervisor.stopping(_status(service), within_s=config.sip.drain_timeout_s)
            await _first(service.wait_idle(), signals.stop.wait(), config.sip.drain_timeout_s)
        log.info("= leaving, %d calls alive", len(service.calls))
        supervisor.stopping("leaving", within_s=0.0)
        # While the control API still listens: those who follow a call are told how it ended.
        await service.end_calls()


def _status(service: Service) -> str:
    """One line for `systemctl status`."""
    reasons = "; ".join(("", *service.unready()))
    return f"{len(service.calls)} of {service.config.sip.max_calls} calls{reasons}"


class _Signals:
    """SIGTERM asks to drain, SIGINT to stop; either twice, or one after the other, stops."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        attended = sys.stderr.isatty()
        loop.add_signal_handler(signal.SIGHUP, self._terminate if attended else self._ignore)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            loop.add_signal_handler(number, self._ignore)

    def _ignore(self) -> None:
        log.warning("= this signal changes nothing: there is no reload, a restart is needed")

    def _terminate(self) -> None:
        if self.drain.is_set():
            self.stop.set()
        self.drain.set()

    def _interrupt(self) -> None:
        self.stop.set()
        self.drain.set()


async def _first(
    idle: Coroutine[Any, Any, object], stop: Coroutine[Any, Any, object], timeout: float
) -> None:
    """Wait for the first of two coroutines, or the timeout."""
    waits = [asyncio.ensure_future(each) for each in (idle, stop)]
    _, late = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    for wait in late:
        wait.cancel()
