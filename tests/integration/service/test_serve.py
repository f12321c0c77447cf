"""What `uvbridge serve` does with the process that it has for itself."""

import gc
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import uvloop
import yaml

from bridge.commands import serve
from bridge.config import parse
from tests.support.service import configuration

NOWHERE = "http://127.0.0.1:9"


class WhenReady(logging.Handler):
    """Has a look at the process once it serves, and ends it."""

    def __init__(self, look: Callable[[], tuple[int, bool]]) -> None:
        super().__init__(logging.INFO)
        self._look = look
        self.seen: list[tuple[int, bool]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "= ready" in record.getMessage():
            self.seen.append(self._look())
            os.kill(os.getpid(), signal.SIGINT)


def test_no_full_collection_comes_by_itself_while_it_serves(tmp_path: Path) -> None:
    config = parse(yaml.safe_dump(configuration(tmp_path, NOWHERE)), {}, folder=tmp_path)
    ready = WhenReady(lambda: (gc.get_threshold()[2], gc.get_freeze_count() > 0))
    log = logging.getLogger("bridge.serve")
    before, log.level = log.level, logging.INFO
    log.addHandler(ready)
    try:
        uvloop.run(serve._serve(config))  # huge pages are for a process of its own
    finally:
        log.removeHandler(ready)
        log.level = before
    ((threshold, frozen),) = ready.seen
    assert threshold >= 1_000_000
    assert frozen
