import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator

import pytest

from bridge import log_queue
from bridge.log_queue import QueuedHandler


@pytest.fixture
def pipe() -> Iterator[tuple[int, logging.Logger, QueuedHandler]]:
    """A log that goes into a pipe, which nobody reads yet."""
    reading, writing = os.pipe()
    with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "w") as stream:
        handler = QueuedHandler(stream)
        log = logging.getLogger("tests.pipe")
        log.propagate = False
        log.setLevel(logging.INFO)
        log.addHandler(handler)
        yield reading, log, handler
        log.removeHandler(handler)
        os.close(reading)  # lets the thread go on, whatever it still had to write


def drained(reading: int, end: str) -> list[str]:
    """All lines up to one that holds `end`."""
    text = ""
    while end not in text or not text.endswith("\n"):
        text += os.read(reading, 65536).decode()
    return text.splitlines()


def test_lines_come_out_in_order(pipe: tuple[int, logging.Logger, QueuedHandler]) -> None:
    reading, log, handler = pipe
    for number in range(1000):
        log.info("line %d", number)
    handler.flush()
    assert drained(reading, "line 999") == [f"line {number}" for number in range(1000)]
    assert handler.lost == 0


def test_a_reader_that_stalls_holds_nobody_up_and_is_told_what_it_missed(
    pipe: tuple[int, logging.Logger, QueuedHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_queue, "CAPACITY", 1000)
    monkeypatch.setattr(log_queue, "FLUSH_S", 0.05)
    reading, log, handler = pipe
    for number in range(5000):
        log.info("line %d %s", number, "x" * 100)
    assert handler.lost > 3000
    handler.flush()
    missed = handler.lost
    reader: list[str] = []
    thread = threading.Thread(target=lambda: reader.extend(drained(reading, "the last")))
    thread.start()
    while handler._queued - handler._written >= 1000:
        time.sleep(0.001)
    log.info("the last")
    thread.join(5)
    assert f"% {missed} lines of the log were lost before this one" in reader
    assert len(reader) == 5000 - missed + 2


def test_a_log_call_that_is_wrong_fails_nobody(
    pipe: tuple[int, logging.Logger, QueuedHandler], capsys: pytest.CaptureFixture[str]
) -> None:
    reading, log, handler = pipe
    wrong = logging.LogRecord("x", logging.INFO, "x", 1, "%d", ("no number",), None)
    handler.handle(wrong)
    log.info("the next")
    handler.flush()
    assert drained(reading, "the next") == ["the next"]
    assert "no number" in capsys.readouterr().err


def test_a_reader_that_is_gone_is_no_fault(
    pipe: tuple[int, logging.Logger, QueuedHandler],
) -> None:
    reading, log, handler = pipe
    spare = os.open(os.devnull, os.O_RDONLY)
    os.dup2(spare, reading)
    os.close(spare)
    for number in range(10):
        log.info("line %d", number)
        handler.flush()
    assert handler._written == handler._queued == 10
