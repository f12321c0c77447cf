"""The SIP thread: polls PJSIP and obeys commands from a queue in between; see ``core``."""

import contextlib
import logging
import queue
import threading
import time
import traceback
from concurrent.futures import Future
from typing import Final

import pjsua2 as pj

from sip.commands import Admit, Command
from sip.doorbell import Doorbell
from sip.pjsua.core import Core
from sip.settings import Listen, Settings
from sip.stack import Hooks, SipError, StackStats

__all__ = ["PjsuaStack"]

log = logging.getLogger("sip.pjsua")

POLL_S: Final = 0.1
"""The longest poll: what a lost ring of the doorbell would cost."""
STUMBLE_S: Final = 0.02
"""A breath after an error that nothing else caught, so that it cannot fill the log at speed."""
STOP_TIMEOUT_S: Final = 15.0

Order = tuple[Command | None, "Future[None]"]


class PjsuaStack:
    """PJSIP on a thread of its own; obeys ``sip.stack.Stack``."""

    def __init__(self) -> None:
        self.stats = StackStats()
        self.listening: tuple[Listen, ...] = ()
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._bell: Doorbell | None = None
        self._core: Core | None = None

    def start(self, settings: Settings, hooks: Hooks) -> None:
        """Open the listeners and start to register. Blocks; raises ListenError, SipError."""
        ready: Future[Core] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(settings, hooks, ready), name="sip", daemon=True
        )
        self._thread.start()
        self._core = ready.result()

    def submit(self, command: Command) -> "Future[None]":
        """Carry out a command soon, on the SIP thread."""
        done: Future[None] = Future()
        core = self._core
        if isinstance(command, Admit) and core is not None:
            # One assignment, safe from any thread. By the queue it would come after INVITEs
            # that arrived later and are being read.
            core.obey(command)
            done.set_result(None)
            return done
        self._orders.put((command, done))
        self._ring()
        if self._thread is not None and not self._thread.is_alive():
            self._dismiss()
        return done

    def stop(self) -> None:
        """Unregister, end what is left, close everything. Blocks for seconds at most."""
        if self._thread is None or not self._thread.is_alive():
            return
        self._orders.put((None, Future()))
        self._ring()
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            log.error("= the SIP thread did not stop within %.0f s", STOP_TIMEOUT_S)

    def _ring(self) -> None:
        bell = self._bell
        if bell is not None:
            bell.ring()

    def _run(self, settings: Settings, hooks: Hooks, ready: "Future[Core]") -> None:
        core = Core(settings, hooks, self.stats)
        failure: Exception | None = None
        try:
            self.listening = core.open()
            self._bell = core.doorbell(self.listening)
        except Exception as error:
            failure = _plain(error)
        if failure is not None:  # out of the handler: no frame holds on to PJSIP any more
            core.close()
            ready.set_exception(failure)
            return
        ready.set_result(core)
        try:
            self._serve(core)
        finally:
            bell, self._bell = self._bell, None
            if bell is not None:
                bell.close()
            core.close()
            self._dismiss()

    def _serve(self, core: Core) -> None:
        while True:
            try:
                core.poll(POLL_S)
                core.settle()
                if not self._obey(core):
                    return
                core.settle()
            except Exception:
                # One thread carries every call: none of them may end the others.
                log.error("= the SIP thread stumbled\n%s", traceback.format_exc())
                time.sleep(STUMBLE_S)

    def _obey(self, core: Core) -> bool:
        """Carry out what is asked; False when it is to leave."""
        while True:
            try:
                command, done = self._orders.get_nowait()
            except queue.Empty:
                return True
            if command is None:
                core.leave()
                return False
            _fulfil(core, command, done)

    def _dismiss(self) -> None:
        """Answer those who ask after the end."""
        with contextlib.suppress(queue.Empty):
            while True:
                _, done = self._orders.get_nowait()
                if done.set_running_or_notify_cancel():
                    done.set_exception(SipError("the SIP side has stopped"))


def _fulfil(core: Core, command: Command, done: "Future[None]") -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        core.obey(command)
    except Exception as error:
        done.set_exception(_plain(error))
    else:
        done.set_result(None)


def _plain(error: Exception) -> Exception:
    """The error without frames that hold pjsua2 objects, and in our own words."""
    if isinstance(error, SipError | ValueError):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    if isinstance(error, pj.Error):
        return SipError(str(error.reason) or str(error.title))
    log.error("= SIP command failed\n%s", traceback.format_exc())
    return SipError(f"{type(error).__name__}: {error}")
